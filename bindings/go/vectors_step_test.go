package mtasts

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// transcript is a vector of step.json.
type transcript struct {
	Req                json.RawMessage
	Name               string
	Domain             string
	OnDiscoveryFailure string
	Leniency           words
	Steps              []transcriptStep
}

type transcriptStep struct {
	At    float64
	Clock struct{ Wall, Now, Uptime, Boot, HighWater *float64 }
	Event string
	Flags []string
	Force bool
	Seed  uint32
	TXT   json.RawMessage
	TTL   *uint32
	Body  json.RawMessage
	// Type is null for an absent Content-Type, missing for text/plain.
	Type    json.RawMessage
	Failure string
	Flight  int
	State   string
	Why     string
	Expect  []string
}

// player is the host of one transcript.
type player struct {
	t          *testing.T
	core       *Core
	transcript transcript
	bodies     map[string]string
	state      []byte
	stored     []byte
	tokens     [][]byte
}

func runTranscripts(t *testing.T, core *Core, file string) {
	var content struct {
		Note    string
		Bodies  map[string]string
		Vectors []transcript
	}
	readVectorFile(t, file, &content)
	for i, v := range content.Vectors {
		t.Run(fmt.Sprintf("%d %s", i+1, v.Name), func(t *testing.T) {
			player := player{t: t, core: core, transcript: v, bodies: content.Bodies}
			for n, step := range v.Steps {
				got := player.play(step)
				if !reflect.DeepEqual(got, append([]string{}, step.Expect...)) {
					t.Fatalf("step %d, %s at %v:\ngot  %q\nwant %q", n+1, step.Event, step.At, got, step.Expect)
				}
			}
		})
	}
}

