package mtasts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Options of a Client; only Store has no default that suits a mail server.
type Options struct {
	// DNS: default, the servers of /etc/resolv.conf.
	DNS Resolver
	// HTTPS: default, an HTTPSFetcher with its defaults.
	HTTPS Fetcher
	// Store: default, a MemoryStore.
	Store Store
	// Patience is how long a caller waits for a discovery when its context has no earlier deadline; default 20 s. The
	// discovery goes on after it.
	Patience time.Duration
	// OnFailure is what a failing TXT lookup means while nothing is held; default: defer for ten minutes.
	OnFailure OnFailure
	Leniency  Leniency
	// OnNotice is told what an operator must hear of; count NoticeDiscoveryOpen and NoticePolicyWeakened at least.
	OnNotice func(domain string, notice Notice)
	// Log gets notices and faults; nil: nothing is logged.
	Log *slog.Logger
	// MaxDomains are held in memory; default 50,000. Policies beyond that are read from the store again.
	MaxDomains int
	// MaxWaiting callers may wait for discoveries at once; default 20,000. More are told to try again later.
	MaxWaiting int
	// Clock: default, the system's.
	Clock func() Clock
}

// Client is the loop around the core: it hands it events and carries out the effects it asks for, one domain at a time in
// order, many domains at once. It decides nothing itself. It may be used by any number of goroutines.
type Client struct {
	core    *Core
	options Options
	clock   func() Clock
	steady  func() uint32
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	domains   map[string]*domain
	wakes     map[string]*time.Timer
	waiting   int
	highWater uint32
}

// ErrClosed says that the client was closed.
var ErrClosed = errors.New("mtasts: the client is closed")

// NewClient makes a client and lets the stored policies name their refresh times. An error means that the store cannot be
// read: do not send mail without it.
func NewClient(core *Core, options Options) (*Client, error) {
	options = withDefaults(core, options)
	ctx, cancel := context.WithCancel(context.Background())
	client := &Client{
		core: core, options: options, clock: options.Clock, steady: steadyTime(options.Clock), ctx: ctx, cancel: cancel,
		domains: map[string]*domain{}, wakes: map[string]*time.Timer{},
	}
	var err error
	if client.highWater, err = options.Store.HighWater(ctx); err != nil {
		cancel()
		return nil, err
	}
	stored, err := options.Store.Domains(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	client.inBackground(func() {
		for _, name := range stored {
			client.refresh(name)
		}
	})
	return client, nil
}

func withDefaults(core *Core, options Options) Options {
	if options.DNS == nil {
		options.DNS = NewDNSClient()
	}
	if options.HTTPS == nil {
		options.HTTPS = NewHTTPSFetcher(core, options.DNS, FetchOptions{})
	}
	if options.Store == nil {
		options.Store = NewMemoryStore()
	}
	if options.Patience == 0 {
		options.Patience = 20 * time.Second
	}
	if options.OnNotice == nil {
		options.OnNotice = func(string, Notice) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if options.MaxDomains == 0 {
		options.MaxDomains = 50_000
	}
	if options.MaxWaiting == 0 {
		options.MaxWaiting = 20_000
	}
	if options.Clock == nil {
		options.Clock = systemClock()
	}
	return options
}

// Lookup says what to honour for the domain of a recipient. It never fails open: what cannot be decided is VerdictTemp,
// with the error that says why, if there is one. ErrNotADomain: an address literal or the like, which has no policy.
func (client *Client) Lookup(ctx context.Context, domain string) (Decision, error) {
	return client.ask(ctx, domain, StepRequest{Event: EventLookup})
}

// Recheck looks for a newer policy before mail is given up for good, and waits for it.
func (client *Client) Recheck(ctx context.Context, domain string) (Decision, error) {
	return client.ask(ctx, domain, StepRequest{Event: EventRecheck})
}

// Close ends flights, answers everybody who waits VerdictTemp, and waits until nothing runs any more. The store and the
// core may be closed afterwards.
func (client *Client) Close() {
	client.mu.Lock()
	client.closed = true
	for _, timer := range client.wakes {
		timer.Stop()
	}
	client.mu.Unlock()
	client.cancel()
	client.running.Wait()
}

// inBackground runs a task that Close waits for; false when the client is closed.
func (client *Client) inBackground(task func()) bool {
	client.mu.Lock()
	defer client.mu.Unlock()
	if client.closed {
		return false
	}
	client.running.Add(1)
	go func() {
		defer client.running.Done()
		task()
	}()
	return true
}

// A domain to which _mta-sts. cannot be prefixed cannot publish a record.
const recordPrefix = "_mta-sts."

func (client *Client) ask(ctx context.Context, name string, request StepRequest) (Decision, error) {
	canonical, err := Canonical(name)
	if err != nil {
		return temporary(name, ReasonDiscoveryFailed, err.Error()), err
	}
	if len(recordPrefix)+len(canonical) > domainLimit {
		return Decision{Domain: canonical, Verdict: VerdictNone, Status: StatusNoRecord, Reuse: 60}, nil
	}
	if !client.admit() {
		return temporary(canonical, ReasonDiscoveryPending, ErrOverloaded.Error()), ErrOverloaded
	}
	defer client.leave()
	entry := client.use(canonical)
	defer client.release(entry)
	// The waiter is there before the event, so that no answer can pass it by.
	waiter := entry.wait(request.Event == EventRecheck)
	defer entry.stopWaiting(waiter)
	if !client.submitLater(entry, request, waiter) {
		return temporary(canonical, ReasonDiscoveryPending, ErrClosed.Error()), ErrClosed
	}
	patience := time.NewTimer(client.options.Patience)
	defer patience.Stop()
	select {
	case outcome := <-waiter.answer:
		return outcome.decision, outcome.err
	case <-ctx.Done():
	case <-patience.C:
	case <-client.ctx.Done():
		return temporary(canonical, ReasonDiscoveryPending, ErrClosed.Error()), ErrClosed
	}
	return client.peek(entry)
}

func (client *Client) admit() bool {
	client.mu.Lock()
	defer client.mu.Unlock()
	if client.waiting >= client.options.MaxWaiting {
		return false
	}
	client.waiting++
	return true
}

func (client *Client) leave() {
	client.mu.Lock()
	defer client.mu.Unlock()
	client.waiting--
}

// submitLater runs an event in the background: a store that hangs must not hold a caller beyond its deadline.
func (client *Client) submitLater(entry *domain, request StepRequest, asker *waiter) bool {
	client.retain(entry)
	ran := client.inBackground(func() {
		defer client.release(entry)
		client.submit(entry, request, asker)
	})
	if !ran {
		client.release(entry)
	}
	return ran
}

// submit handles one event when the domain's earlier ones are done. A fault of ours is temporary for everybody concerned.
func (client *Client) submit(entry *domain, request StepRequest, asker *waiter) {
	entry.turn.Lock()
	defer entry.turn.Unlock()
	effects, answer, err := client.transition(entry, &request)
	if err != nil {
		client.options.Log.Error("mta-sts: internal error", "domain", entry.name, "event", request.Event, "error", err)
		decision := temporary(entry.name, ReasonStoreUnavailable, err.Error())
		entry.answerAll(outcome{decision, err})
		return
	}
	client.report(entry, effects)
	client.carryOut(entry, effects)
	if answer == nil {
		return
	}
	if asker != nil {
		asker.give(outcome{*answer, nil})
	} else if request.Event == EventRecord || request.Event == EventPolicy {
		entry.answerAll(outcome{*answer, nil})
	}
}
