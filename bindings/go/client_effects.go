package mtasts

import (
	"errors"
	"time"
)

func (client *Client) report(entry *domain, effects []Effect) {
	for _, effect := range effects {
		if effect.Kind != EffectNotice {
			continue
		}
		client.options.OnNotice(entry.name, *effect.Notice)
		client.options.Log.Warn("mta-sts: "+effect.Notice.Kind.String(), "domain", entry.name,
			"detail", effect.Notice.Detail, "number", effect.Notice.Number, "failure", entry.detailNow())
	}
}

func (client *Client) carryOut(entry *domain, effects []Effect) {
	for _, effect := range effects {
		switch effect.Kind {
		case EffectQueryRecord:
			client.fly(entry, &entry.queryInFlight, func() { client.queryRecord(entry) })
		case EffectGetPolicy:
			client.fly(entry, &entry.getInFlight, func() { client.getPolicy(entry, effect.Token) })
		case EffectWakeAt:
			client.wake(entry.name, effect.Seconds)
		case EffectForget:
			client.wake(entry.name, 0)
		}
	}
}

// fly starts a query or a GET and marks it as under way.
func (client *Client) fly(entry *domain, flag *bool, flight func()) {
	entry.mark(flag, true)
	client.retain(entry)
	started := client.inBackground(func() {
		defer client.release(entry)
		flight()
	})
	if !started {
		client.release(entry)
	}
}

func (client *Client) queryRecord(entry *domain) {
	found, err := client.options.DNS.LookupTXT(client.ctx, recordPrefix+entry.name)
	if client.ctx.Err() != nil {
		return
	}
	request := StepRequest{Event: EventRecord, Record: RecordAnswered, RRset: found.Items, TTL: found.TTL, Secure: found.Secure}
	switch {
	case errors.Is(err, ErrOverloaded):
		client.landEmpty(entry, err)
		return
	case err != nil:
		entry.note(err.Error())
		request = StepRequest{Event: EventRecord, Record: RecordFailed}
	case len(found.Items) == 0:
		request.Record = RecordNone
	}
	client.submit(entry, request, nil)
}

// landEmpty: the query was never sent. Nobody waits on in vain, and nothing is held against the domain.
func (client *Client) landEmpty(entry *domain, cause error) {
	entry.turn.Lock()
	defer entry.turn.Unlock()
	entry.mark(&entry.queryInFlight, false)
	decision, _ := client.peek(entry)
	entry.answerAll(outcome{decision, cause})
}

func (client *Client) getPolicy(entry *domain, token []byte) {
	fetched := client.options.HTTPS.Fetch(client.ctx, entry.name)
	// What we gave up ourselves is no failure of the domain's: no back-off may be stored for it.
	if client.ctx.Err() != nil {
		return
	}
	if fetched.Outcome != FetchOk {
		entry.note(fetched.Detail)
	}
	client.submit(entry, StepRequest{
		Event: EventPolicy, Fetch: fetched.Outcome, Body: fetched.Body, ContentType: fetched.ContentType, Token: token,
	}, nil)
}

// wake sets the timer of a domain anew; 0 seconds stop it.
func (client *Client) wake(name string, seconds uint32) {
	client.mu.Lock()
	defer client.mu.Unlock()
	if timer := client.wakes[name]; timer != nil {
		timer.Stop()
		delete(client.wakes, name)
	}
	if seconds > 0 && !client.closed {
		client.wakes[name] = time.AfterFunc(time.Duration(seconds)*time.Second, func() {
			client.inBackground(func() { client.refresh(name) })
		})
	}
}

func (client *Client) refresh(name string) {
	if client.ctx.Err() != nil {
		return
	}
	entry := client.use(name)
	defer client.release(entry)
	client.submit(entry, StepRequest{Event: EventRefresh}, nil)
}
