package mtasts

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	policyPath       = "/.well-known/mta-sts.txt"
	maxPolicyHeaders = 8 * 1024
)

// Fetched is what a GET came to. Body and ContentType (nil: absent) belong to FetchOk.
type Fetched struct {
	Outcome     FetchOutcome
	Body        []byte
	ContentType *string
	// Detail says in one clause what failed.
	Detail string
}

// Fetcher makes the one GET for a Policy Domain. HTTPSFetcher is one.
type Fetcher interface {
	Fetch(ctx context.Context, domain string) Fetched
}

// HTTPSFetcher fetches as RFC 8461 §3.3 says: one address list, checked and then dialled; a certificate that PKIX and a
// DNS-ID hold good; no redirect, no proxy, no cache, no decoding; at most 64 KiB; one deadline for everything.
type HTTPSFetcher struct {
	core     *Core
	resolver Resolver
	options  FetchOptions
	slots    chan struct{}
}

// FetchOptions may be left as they are.
type FetchOptions struct {
	// TLS roots; nil: those of the system.
	Roots *x509.CertPool
	// Timeout is for everything: DNS, connect, TLS, headers, body. Default one minute.
	Timeout time.Duration
	// AllowPrivate lets policy hosts have loopback, private and documentation addresses.
	AllowPrivate bool
	// Concurrent GETs at most; default 64. More wait, as long as Timeout.
	Concurrent int
	// Port is dialled in place of 443; for tests.
	Port int
}

// NewHTTPSFetcher makes a Fetcher that finds policy hosts with resolver and checks names with core.
func NewHTTPSFetcher(core *Core, resolver Resolver, options FetchOptions) *HTTPSFetcher {
	if options.Timeout == 0 {
		options.Timeout = time.Minute
	}
	if options.Concurrent == 0 {
		options.Concurrent = 64
	}
	if options.Port == 0 {
		options.Port = 443
	}
	return &HTTPSFetcher{core: core, resolver: resolver, options: options, slots: make(chan struct{}, options.Concurrent)}
}

// fetchError is a failure on its way to the caller.
type fetchError struct {
	outcome FetchOutcome
	detail  string
}

func (err *fetchError) Error() string { return err.detail }

func refused(outcome FetchOutcome, format string, arguments ...any) error {
	return &fetchError{outcome, fmt.Sprintf(format, arguments...)}
}

// Fetch never follows anything and never decodes anything. domain is canonical.
func (fetcher *HTTPSFetcher) Fetch(ctx context.Context, domain string) Fetched {
	waiting := time.NewTimer(fetcher.options.Timeout)
	defer waiting.Stop()
	select {
	case fetcher.slots <- struct{}{}:
		defer func() { <-fetcher.slots }()
	case <-ctx.Done():
		return Fetched{Outcome: FetchAborted, Detail: "the fetch was given up"}
	case <-waiting.C:
		// The wait was ours: a fetch whose turn never comes says nothing about the domain.
		return Fetched{Outcome: FetchAborted, Detail: "no free fetch slot"}
	}
	limited, cancel := context.WithTimeout(ctx, fetcher.options.Timeout)
	defer cancel()
	fetched, err := fetcher.get(limited, domain)
	var known *fetchError
	switch {
	case err == nil:
		return fetched
	case ctx.Err() != nil:
		return Fetched{Outcome: FetchAborted, Detail: "the fetch was given up"}
	case limited.Err() != nil:
		return Fetched{Outcome: FetchTimeout, Detail: fmt.Sprintf("no complete answer within %v", fetcher.options.Timeout)}
	case errors.As(err, &known):
		return Fetched{Outcome: known.outcome, Detail: known.detail}
	}
	return Fetched{Outcome: FetchProtocol, Detail: err.Error()}
}

