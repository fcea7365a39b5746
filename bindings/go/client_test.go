package mtasts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scripted answers every query and every GET with what it is told.
type scripted struct {
	rrset   [][]byte
	err     error
	fetched Fetched
	queries atomic.Int64
}

func (s *scripted) LookupTXT(context.Context, string) (Records[[]byte], error) {
	s.queries.Add(1)
	return Records[[]byte]{Items: s.rrset, TTL: 300}, s.err
}

func (s *scripted) LookupAddresses(context.Context, string) (Records[netip.Addr], error) {
	return Records[netip.Addr]{Items: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, nil
}

func (s *scripted) LookupMX(context.Context, string) (Records[MX], error) { return Records[MX]{}, nil }

func (s *scripted) Fetch(context.Context, string) Fetched { return s.fetched }

func publishing() *scripted {
	plain := "text/plain"
	return &scripted{rrset: [][]byte{TXT("v=STSv1; id=1;")},
		fetched: Fetched{Outcome: FetchOk, Body: []byte(enforceBody), ContentType: &plain}}
}

// failingStore is a disk that cannot be written, or not be read.
type failingStore struct {
	*MemoryStore
	get, put error
}

func (store *failingStore) Get(ctx context.Context, domain string) ([]byte, uint64, error) {
	if store.get != nil {
		return nil, 0, store.get
	}
	return store.MemoryStore.Get(ctx, domain)
}

func (store *failingStore) Put(ctx context.Context, domain string, state []byte, expected uint64, now uint32) (uint64, error) {
	if store.put != nil {
		return 0, store.put
	}
	return store.MemoryStore.Put(ctx, domain, state, expected, now)
}

func clientOf(t *testing.T, outside *scripted, store Store, change func(*Options)) *Client {
	t.Helper()
	options := Options{DNS: outside, HTTPS: outside, Store: store}
	if change != nil {
		change(&options)
	}
	client, err := NewClient(testCore(t), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func mustLookup(t *testing.T, client *Client, domain string) Decision {
	t.Helper()
	decision, err := client.Lookup(context.Background(), domain)
	if err != nil {
		t.Fatal(err)
	}
	return decision
}

func TestPolicyIsHonouredFromMemoryWhileTheDiskIsFull(t *testing.T) {
	store := &failingStore{MemoryStore: NewMemoryStore(), put: errors.New("no space left on device")}
	client := clientOf(t, publishing(), store, nil)
	for range 3 {
		if decision := mustLookup(t, client, "a.test"); decision.Verdict != VerdictPolicy {
			t.Fatalf("%+v", decision)
		}
	}
	store.put = nil
	mustLookup(t, client, "a.test")
	if state, _, _ := store.Get(context.Background(), "a.test"); state == nil {
		t.Error("the policy was not written when the disk took it again")
	}
}

func TestWhatIsNoPolicyIsTemporaryWhileTheStoreCannotBeRead(t *testing.T) {
	outside := &scripted{}
	store := &failingStore{MemoryStore: NewMemoryStore(), get: errors.New("input/output error")}
	client := clientOf(t, outside, store, nil)
	if decision := mustLookup(t, client, "a.test"); decision.Verdict != VerdictTemp || decision.Reason != ReasonStoreUnavailable {
		t.Errorf("no record: %+v (R-8461-CSM-13)", decision)
	}
	client = clientOf(t, publishing(), store, nil)
	if decision := mustLookup(t, client, "a.test"); decision.Verdict != VerdictPolicy {
		t.Errorf("a policy found live: %+v", decision)
	}
}

func TestTwoClientsShareAStore(t *testing.T) {
	store, err := OpenFileStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	outside := publishing()
	one, two := clientOf(t, outside, store, nil), clientOf(t, outside, store, nil)
	for range 5 {
		for _, client := range []*Client{one, two} {
			if decision := mustLookup(t, client, "a.test"); decision.Verdict != VerdictPolicy {
				t.Fatalf("%+v", decision)
			}
		}
	}
	if queries := outside.queries.Load(); queries != 1 {
		t.Errorf("%d TXT queries, wanted that of the first client alone", queries)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	outside := &scripted{}
	client := clientOf(t, outside, NewMemoryStore(), func(options *Options) { options.MaxDomains = 4 })
	for _, name := range []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"} {
		mustLookup(t, client, name)
	}
	client.mu.Lock()
	defer client.mu.Unlock()
	if len(client.domains) > 5 {
		t.Errorf("%d domains in memory", len(client.domains))
	}
}

func TestNothingIsDecidedWhenTooManyWaitOrTheClientIsClosed(t *testing.T) {
	client := clientOf(t, publishing(), NewMemoryStore(), func(options *Options) { options.MaxWaiting = 1 })
	client.waiting = 1
	if decision, err := client.Lookup(context.Background(), "a.test"); decision.Verdict != VerdictTemp || err != ErrOverloaded {
		t.Errorf("%+v %v", decision, err)
	}
	client.waiting = 0
	client.Close()
	if decision, err := client.Lookup(context.Background(), "a.test"); decision.Verdict != VerdictTemp || err != ErrClosed {
		t.Errorf("%+v %v", decision, err)
	}
}

func TestAnOverloadedResolverIsNotHeldAgainstTheDomain(t *testing.T) {
	outside := &scripted{err: ErrOverloaded}
	client := clientOf(t, outside, NewMemoryStore(), nil)
	if decision, err := client.Lookup(context.Background(), "a.test"); decision.Verdict != VerdictTemp || err != ErrOverloaded {
		t.Errorf("%+v %v", decision, err)
	}
	outside.err = nil
	if decision := mustLookup(t, client, "a.test"); decision.Status != StatusNoRecord {
		t.Errorf("%+v", decision)
	}
}

// A body whose end is where the connection ends is whole only when the peer said so in TLS (RFC 9112 §9.8).
func TestBodyDelimitedByClose(t *testing.T) {
	core := testCore(t)
	for name, closeNotify := range map[string]bool{"with close_notify it is taken": true, "cut by TCP it is refused": false} {
		t.Run(name, func(t *testing.T) {
			port, roots := serveOnce(t, closeNotify)
			fetcher := NewHTTPSFetcher(core, &scripted{}, FetchOptions{Roots: roots, AllowPrivate: true, Port: port})
			fetched := fetcher.Fetch(context.Background(), "a.test")
			if closeNotify && (fetched.Outcome != FetchOk || string(fetched.Body) != enforceBody) {
				t.Errorf("%+v", fetched)
			}
			if !closeNotify && fetched.Outcome != FetchIncomplete {
				t.Errorf("%v %s", fetched.Outcome, fetched.Detail)
			}
		})
	}
}

func serveOnce(t *testing.T, closeNotify bool) (int, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mta-sts.a.test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(der)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		tcp, err := listener.Accept()
		if err != nil {
			return
		}
		secure := tls.Server(tcp, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		secure.Read(make([]byte, 4096))
		secure.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + enforceBody))
		if closeNotify {
			secure.CloseWrite()
			time.Sleep(50 * time.Millisecond)
		}
		tcp.Close()
	}()
	return listener.Addr().(*net.TCPAddr).Port, roots
}

func TestForbiddenAddresses(t *testing.T) {
	for text, wanted := range map[string]string{
		"192.0.2.1": "documentation", "10.1.2.3": "private", "169.254.169.254": "link-local", "127.0.0.1": "loopback",
		"::1": "loopback", "::ffff:127.0.0.1": "IPv4-mapped", "64:ff9b::7f00:1": "loopback 127.0.0.1 inside",
		"2002:7f00:1::": "loopback 127.0.0.1 inside", "fe80::1%eth0": "not an IP address", "4000::1": "not global unicast",
		"8.8.8.8": "", "2a00:1450::1": "", "2002:808:808::1": "",
	} {
		if why := addressForbidden(netip.MustParseAddr(text), false); why != wanted {
			t.Errorf("%s: %q, wanted %q", text, why, wanted)
		}
	}
	if why := addressForbidden(netip.MustParseAddr("0.0.0.0"), true); why == "" {
		t.Error("0.0.0.0 is allowed with private addresses")
	}
}

func TestManyCallersOfManyDomainsOverTwoClients(t *testing.T) {
	store := NewMemoryStore()
	outside := publishing()
	clients := []*Client{clientOf(t, outside, store, nil), clientOf(t, outside, store, nil)}
	var group sync.WaitGroup
	for i := range 200 {
		group.Add(1)
		go func() {
			defer group.Done()
			client, domain := clients[i%2], fmt.Sprintf("d%d.test", i%20)
			for n := range 5 {
				ask := client.Lookup
				if n == 3 {
					ask = client.Recheck
				}
				if decision, err := ask(context.Background(), domain); err != nil || decision.Verdict != VerdictPolicy {
					t.Errorf("%s: %+v %v", domain, decision, err)
				}
			}
		}()
	}
	group.Wait()
	if domains, _ := store.Domains(context.Background()); len(domains) != 20 {
		t.Errorf("%d domains stored", len(domains))
	}
	for _, client := range clients {
		client.Close() // waits for what still runs in the background
		for name, entry := range client.domains {
			if entry.users != 0 || len(entry.waiters) != 0 {
				t.Errorf("%s: %d users, %d waiters are left", name, entry.users, len(entry.waiters))
			}
		}
	}
}
