package mtasts

import (
	"encoding/binary"
	"fmt"
)

// StepRequest is one event of one Policy Domain. Only the fields that the event needs are looked at.
type StepRequest struct {
	Event Event
	Clock Clock
	// Seed is any number; it spreads refresh times.
	Seed uint32
	// HighWater is the highest Unix second the store has seen, 0 for a new store.
	HighWater uint32
	// Domain is in A-labels, lower case, without trailing dot; Canonical makes it so.
	Domain string
	// State is what is at hand for the domain, nil when nothing is known.
	State     []byte
	Flags     Flag
	Leniency  Leniency
	OnFailure OnFailure

	// Record and TTL (seconds) belong to EventRecord; RRset is RDATA, for RecordAnswered.
	Record RecordOutcome
	RRset  [][]byte
	TTL    uint32
	Secure bool

	// Fetch, Body, ContentType (nil: absent) and Token (that of the get-policy effect) belong to EventPolicy.
	Fetch       FetchOutcome
	Body        []byte
	ContentType *string
	Token       []byte
}

// Clock is what time it is.
type Clock struct {
	// Now is Unix time in seconds.
	Now uint32
	// UptimeMS is a monotonic clock since boot that goes on while the machine sleeps, in milliseconds.
	UptimeMS uint64
	// Boot differs between boots and is the same for all processes of one.
	Boot uint32
}

// Effect is what a step asks for. Carry effects out in their order: what is stored must be durable before the answer leaves.
type Effect struct {
	Kind EffectKind
	// State belongs to EffectState.
	State []byte
	// Wait: a caller waits for this query or GET.
	Wait bool
	// Token belongs to EffectGetPolicy; give it back, unchanged, with EventPolicy.
	Token []byte
	// Seconds from now, of EffectWakeAt.
	Seconds uint32
	Notice  *Notice
	Answer  *Answer
}

// Notice is something that an operator must hear of.
type Notice struct {
	Kind       NoticeKind
	ResultType ResultType
	Detail     int32
	Number     uint32
}

// Answer is what a lookup learned (Status) and, apart from it, what to honour now (Verdict).
type Answer struct {
	Status     Status
	Verdict    Verdict
	ResultType ResultType
	Reason     Reason
	// Detail is a FetchOutcome where it is positive, a Code where it is negative.
	Detail int32
	// Reuse is for how many seconds the answer may be given again without a step.
	Reuse uint32
	// Recheck: ask again with EventRecheck before mail is failed for good.
	Recheck bool
	// The rest is set for VerdictPolicy only. Times are in seconds.
	Mode      Mode
	MaxAge    uint32
	Age       uint32
	ExpiresIn uint32
	Used      Leniency
	ID        string
	IDAge     uint32
	// Where the policy text stands in the state that holds after the step.
	PolicyOffset, PolicyLength int
}

// Step is the whole cache behaviour of RFC 8461 §3.3, §5.1, §8 and §10 for one domain. After CodeState the state is
// damaged: call again without it and with FlagPastLost.
func (core *Core) Step(request StepRequest) ([]Effect, error) {
	octets, err := request.octets()
	if err != nil {
		return nil, err
	}
	answer, err := core.ask("mtasts_step", octets)
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return nil, err
	}
	return readEffects(answer)
}

// Longer Content-Types are cut: none of that length is text/plain.
const maxContentType = 1024

func (request *StepRequest) octets() ([]byte, error) {
	f := newFrame(qSize)
	f.put(qVersion, frameVersion)
	f.put(qEvent, uint32(request.Event))
	f.put(qNow, request.Clock.Now)
	f.put(qUptime, uint32(request.Clock.UptimeMS/1000))
	f.put(qUptimeMS, uint32(request.Clock.UptimeMS%1000))
	f.put(qBoot, request.Clock.Boot)
	f.put(qSeed, request.Seed)
	f.put(qHighWater, request.HighWater)
	f.put(qFlags, uint32(request.Flags))
	f.put(qLeniency, uint32(request.Leniency))
	f.put(qOnFailure, uint32(request.OnFailure))
	f.part(qDomain, []byte(request.Domain))
	f.part(qState, request.State)
	switch request.Event {
	case EventRecord:
		list, err := listOf(request.RRset)
		if err != nil {
			return nil, err
		}
		f.put(qOutcome, uint32(request.Record))
		f.put(qTTL, request.TTL)
		f.put(qSecure, flagOf(request.Secure, 1))
		f.part(qData, list)
	case EventPolicy:
		if len(request.Token) != tokenSize {
			return nil, fmt.Errorf("mtasts: a flight token has %d octets, not %d", tokenSize, len(request.Token))
		}
		f.put(qOutcome, uint32(request.Fetch))
		copy(f.octets[qToken:], request.Token)
		f.part(qData, request.Body)
		if request.ContentType == nil {
			f.put(qType+4, absent)
		} else {
			text := *request.ContentType
			f.part(qType, []byte(text[:min(len(text), maxContentType)]))
		}
	}
	return f.octets, nil
}

func readEffects(a *answer) ([]Effect, error) {
	effects := make([]Effect, 0, a.status)
	for at := 0; at < len(a.payload); {
		size := int(a.u32(at + 4))
		fields := &answer{payload: a.payload[at+effectHeader : at+size]}
		effect, err := readEffect(EffectKind(a.u32(at)), fields)
		if err != nil {
			return nil, err
		}
		effects = append(effects, effect)
		at += size
	}
	return effects, nil
}

func readEffect(kind EffectKind, fields *answer) (Effect, error) {
	effect := Effect{Kind: kind}
	switch kind {
	case EffectState:
		effect.State = fields.payload
	case EffectStore, EffectForget:
	case EffectNotice:
		effect.Notice = &Notice{NoticeKind(fields.u32(0)), ResultType(fields.u32(4)), int32(fields.u32(8)), fields.u32(12)}
	case EffectQueryRecord:
		effect.Wait = fields.u32(0) == 1
	case EffectGetPolicy:
		effect.Wait, effect.Token = fields.u32(0) == 1, fields.payload[4:4+tokenSize]
	case EffectWakeAt:
		effect.Seconds = fields.u32(0)
	case EffectAnswer:
		effect.Answer = readAnswer(fields)
	default:
		return effect, fmt.Errorf("mtasts: the core gave effect %d, which this package does not know", uint32(kind))
	}
	return effect, nil
}

func readAnswer(fields *answer) *Answer {
	read := &Answer{
		Status: Status(fields.u32(0)), Verdict: Verdict(fields.u32(4)), ResultType: ResultType(fields.u32(8)),
		Reason: Reason(fields.u32(12)), Detail: int32(fields.u32(16)), Reuse: fields.u32(36),
	}
	if read.Verdict != VerdictPolicy {
		return read
	}
	read.Mode, read.MaxAge, read.Age, read.ExpiresIn = Mode(fields.u32(20)), fields.u32(24), fields.u32(28), fields.u32(32)
	read.Recheck, read.Used = fields.u32(40) == 1, Leniency(fields.u32(44))
	read.PolicyOffset, read.PolicyLength = int(fields.u32(48)), int(fields.u32(52))
	read.IDAge, read.ID = fields.u32(56), string(fields.payload[64:64+fields.u32(60)])
	return read
}

// idOf is the id that DNS showed before the GET, "" for none.
func idOf(token []byte) string {
	length := binary.LittleEndian.Uint32(token[tokenIDLength:])
	return string(token[tokenID:][:length])
}