func (fetcher *HTTPSFetcher) get(ctx context.Context, domain string) (Fetched, error) {
	host := "mta-sts." + domain
	addresses, err := fetcher.addresses(ctx, host)
	if err != nil {
		return Fetched{}, err
	}
	connection, err := fetcher.connect(ctx, host, addresses)
	if err != nil {
		return Fetched{}, err
	}
	defer connection.Close()
	// Once only: no second connection to anything may be made for this request.
	given := false
	transport := &http.Transport{
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			if given {
				return nil, refused(FetchIncomplete, "%s closed the connection without a response", host)
			}
			given = true
			return connection, nil
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxPolicyHeaders,
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+policyPath, nil)
	if err != nil {
		return Fetched{}, err
	}
	request.Header.Set("User-Agent", "mta-sts-engine")
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("Cache-Control", "no-cache")
	// RoundTrip, not Client.Do: no redirects, no cookies.
	response, err := transport.RoundTrip(request)
	if err != nil {
		return Fetched{}, connection.failure(err)
	}
	defer response.Body.Close()
	return readPolicy(response, connection)
}

func readPolicy(response *http.Response, connection *policyConnection) (Fetched, error) {
	if err := refuseByHead(response); err != nil {
		return Fetched{}, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, policyLimit+1))
	if len(body) > policyLimit {
		return Fetched{}, refused(FetchTooLarge, "a body of more than %d octets", policyLimit)
	}
	if err != nil {
		return Fetched{}, connection.failure(err)
	}
	// Neither a length nor a last chunk says that this is all; only the peer's close_notify can (RFC 9112 §9.8).
	if response.ContentLength < 0 && len(response.TransferEncoding) == 0 && !connection.endedByPeer() {
		return Fetched{}, refused(FetchIncomplete, "the body was cut: no length, and no TLS close_notify at its end")
	}
	fetched := Fetched{Outcome: FetchOk, Body: body}
	if types := response.Header.Values("Content-Type"); len(types) > 0 {
		// Several fields are joined (RFC 9110 §5.3), so that the core sees and refuses them.
		joined := strings.Join(types, ", ")
		fetched.ContentType = &joined
	}
	return fetched, nil
}

func refuseByHead(response *http.Response) error {
	code := response.StatusCode
	if response.ProtoMajor != 1 {
		return refused(FetchProtocol, "the answer is in %s", response.Proto)
	}
	if code >= 300 && code <= 399 {
		return refused(FetchRedirect, "status %d to %q; redirects are not followed", code, response.Header.Get("Location"))
	}
	if code != http.StatusOK {
		return refused(FetchStatus, "status %d, not 200", code)
	}
	if encodings := response.Header.Values("Content-Encoding"); len(encodings) > 0 {
		return refused(FetchEncoding, "Content-Encoding %s; none is accepted", strings.Join(encodings, ", "))
	}
	if response.ContentLength > policyLimit {
		return refused(FetchTooLarge, "a body of %d octets; %d are the limit", response.ContentLength, policyLimit)
	}
	return nil
}

// addresses are resolved once; what is returned is what is dialled.
func (fetcher *HTTPSFetcher) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := fetcher.resolver.LookupAddresses(ctx, host)
	if errors.Is(err, ErrOverloaded) {
		return nil, refused(FetchAborted, "%v", err)
	}
	if err != nil {
		return nil, refused(FetchDNS, "%v", err)
	}
	if len(found.Items) == 0 {
		return nil, refused(FetchDNS, "%s has no address", host)
	}
	var allowed []netip.Addr
	var reasons []string
	for _, address := range found.Items {
		if why := addressForbidden(address, fetcher.options.AllowPrivate); why == "" {
			allowed = append(allowed, address)
		} else {
			reasons = append(reasons, fmt.Sprintf("%v (%s)", address, why))
		}
	}
	if len(allowed) == 0 {
		return nil, refused(FetchAddressForbidden, "no address of %s may be dialled: %s", host, strings.Join(reasons, ", "))
	}
	return allowed, nil
}
