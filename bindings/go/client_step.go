package mtasts

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// A row is looked at again at least this often, and before each record check: other processes write too.
	versionCheckMS = 60_000
	conflictLimit  = 100
)

// transition runs one event until its writes took effect. Where another process was faster the row is read anew and the
// same event replayed: the step is pure, so that is always right. Nothing of the outcome has left by then.
func (client *Client) transition(entry *domain, request *StepRequest) ([]Effect, *Decision, error) {
	switch request.Event {
	case EventRecord:
		entry.mark(&entry.queryInFlight, false)
	case EventPolicy:
		entry.mark(&entry.getInFlight, false)
	}
	readable := client.load(entry, false)
	for attempt := 0; attempt < conflictLimit; attempt++ {
		state, effects, err := client.step(entry, request, !readable)
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Code == CodeState && state != nil {
			client.dropDamaged(entry)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if has(effects, EffectQueryRecord) && client.isOutdated(entry) {
			continue
		}
		for _, effect := range effects {
			if effect.Kind == EffectState {
				state = effect.State
			}
		}
		if !client.persist(entry, effects, state) {
			client.load(entry, true)
			continue
		}
		return client.finish(entry, effects, state)
	}
	return nil, nil, fmt.Errorf("the store changed under %d attempts to write %s", conflictLimit, entry.name)
}

// step gives the state that went into the core beside what came out.
func (client *Client) step(entry *domain, request *StepRequest, unreadable bool) ([]byte, []Effect, error) {
	entry.mu.Lock()
	full := *request
	full.Domain, full.State = entry.name, entry.state
	full.Flags |= entry.flags(unreadable)
	entry.mu.Unlock()
	full.Clock, full.Seed, full.HighWater = client.clock(), randomNumber(), client.highWaterNow()
	full.Leniency, full.OnFailure = client.options.Leniency, client.options.OnFailure
	effects, err := client.core.Step(full)
	return full.State, effects, err
}

func (client *Client) finish(entry *domain, effects []Effect, state []byte) ([]Effect, *Decision, error) {
	entry.mu.Lock()
	entry.state = state
	detail := entry.detail
	entry.mu.Unlock()
	for _, effect := range effects {
		if effect.Kind == EffectAnswer {
			decision, err := client.core.decide(entry.name, state, effect.Answer, detail)
			return effects, &decision, err
		}
	}
	return effects, nil, nil
}

// peek is what would be answered now if nothing more were found out. It does no I/O.
func (client *Client) peek(entry *domain) (Decision, error) {
	entry.mu.Lock()
	neverRead, detail := entry.checkedAt < 0, entry.detail
	entry.mu.Unlock()
	pending := temporary(entry.name, ReasonDiscoveryPending, detail)
	state, effects, err := client.step(entry, &StepRequest{Event: EventDeadline}, neverRead)
	if err != nil {
		return pending, err
	}
	for _, effect := range effects {
		if effect.Kind == EffectState {
			state = effect.State
		}
		if effect.Kind == EffectAnswer {
			return client.core.decide(entry.name, state, effect.Answer, detail)
		}
	}
	return pending, nil
}

func has(effects []Effect, kind EffectKind) bool {
	for _, effect := range effects {
		if effect.Kind == kind {
			return true
		}
	}
	return false
}

func (client *Client) highWaterNow() uint32 {
	client.mu.Lock()
	defer client.mu.Unlock()
	return client.highWater
}

// load reads the row if it was never read, or looks at it again when that is due. False: it cannot be read, and never was.
func (client *Client) load(entry *domain, now bool) bool {
	uptime := int64(client.clock().UptimeMS)
	entry.mu.Lock()
	checked, unwritten, version := entry.checkedAt, entry.unwritten, entry.version
	entry.mu.Unlock()
	if checked >= 0 && !now && uptime-checked < versionCheckMS {
		return true
	}
	state, stored, err := client.options.Store.Get(client.ctx, entry.name)
	if errors.Is(err, ErrDamaged) {
		client.options.Log.Error("mta-sts: damaged row", "domain", entry.name)
		client.adoptDamaged(entry, stored, uptime)
		return true
	}
	if err != nil {
		client.storeFailed(entry, err)
		return checked >= 0
	}
	entry.mu.Lock()
	defer entry.mu.Unlock()
	entry.checkedAt = uptime
	switch {
	case unwritten:
		// Memory is newer, unless another process has fetched since.
		if stored != version && !isLaterFetch(entry.state, state) {
			entry.state, entry.unwritten = state, false
		}
		entry.version = stored
	case stored != version:
		// What was never stored (a negative, a back-off without a policy) is not undone by there being no row.
		entry.state, entry.version = state, stored
	}
	return true
}

// adoptDamaged: memory is served on, and written over the row when the next event comes.
func (client *Client) adoptDamaged(entry *domain, version uint64, uptime int64) {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	entry.checkedAt = uptime
	if entry.version == version {
		return // seen already
	}
	held := entry.version != 0 && entry.state != nil && !entry.damaged
	entry.version, entry.unwritten, entry.damaged = version, held, !held
}

// dropDamaged: a state that fails its checksum is no policy, and no proof that there was none.
func (client *Client) dropDamaged(entry *domain) {
	client.options.Log.Error("mta-sts: damaged state", "domain", entry.name)
	entry.mu.Lock()
	defer entry.mu.Unlock()
	entry.state, entry.damaged = nil, true
}

func (client *Client) isOutdated(entry *domain) bool {
	entry.mu.Lock()
	before, fresh := entry.version, entry.checkedAt == int64(client.clock().UptimeMS)
	entry.mu.Unlock()
	if fresh {
		return false
	}
	client.load(entry, true)
	entry.mu.Lock()
	defer entry.mu.Unlock()
	return entry.version != before
}

// persist makes the state durable, or deletes it, as the effects say. False: another process was faster.
func (client *Client) persist(entry *domain, effects []Effect, state []byte) bool {
	entry.mu.Lock()
	version, unwritten := entry.version, entry.unwritten
	entry.mu.Unlock()
	now := client.steady()
	var err error
	switch {
	case has(effects, EffectForget):
		err = client.options.Store.Forget(client.ctx, entry.name, version)
		version = 0
	case has(effects, EffectStore), unwritten && state != nil:
		version, err = client.options.Store.Put(client.ctx, entry.name, state, version, now)
	default:
		return true
	}
	if errors.Is(err, ErrConflict) {
		return false
	}
	entry.mu.Lock()
	defer entry.mu.Unlock()
	entry.unwritten = err != nil
	if err != nil {
		// The policy is honoured from memory, and written when the store takes it again.
		client.options.Log.Error("mta-sts: store", "domain", entry.name, "error", err)
		return true
	}
	entry.version, entry.damaged = version, false
	client.mu.Lock()
	defer client.mu.Unlock()
	client.highWater = max(client.highWater, now)
	return true
}

func (client *Client) storeFailed(entry *domain, err error) {
	client.options.Log.Error("mta-sts: store", "domain", entry.name, "error", err)
	entry.note("the store cannot be read: " + err.Error())
}

// isLaterFetch says whether our state rests on a later fetch than theirs (docs/abi.md "Stored state"). One without a
// policy gives way to one that has one; on a tie the one that is stored already stays.
func isLaterFetch(ours, theirs []byte) bool {
	field := func(state []byte, at int) uint32 { return binary.LittleEndian.Uint32(state[at:]) }
	holds := func(state []byte) bool { return len(state) >= sHead && field(state, sMode) != uint32(ModeAbsent) }
	if !holds(ours) || !holds(theirs) {
		return holds(ours)
	}
	if field(ours, sFetchedAt) != field(theirs, sFetchedAt) {
		return field(ours, sFetchedAt) > field(theirs, sFetchedAt)
	}
	return field(ours, sFetchedMS) > field(theirs, sFetchedMS)
}
