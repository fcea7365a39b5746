package mtasts

// Runs every file of test/vectors; its README.md says what the fields mean. A file or a field that is not known here
// fails the run.

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const vectorFolder = "../../test/vectors"

// octets are one chunk or an array of them.
type octets []byte

func (o *octets) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		var parts []octets
		if err := json.Unmarshal(data, &parts); err != nil {
			return err
		}
		*o = slices.Concat([][]byte{}...)
		for _, part := range parts {
			*o = append(*o, part...)
		}
		return nil
	}
	if data[0] == '"' {
		var text string
		err := json.Unmarshal(data, &text)
		*o = octets(text)
		return err
	}
	var chunk struct {
		Hex   *string
		Text  string
		Times int
	}
	if err := strict(data, &chunk); err != nil {
		return err
	}
	if chunk.Hex != nil {
		decoded, err := hex.DecodeString(*chunk.Hex)
		*o = decoded
		return err
	}
	*o = bytes.Repeat([]byte(chunk.Text), chunk.Times)
	return nil
}

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// words is a set of leniencies.
type words []string

func (w words) leniency() Leniency {
	var set Leniency
	for _, word := range w {
		for _, one := range []Leniency{LenientOuterBlanks, LenientBlankLines, LenientByteOrderMark, LenientMissingContentType} {
			if one.word() == word {
				set |= one
			}
		}
	}
	return set
}

// byWord finds the number whose String is the word.
func byWord[T interface {
	~uint32
	String() string
}](t *testing.T, word string) T {
	t.Helper()
	for number := T(0); number < 64; number++ {
		if number.String() == word {
			return number
		}
	}
	t.Fatalf("there is no number for %q", word)
	return 0
}

// asJSON makes two values comparable: numbers, field order and type names no longer differ.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

type object = map[string]any

// failure prints an error as the vectors have it.
func failure(t *testing.T, err error) any {
	t.Helper()
	refused, ok := err.(*Error)
	if !ok {
		t.Fatal(err)
	}
	return object{"error": refused.Code.String(), "offset": refused.Offset}
}

// withUsed adds leniencies where the vector names them; where none was allowed none may have been used.
func withUsed(t *testing.T, value object, used Leniency, allowed words, expect json.RawMessage) object {
	t.Helper()
	if len(allowed) == 0 && used != 0 {
		t.Errorf("used %v, which was not allowed", used)
	}
	if strings.Contains(string(expect), `"leniencies"`) {
		value["leniencies"] = strings.FieldsFunc(used.String(), func(r rune) bool { return r == ',' })
	}
	return value
}

type vectorHead struct {
	Req    json.RawMessage
	Name   string
	Expect json.RawMessage
}

type recordVector struct {
	vectorHead
	RRset   [][]octets
	Lenient words
}

func (v recordVector) run(t *testing.T, core *Core) any {
	rrset := [][]byte{}
	for _, strings := range v.RRset {
		var texts []string
		for _, one := range strings {
			texts = append(texts, string(one))
		}
		rrset = append(rrset, TXT(texts...))
	}
	record, err := core.SelectRecord(rrset, v.Lenient.leniency())
	if err == ErrNoRecord {
		return "no-record"
	}
	if err != nil {
		return failure(t, err)
	}
	return withUsed(t, object{"id": record.ID}, record.Used, v.Lenient, v.Expect)
}

type policyVector struct {
	vectorHead
	Body    octets
	Lenient words
}

func (v policyVector) run(t *testing.T, core *Core) any {
	policy, err := core.ParsePolicy(v.Body, v.Lenient.leniency())
	if err != nil {
		return failure(t, err)
	}
	var mx any = append([]string{}, policy.MX...)
	if strings.Contains(string(v.Expect), `"count"`) {
		mx = object{"count": len(policy.MX)}
	}
	value := object{"mode": policy.Mode.String(), "maxAge": policy.MaxAge, "mx": mx}
	return withUsed(t, value, policy.Used, v.Lenient, v.Expect)
}

type mxVector struct {
	vectorHead
	Pattern, Host octets
}

func (v mxVector) run(t *testing.T, core *Core) any {
	match, err := core.MatchMX(string(v.Pattern), string(v.Host))
	if refused, ok := err.(*Error); ok {
		return refused.Code.String()
	}
	return match
}

type identityVector struct {
	vectorHead
	Names []octets
	Host  octets
}

func (v identityVector) run(t *testing.T, core *Core) any {
	var names []string
	for _, name := range v.Names {
		names = append(names, string(name))
	}
	match, err := core.MatchDNSID(names, string(v.Host))
	if err != nil {
		return err.Error()
	}
	return match
}

type mediaTypeVector struct {
	vectorHead
	Type    *string
	Lenient words
}

