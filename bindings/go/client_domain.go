package mtasts

import "sync"

// domain is what a client knows of one Policy Domain.
type domain struct {
	name string
	// turn is held through a whole event, I/O of the store included.
	turn sync.Mutex

	// mu guards what follows, and is never held through I/O: a caller whose deadline has come looks at it.
	mu sync.Mutex
	// state and the version of its row, 0 when it has none.
	state   []byte
	version uint64
	// checkedAt is the uptime in milliseconds at which the row was last looked at, -1 for never.
	checkedAt int64
	// unwritten: the store refused the state; memory is newer.
	unwritten bool
	// damaged: a row was unreadable. Until a policy takes its place, whatever is no policy is temporary.
	damaged                    bool
	queryInFlight, getInFlight bool
	// detail is what failed last, in words.
	detail  string
	waiters map[*waiter]bool

	// users counts those who hold the entry; guarded by the client's mutex.
	users int
}

type outcome struct {
	decision Decision
	err      error
}

// waiter is one caller. It is answered once; what comes later is dropped.
type waiter struct {
	answer  chan outcome
	recheck bool
}

func (w *waiter) give(answer outcome) {
	select {
	case w.answer <- answer:
	default:
	}
}

func (entry *domain) wait(recheck bool) *waiter {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	made := &waiter{answer: make(chan outcome, 1), recheck: recheck}
	entry.waiters[made] = true
	return made
}

func (entry *domain) stopWaiting(w *waiter) {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	delete(entry.waiters, w)
}

func (entry *domain) answerAll(answer outcome) {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	for w := range entry.waiters {
		w.give(answer)
	}
}

func (entry *domain) mark(flag *bool, value bool) {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	*flag = value
}

func (entry *domain) note(detail string) {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	entry.detail = detail
}

func (entry *domain) detailNow() string {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	return entry.detail
}

// flags is what a step is told beside its event. mu must be held.
func (entry *domain) flags(unreadable bool) Flag {
	set := Flag(flagOf(entry.queryInFlight, uint32(FlagQueryInFlight)) | flagOf(entry.getInFlight, uint32(FlagGetInFlight)) |
		flagOf(unreadable || entry.damaged, uint32(FlagStoreUnreadable)))
	for w := range entry.waiters {
		if w.recheck {
			set |= FlagRecheckWaiting
		}
	}
	return set
}

// use finds or makes the entry of a domain; release must follow.
func (client *Client) use(name string) *domain {
	client.mu.Lock()
	defer client.mu.Unlock()
	entry := client.domains[name]
	if entry == nil {
		client.makeRoom()
		entry = &domain{name: name, checkedAt: -1, waiters: map[*waiter]bool{}}
		client.domains[name] = entry
	}
	entry.users++
	return entry
}

func (client *Client) retain(entry *domain) {
	client.mu.Lock()
	defer client.mu.Unlock()
	entry.users++
}

func (client *Client) release(entry *domain) {
	client.mu.Lock()
	defer client.mu.Unlock()
	entry.users--
}

// How many entries are looked at for one that may go. The order of a map is random.
const evictionTries = 32

// makeRoom drops one entry that nobody uses and that the store can give back. mu must be held.
func (client *Client) makeRoom() {
	if len(client.domains) < client.options.MaxDomains {
		return
	}
	tries := 0
	for name, entry := range client.domains {
		if entry.users == 0 && !entry.unwritten && !entry.damaged {
			delete(client.domains, name)
			return
		}
		if tries++; tries == evictionTries {
			return
		}
	}
}