func (p *player) play(step transcriptStep) []string {
	switch step.State {
	case "nothing":
		p.state = nil
	case "as-stored":
		p.state = p.stored
	}
	lines := []string{}
	effects, err := p.core.Step(p.request(step))
	if refused, ok := err.(*Error); ok {
		return append(lines, fmt.Sprintf("error %v at %d", refused.Code, refused.Offset))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	for _, effect := range effects {
		lines = append(lines, p.apply(effect))
	}
	return lines
}

func orElse(value *float64, otherwise float64) float64 {
	if value == nil {
		return otherwise
	}
	return *value
}

func (p *player) request(step transcriptStep) StepRequest {
	request := StepRequest{
		Event: byWord[Event](p.t, step.Event),
		Clock: Clock{
			Now:      uint32(orElse(step.Clock.Now, 2_000_000_000+orElse(step.Clock.Wall, step.At))),
			UptimeMS: uint64(math.Round((1_000_000 + orElse(step.Clock.Uptime, step.At)) * 1000)),
			Boot:     uint32(orElse(step.Clock.Boot, 1)),
		},
		Seed: step.Seed, HighWater: uint32(orElse(step.Clock.HighWater, 0)), Domain: or(p.transcript.Domain, "example.com"),
		State: p.state, Leniency: p.transcript.Leniency.leniency(),
		OnFailure: byWord[OnFailure](p.t, or(p.transcript.OnDiscoveryFailure, "defer-briefly")),
	}
	flags := map[string]Flag{
		"query-in-flight": FlagQueryInFlight, "get-in-flight": FlagGetInFlight, "recheck-waiting": FlagRecheckWaiting,
		"past-lost": FlagPastLost, "store-unreadable": FlagStoreUnreadable,
	}
	for _, word := range step.Flags {
		if flags[word] == 0 {
			p.t.Fatalf("no flag %q", word)
		}
		request.Flags |= flags[word]
	}
	if step.Force {
		request.Flags |= FlagForce
	}
	switch request.Event {
	case EventRecord:
		p.record(&request, step)
	case EventPolicy:
		p.policy(&request, step)
	}
	return request
}

func (p *player) record(request *StepRequest, step transcriptStep) {
	request.TTL = 300
	if step.TTL != nil {
		request.TTL = *step.TTL
	}
	var word string
	if step.TXT == nil || json.Unmarshal(step.TXT, &word) == nil {
		request.Record = byWord[RecordOutcome](p.t, or(word, "none"))
		if request.Record == RecordFailed {
			request.TTL = 0
		}
		return
	}
	request.Record = RecordAnswered
	var records []json.RawMessage
	if err := json.Unmarshal(step.TXT, &records); err != nil {
		p.t.Fatal(err)
	}
	for _, raw := range records {
		var one string
		var several []string
		if json.Unmarshal(raw, &one) == nil {
			several = []string{one}
		} else if err := json.Unmarshal(raw, &several); err != nil {
			p.t.Fatal(err)
		}
		request.RRset = append(request.RRset, TXT(several...))
	}
}

func (p *player) policy(request *StepRequest, step transcriptStep) {
	flight := step.Flight
	if flight == 0 {
		flight = len(p.tokens)
	}
	request.Token = p.tokens[flight-1]
	if step.Failure != "" {
		request.Fetch = byWord[FetchOutcome](p.t, step.Failure)
		return
	}
	plain := "text/plain"
	request.ContentType = &plain
	if string(step.Type) == "null" {
		request.ContentType = nil
	} else if step.Type != nil {
		if err := json.Unmarshal(step.Type, request.ContentType); err != nil {
			p.t.Fatal(err)
		}
	}
	var name string
	if json.Unmarshal(step.Body, &name) == nil {
		request.Body = []byte(p.bodies[name])
		return
	}
	var body struct{ Bytes octets }
	if err := strict(step.Body, &body); err != nil {
		p.t.Fatal(err)
	}
	request.Body = body.Bytes
}

func (p *player) apply(effect Effect) string {
	wait := map[bool]string{true: "awaited", false: "background"}[effect.Wait]
	switch effect.Kind {
	case EffectState:
		p.state = effect.State
	case EffectStore:
		p.stored = p.state
	case EffectForget:
		p.stored = nil
	case EffectNotice:
		n := effect.Notice
		return joinWords("notice", n.Kind.String(), resultField(n.ResultType), noticeDetail(n), numberField(n.Number))
	case EffectQueryRecord:
		return "query-record " + wait
	case EffectGetPolicy:
		p.tokens = append(p.tokens, effect.Token)
		return fmt.Sprintf("get-policy %s id=%s", wait, or(idOf(effect.Token), "-"))
	case EffectWakeAt:
		return fmt.Sprintf("wake-at %d", effect.Seconds)
	case EffectAnswer:
		return p.printAnswer(effect.Answer)
	}
	return effect.Kind.String()
}

func (p *player) printAnswer(a *Answer) string {
	learned := joinWords(resultField(a.ResultType), detailField(a.Detail))
	switch a.Verdict {
	case VerdictTemp:
		return joinWords("answer", a.Status.String(), "-> temp", a.Reason.String(), learned)
	case VerdictNone:
		return joinWords("answer", a.Status.String(), "-> no policy", fmt.Sprintf("reuse=%d", a.Reuse), learned)
	}
	recheck, expires, lenient := "", "", ""
	if a.Recheck {
		recheck = "recheck"
	}
	if int64(a.ExpiresIn) != max(int64(a.MaxAge)-int64(a.Age), 0) {
		expires = fmt.Sprintf("expires-in=%d", a.ExpiresIn)
	}
	if a.Used != 0 {
		lenient = "lenient=" + a.Used.String()
	}
	return joinWords("answer", a.Status.String(), fmt.Sprintf("-> %v %s", a.Mode, p.bodyName(a)), "id="+or(a.ID, "-"),
		fmt.Sprintf("age=%d/%d", a.Age, a.MaxAge), fmt.Sprintf("reuse=%d", a.Reuse), recheck, expires, lenient, learned)
}

func (p *player) bodyName(a *Answer) string {
	text := string(p.state[a.PolicyOffset : a.PolicyOffset+a.PolicyLength])
	for name, body := range p.bodies {
		if body == text {
			return name
		}
	}
	return fmt.Sprintf("(%d octets)", len(text))
}

func joinWords(parts ...string) string {
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, " ")
}

func resultField(result ResultType) string {
	if result == ResultNone {
		return ""
	}
	return "result=" + result.String()
}

func numberField(number uint32) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf("number=%d", number)
}

func detailField(detail int32) string {
	switch {
	case detail == 0:
		return ""
	case detail < 0:
		return "detail=" + Code(detail).String()
	}
	return "detail=" + FetchOutcome(detail).String()
}

// noticeDetail: the detail of some notices is a number of their own.
func noticeDetail(notice *Notice) string {
	switch notice.Kind {
	case NoticePolicyWeakened, NoticePolicyChanged, NoticeRefreshFailing:
		if notice.Detail == 0 {
			return ""
		}
		return fmt.Sprintf("detail=%d", notice.Detail)
	}
	return detailField(notice.Detail)
}
