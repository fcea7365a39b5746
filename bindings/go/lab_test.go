package mtasts

// The Client over real DNS and TLS: what a policy host or a resolver may do wrong, one test for each.

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mta-sts-engine.example/mtasts/internal/lab"
)

type world struct {
	*lab.Lab
	t       *testing.T
	core    *Core
	client  *Client
	dns     *DNSClient
	fetch   *HTTPSFetcher
	mu      sync.Mutex
	notices []NoticeKind
}

func newWorld(t *testing.T, store Store, change func(*FetchOptions)) *world {
	t.Helper()
	w := &world{Lab: lab.Start(t), t: t, core: testCore(t)}
	w.dns = NewDNSClient(w.DNS.String())
	w.dns.Timeout = 500 * time.Millisecond
	options := FetchOptions{Roots: w.Roots(), AllowPrivate: true, Port: w.HTTPS.Port, Timeout: 5 * time.Second}
	if change != nil {
		change(&options)
	}
	w.fetch = NewHTTPSFetcher(w.core, w.dns, options)
	w.open(store)
	return w
}

func (w *world) open(store Store) {
	client, err := NewClient(w.core, Options{DNS: w.dns, HTTPS: w.fetch, Store: store, Patience: 10 * time.Second,
		OnNotice: func(_ string, notice Notice) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.notices = append(w.notices, notice.Kind)
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = client
	w.t.Cleanup(client.Close)
}

func (w *world) lookup(domain string) Decision {
	w.t.Helper()
	decision, err := w.client.Lookup(context.Background(), domain)
	if err != nil {
		w.t.Fatal(err)
	}
	return decision
}

var enforce = lab.Object{"mode": "enforce", "mx": []string{"*.example.net"}, "maxAge": 604800}

const enforceBody = "version: STSv1\r\nmode: enforce\r\nmx: *.example.net\r\nmax_age: 604800\r\n"

func good() lab.Object { return lab.Object{"policy": enforce} }

func behaving(behaviour lab.Object) lab.Object {
	return lab.Object{"policy": enforce, "policyHost": lab.Object{"behaviour": behaviour}}
}

func certified(kind string) lab.Object {
	return lab.Object{"policy": enforce, "policyHost": lab.Object{"certificate": kind}}
}

func (w *world) expectEnforced(domain string, decision Decision) {
	w.t.Helper()
	if decision.Verdict != VerdictPolicy || decision.Policy.Mode != ModeEnforce || decision.Policy.MX[0] != "*.example.net" {
		w.t.Errorf("%s: %v %v (%s), wanted the enforce policy", domain, decision.Verdict, decision.Status, decision.Detail)
	}
}

// expectFailed: there is no policy, the lookup says that the fetch failed, and how.
func (w *world) expectFailed(domain, why string) {
	w.t.Helper()
	decision := w.lookup(domain)
	if decision.Verdict != VerdictNone || decision.Status != StatusFetchFailed || !strings.Contains(decision.Detail, why) {
		w.t.Errorf("%s: %v %v (%s), wanted a failed fetch: %s", domain, decision.Verdict, decision.Status, decision.Detail, why)
	}
}

func TestPolicyHosts(t *testing.T) {
	w := newWorld(t, NewMemoryStore(), nil)
	long := strings.Repeat("x", 65_537-len(enforceBody)-len("note: \r\n"))
	policyOf := func(octets string) lab.Object { return lab.Object{"policy": lab.Object{"raw": octets}} }

	for _, one := range []struct {
		title, domain string
		spec          lab.Object
	}{
		{"a good one", "good.test", good()},
		{"a wildcard certificate (R-8461-3.3-03)", "wildcard.test", certified("wildcard")},
		{"a chain with its intermediate", "chain.test", certified("via-intermediate")},
		{"65536 octets (R-8461-3.3-14)", "full.test", policyOf(enforceBody + "note: " + long[1:] + "\r\n")},
		{"informational responses first", "hints.test", behaving(lab.Object{"kind": "informational-first", "body": enforceBody})},
		{"TLS 1.2", "tls12.test", lab.Object{"policy": enforce, "policyHost": lab.Object{"tls": "1.2"}}},
	} {
		t.Run("is taken: "+one.title, func(t *testing.T) {
			w.t = t
			w.Domain(one.domain, one.spec)
			w.expectEnforced(one.domain, w.lookup(one.domain))
		})
	}
	for _, one := range []struct {
		title, domain string
		spec          lab.Object
		why           string
	}{
		{"a redirect, even to itself (R-8461-3.3-07)", "redirect.test", behaving(lab.Object{"kind": "redirect", "status": 302,
			"location": "https://mta-sts.redirect.test/.well-known/mta-sts.txt"}), "redirects are not followed"},
		{"a name in the CN only (R-8461-3.3-02)", "cn-only.test", certified("cn-only"), "certificate"},
		{"a partial wildcard (R-8461-3.3-03, R-9525-6.3-01)", "partial.test", certified("partial-wildcard"), "certificate"},
		{"an IP address in the SAN only (R-8461-3.3-02)", "ip-san.test", certified("ip-san"), "certificate"},
		{"another name", "wrong-name.test", certified("wrong-name"), "certificate"},
		{"an expired certificate", "expired.test", certified("expired"), "certificate"},
		{"a self-signed certificate", "self-signed.test", certified("self-signed"), "certificate"},
		{"a CA that nobody trusts", "other-ca.test", certified("other-ca"), "certificate"},
		{"TLS 1.1 (R-8461-3.3-23)", "tls11.test", lab.Object{"policy": enforce, "policyHost": lab.Object{"tls": "1.1"}}, "handshake"},
		{"65537 octets (R-8461-3.3-14)", "large.test", policyOf(enforceBody + "note: " + long + "\r\n"), "65536"},
		{"a body without end", "endless.test", behaving(lab.Object{"kind": "endless-body", "framing": "chunked"}), "65536"},
		{"a body cut before its length", "cut.test", behaving(lab.Object{"kind": "cut", "body": enforceBody,
			"framing": "content-length"}), "ended before"},
		{"a body without its last chunk", "cut-chunked.test", behaving(lab.Object{"kind": "cut", "body": enforceBody,
			"framing": "chunked"}), "ended before"},
		{"a content encoding (AMB-34)", "gzip.test", behaving(lab.Object{"kind": "gzip", "body": enforceBody}), "Content-Encoding"},
		{"a status other than 200 (R-8461-3.3-06)", "status.test", behaving(lab.Object{"kind": "status", "status": 404, "body": enforceBody}), "status 404"},
		{"huge headers", "headers.test", behaving(lab.Object{"kind": "huge-headers", "octets": 20_000, "body": enforceBody}), "headers"},
		{"tiny chunks in a flood", "chunks.test", behaving(lab.Object{"kind": "tiny-chunks", "body": enforceBody,
			"extension": 4000}), "non-data"},
		{"103 responses without end", "flood.test", behaving(lab.Object{"kind": "early-hints-flood"}), ""},
		{"another protocol", "smtp.test", lab.Object{"policy": enforce, "policyHost": lab.Object{"tls": "smtp-banner"}}, "malformed"},
		{"a connection that is reset", "reset.test", behaving(lab.Object{"kind": "reset"}), ""},
	} {
		t.Run("is refused: "+one.title, func(t *testing.T) {
			w.t = t
			w.Domain(one.domain, one.spec)
			w.expectFailed(one.domain, one.why)
		})
	}
	t.Run("is refused: a type other than text/plain (R-8461-3.2-03)", func(t *testing.T) {
		w.t = t
		w.Domain("html.test", behaving(lab.Object{"kind": "ok", "body": enforceBody, "contentType": "text/html"}))
		decision := w.lookup("html.test")
		if decision.Verdict != VerdictNone || decision.ResultType == ResultNone {
			t.Errorf("%v %v", decision.Verdict, decision.Status)
		}
	})
	t.Run("gets one request, without a cookie, a condition or a referrer", func(t *testing.T) {
		requests := lab.Into[[]struct {
			Method, Path string
			Headers      map[string]string
		}](w.Lab, "requests", "mta-sts.good.test")
		if len(requests) != 1 || requests[0].Method != "GET" || requests[0].Path != policyPath {
			t.Fatalf("%+v", requests)
		}
		for name := range requests[0].Headers {
			if strings.HasPrefix(name, "if-") || name == "cookie" || name == "referer" || name == "authorization" {
				t.Errorf("the header %s was sent", name)
			}
		}
	})
}

func TestTricklingBody(t *testing.T) {
	w := newWorld(t, NewMemoryStore(), func(options *FetchOptions) { options.Timeout = time.Second })
	for _, kind := range []string{"slow-body", "slow-headers", "silent"} {
		t.Run(kind+" is ended by the deadline of the whole exchange (R-8461-3.3-13)", func(t *testing.T) {
			w.t = t
			w.Domain(kind+".test", behaving(lab.Object{"kind": kind, "body": enforceBody, "every": 50}))
			w.expectFailed(kind+".test", "no complete answer within 1s")
		})
	}
}

func TestPrivateAddresses(t *testing.T) {
	w := newWorld(t, NewMemoryStore(), func(options *FetchOptions) { options.AllowPrivate = false })
	w.Domain("loopback.test", good())
	w.expectFailed("loopback.test", "127.0.0.1 (loopback)")
	if seen := lab.Into[[]json.RawMessage](w.Lab, "connections", "mta-sts.loopback.test"); len(seen) != 0 {
		t.Error("the policy host was dialled")
	}
}

// withoutRecord: a policy host, and nothing at _mta-sts yet.
func withoutRecord() lab.Object { return lab.Object{"policy": enforce, "id": nil} }

func txt(reply lab.Object) lab.Object { return lab.Object{"policy": enforce, "txt": reply} }

func TestDNS(t *testing.T) {
	w := newWorld(t, NewMemoryStore(), nil)
	records := []string{"v=STSv1; id=1;"}
	enforced := func(domain string, spec lab.Object) {
		t.Helper()
		w.Domain(domain, spec)
		w.expectEnforced(domain, w.lookup(domain))
	}
	enforced("truncated.test", txt(lab.Object{"records": records, "truncate": "empty"}))
	enforced("partial.test", txt(lab.Object{"records": records, "truncate": "partial"}))
	enforced("no-edns.test", txt(lab.Object{"records": records, "refuseEdns": true}))
	enforced("wrong-id.test", txt(lab.Object{"records": records,
		"forged": lab.Object{"as": "wrong-id", "records": []string{"v=STSv1; id=9;"}}}))

	w.Call("setDns", "_mta-sts.elsewhere.test", "TXT", records)
	for name, chase := range map[string]bool{"chased": true, "asked": false} {
		domain := name + ".test"
		w.Domain(domain, withoutRecord())
		w.Call("setDns", "_mta-sts."+domain, "CNAME", lab.Object{"records": []string{"_mta-sts.elsewhere.test"}, "chase": chase})
		w.expectEnforced(domain, w.lookup(domain))
	}
	if queries := lab.Into[[]lab.Object](w.Lab, "queries", "_mta-sts.truncated.test"); len(queries) != 2 {
		t.Errorf("%d queries for a truncated answer, wanted one over UDP and one over TCP", len(queries))
	}

	w.Domain("two.test", lab.Object{"policy": enforce, "txt": []string{"v=STSv1; id=1;", "v=STSv1; id=2;"}})
	if decision := w.lookup("two.test"); decision.Verdict != VerdictNone || decision.Status != StatusRecordInvalid {
		t.Errorf("two records: %v %v (R-8461-3.1-21)", decision.Verdict, decision.Status)
	}
	w.Domain("none.test", lab.Object{})
	if decision := w.lookup("none.test"); decision.Verdict != VerdictNone || decision.Status != StatusNoRecord {
		t.Errorf("no record: %v %v", decision.Verdict, decision.Status)
	}
	w.Domain("servfail.test", txt(lab.Object{"answer": "servfail"}))
	if decision := w.lookup("servfail.test"); decision.Verdict != VerdictTemp || decision.Reason != ReasonDiscoveryFailed {
		t.Errorf("SERVFAIL: %v %v, wanted a delay (AMB-10)", decision.Verdict, decision.Status)
	}
	w.Domain("loop.test", withoutRecord())
	w.Call("setDns", "_mta-sts.loop.test", "CNAME", []string{"_mta-sts.loop.test"})
	if decision := w.lookup("loop.test"); decision.Verdict != VerdictTemp {
		t.Errorf("a CNAME loop: %v %v", decision.Verdict, decision.Status)
	}
}

func TestOddLabels(t *testing.T) {
	w := newWorld(t, NewMemoryStore(), nil)
	w.Domain("xn--bcher-kva.test", good())
	for _, spelling := range []string{"bücher.test", "BÜCHER.test.", "XN--bcher-kva.TEST"} {
		w.expectEnforced(spelling, w.lookup(spelling))
	}
	for _, bad := range []string{"", ".", "a..b", "[192.0.2.1]", "192.0.2.1", "a b.test", "a/b.test", "a_b.test", "-a.test",
		"xn--a.test", strings.Repeat("a", 64) + ".test", "a\x00b.test"} {
		if decision, err := w.client.Lookup(context.Background(), bad); err != ErrNotADomain || decision.Verdict != VerdictTemp {
			t.Errorf("%q: %v %v", bad, decision.Verdict, err)
		}
	}
	long := strings.Repeat("a.", 123) + "test"
	if decision := w.lookup(long); decision.Status != StatusNoRecord {
		t.Errorf("a domain too long for a record: %v", decision.Status)
	}
	// MX hosts come with every octet that is no part of a host name escaped, and match no pattern.
	w.Domain("mx.test", lab.Object{"policy": enforce, "mx": []lab.Object{
		{"exchange": []string{"mail.example", "net"}, "server": false},
		{"exchange": "mail.example.net", "server": false},
	}})
	hosts, err := MXHosts(context.Background(), w.dns, "mx.test")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := w.core.PlanFor(w.lookup("mx.test"), hosts, nil)
	if err != nil || len(entries) != 2 || entries[0].Action != ActionSkip || entries[1].Action != ActionPKIX {
		t.Errorf("%q: %+v %v", hosts, entries, err)
	}
}

// An unexpired enforce policy survives everything that DNS and HTTPS do, a restart included.
func TestHeldPolicySurvivesEverything(t *testing.T) {
	store, err := OpenFileStore(filepath.Join(t.TempDir(), "policies"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, store, nil)
	w.Domain("held.test", good())
	w.expectEnforced("held.test", w.lookup("held.test"))
	attacks := map[string]func(){
		"NXDOMAIN":         func() { w.Call("forgeNxdomain", "held.test", "all") },
		"SERVFAIL":         func() { w.Call("forgeReply", "held.test", lab.Object{"answer": "servfail"}, "all") },
		"another id":       func() { w.Call("setId", "held.test", "2") },
		"two records":      func() { w.Call("setDns", "_mta-sts.held.test", "TXT", []string{"v=STSv1; id=1;", "v=STSv1; id=2;"}) },
		"a broken host":    func() { w.Call("breakPolicyHost", "held.test", lab.Object{"behaviour": lab.Object{"kind": "reset"}}) },
		"a body that errs": func() { w.Call("setPolicy", "held.test", lab.Object{"raw": "<html>"}) },
	}
	for name, attack := range attacks {
		attack()
		for i := 0; i < 2; i++ {
			// Recheck waits for the network, whatever it says.
			decision, err := w.client.Recheck(context.Background(), "held.test")
			if err != nil {
				t.Fatal(err)
			}
			w.expectEnforced("held.test under "+name, decision)
		}
		w.client.Close()
		w.open(store)
		w.expectEnforced("held.test after a restart under "+name, w.lookup("held.test"))
		w.Call("unforge", "held.test")
	}
}

func TestSlowDiscovery(t *testing.T) {
	w := newWorld(t, NewMemoryStore(), nil)
	w.Domain("slow.test", behaving(lab.Object{"kind": "hold", "next": lab.Object{"kind": "ok", "body": enforceBody}}))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	decision, err := w.client.Lookup(ctx, "slow.test")
	if err != nil || decision.Verdict != VerdictTemp || decision.Reason != ReasonDiscoveryPending {
		t.Fatalf("%+v %v, wanted a delay while discovery runs (AMB-09)", decision, err)
	}
	w.Call("waitForRequest", "slow.test")
	w.Call("releasePolicyHost", "slow.test")
	w.expectEnforced("slow.test, when the flight has landed", w.lookup("slow.test"))
	if requests := lab.Into[[]json.RawMessage](w.Lab, "requests", "mta-sts.slow.test"); len(requests) != 1 {
		t.Errorf("%d requests, wanted one flight for both callers", len(requests))
	}
}

func TestDamagedStore(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "policies")
	store, err := OpenFileStore(directory)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, store, nil)
	w.Domain("damaged.test", good())
	w.lookup("damaged.test")
	w.client.Close()
	if err := os.WriteFile(filepath.Join(directory, "damaged.test"), []byte("not a row"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.open(store)
	w.Call("forgeNxdomain", "damaged.test", "all")
	if decision := w.lookup("damaged.test"); decision.Verdict != VerdictTemp || decision.Reason != ReasonStoreUnavailable {
		t.Errorf("%v %v: a row that cannot be read is no proof that there was no policy (R-8461-CSM-12)", decision.Verdict, decision.Status)
	}
	w.Call("unforge", "damaged.test")
	decision, err := w.client.Recheck(context.Background(), "damaged.test")
	if err != nil {
		t.Fatal(err)
	}
	w.expectEnforced("damaged.test", decision)
	if _, _, err := store.Get(context.Background(), "damaged.test"); err != nil {
		t.Errorf("the policy found live did not replace the damaged row: %v", err)
	}
}