func (v mediaTypeVector) run(t *testing.T, core *Core) any {
	token := make([]byte, tokenSize)
	token[tokenBoot] = 1
	effects, err := core.Step(StepRequest{
		Event: EventPolicy, Clock: Clock{Now: 2_000_000_000, Boot: 1}, Domain: "example.com", Token: token,
		Body: []byte("version: STSv1\nmode: none\nmax_age: 86400\n"), ContentType: v.Type, Leniency: v.Lenient.leniency(),
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := effects[len(effects)-1].Answer
	if answer.Status == StatusFetched {
		return "accepted"
	}
	return Code(answer.Detail).String()
}

type planVector struct {
	vectorHead
	Verdict any
	Policy  octets
	Lenient words
	Hosts   []octets
	DANE    *struct {
		MX        string
		Mandatory bool
		States    []string
	}
}

func (v planVector) run(t *testing.T, core *Core) any {
	request := PlanRequest{Policy: v.Policy, Used: v.Lenient.leniency()}
	switch verdict := v.Verdict.(type) {
	case string:
		request.Verdict = byWord[Verdict](t, verdict)
	case float64:
		request.Verdict = Verdict(verdict)
	}
	for _, host := range v.Hosts {
		request.Hosts = append(request.Hosts, string(host))
	}
	if v.DANE != nil {
		request.DANE = &DANEFacts{MXSecure: v.DANE.MX == "secure", Mandatory: v.DANE.Mandatory}
		for _, state := range v.DANE.States {
			request.DANE.States = append(request.DANE.States, byWord[DANEState](t, state))
		}
	}
	entries, err := core.Plan(request)
	if err != nil {
		return failure(t, err)
	}
	usable, hosts := 0, []string{}
	for _, entry := range entries {
		if entry.Action != ActionSkip {
			usable++
		}
		hosts = append(hosts, printEntry(entry))
	}
	return object{"usable": usable, "hosts": hosts}
}

func printEntry(entry PlanEntry) string {
	parts := []string{entry.Action.String()}
	if entry.Reason != PlanOk {
		parts = append(parts, entry.Reason.String())
	}
	if entry.Evaluate {
		parts = append(parts, "evaluate")
	}
	return strings.Join(parts, " ")
}

type judgeVector struct {
	vectorHead
	Entry, Session, TLS, Chain string
	Names, References          []string
	Host                       string
	Last                       bool
}

var tlsVersions = map[string]uint16{
	"none": 0, "SSL 3": 0x300, "1.0": 0x301, "1.1": 0x302, "1.2": 0x303, "1.3": 0x304,
}

func (v judgeVector) run(t *testing.T, core *Core) any {
	entry := PlanEntry{Host: or(v.Host, "mx1.example.com")}
	for i, word := range strings.Fields(v.Entry) {
		switch {
		case i == 0:
			entry.Action = byWord[Action](t, word)
		case word == "evaluate":
			entry.Evaluate = true
		default:
			entry.Reason = byWord[PlanReason](t, word)
		}
	}
	version := "none"
	if v.Session == "tls" {
		version = "1.3"
	}
	names := v.Names
	if names == nil {
		names = []string{"mx1.example.com"}
	}
	judged, err := core.Judge(JudgeRequest{
		Entry: entry, Session: byWord[Session](t, v.Session), TLSVersion: tlsVersions[or(v.TLS, version)],
		Chain: byWord[Chain](t, or(v.Chain, "valid")), Names: names, References: v.References, Last: v.Last,
	})
	if err != nil {
		t.Fatal(err)
	}
	result := ""
	if judged.ResultType != ResultNone {
		result = " (" + judged.ResultType.String() + ")"
	}
	return fmt.Sprintf("%v: %v%s", judged.Verdict, judged.Why, result)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

type vector interface {
	run(t *testing.T, core *Core) any
	head() vectorHead
}

func (h vectorHead) head() vectorHead { return h }

func readVectorFile(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := strict(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func runTable[V vector](t *testing.T, core *Core, file string) {
	var content struct {
		Note    string
		Vectors []V
	}
	readVectorFile(t, file, &content)
	for i, v := range content.Vectors {
		t.Run(fmt.Sprintf("%d %s", i+1, v.head().Name), func(t *testing.T) {
			var want any
			if err := json.Unmarshal(v.head().Expect, &want); err != nil {
				t.Fatal(err)
			}
			if got := asJSON(t, v.run(t, core)); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func testCore(t testing.TB) *Core {
	t.Helper()
	core, err := NewCore(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { core.Close(context.Background()) })
	return core
}

func TestVectors(t *testing.T) {
	core := testCore(t)
	runners := map[string]func(t *testing.T, core *Core, file string){
		"records.json":     runTable[recordVector],
		"policies.json":    runTable[policyVector],
		"media-types.json": runTable[mediaTypeVector],
		"mx.json":          runTable[mxVector],
		"identities.json":  runTable[identityVector],
		"plan.json":        runTable[planVector],
		"judge.json":       runTable[judgeVector],
		"tlsa.json":        runTable[tlsaVector],
		"tlsa-base.json":   runTable[tlsaBaseVector],
		"tlsa-match.json":  runTable[tlsaMatchVector],
		"step.json":        runTranscripts,
	}
	files, err := filepath.Glob(filepath.Join(vectorFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s (%v)", vectorFolder, err)
	}
	for _, path := range files {
		file := filepath.Base(path)
		t.Run(file, func(t *testing.T) {
			if runners[file] == nil {
				t.Fatal("this package does not know the file")
			}
			runners[file](t, core, file)
		})
	}
}
