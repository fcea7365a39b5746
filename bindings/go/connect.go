package mtasts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxAddresses = 6
	maxConnect   = 10 * time.Second
	// Octets one connection may send, TLS and all framing included: a flood of 1xx responses, chunk extensions or empty
	// records is not seen by limits on the body.
	wireBudget = 128 * 1024
)

// meteredConn is the TCP connection as TLS sees it. It counts octets, and remembers whether TCP ended: a TLS stream that
// ends before that was ended by close_notify, which nobody on the path can forge.
type meteredConn struct {
	net.Conn
	left  int64
	ended atomic.Bool
	over  atomic.Bool
}

var errWireBudget = errors.New("too many octets on the connection")

func (conn *meteredConn) Read(into []byte) (int, error) {
	n, err := conn.Conn.Read(into)
	if err == io.EOF {
		conn.ended.Store(true)
	}
	if atomic.AddInt64(&conn.left, int64(-n)) < 0 {
		conn.over.Store(true)
		return 0, errWireBudget
	}
	return n, err
}

// policyConnection is an authenticated TLS connection to a policy host.
type policyConnection struct {
	*tls.Conn
	wire *meteredConn
}

// endedByPeer: the TLS stream, read to its end, was ended by close_notify.
func (connection *policyConnection) endedByPeer() bool { return !connection.wire.ended.Load() }

// failure says what an error after the handshake means: none of them is about the certificate.
func (connection *policyConnection) failure(err error) error {
	var known *fetchError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.As(err, &known):
		return known
	case connection.wire.over.Load():
		return refused(FetchTooLarge, "more than %d octets on the connection", wireBudget)
	case errors.As(err, &alert), errors.As(err, &record), strings.Contains(text, "tls: "):
		return refused(FetchTLS, "the TLS connection broke: %v", err)
	case strings.Contains(text, "unsupported transfer encoding"):
		return refused(FetchEncoding, "%v", err)
	case strings.Contains(text, "malformed"), strings.Contains(text, "server response headers exceeded"),
		strings.Contains(text, "invalid"), strings.Contains(text, "too many 1xx"):
		return refused(FetchProtocol, "%v", err)
	}
	return refused(FetchIncomplete, "the connection ended before the response was complete: %v", err)
}

// connect dials the addresses in turn until one accepts. Only the TCP handshake moves on to the next: a server that
// answers and then fails is the answer.
func (fetcher *HTTPSFetcher) connect(ctx context.Context, host string, addresses []netip.Addr) (*policyConnection, error) {
	addresses = alternateFamilies(addresses)
	addresses = addresses[:min(len(addresses), maxAddresses)]
	patience := min(maxConnect, fetcher.options.Timeout/time.Duration(len(addresses)))
	var failures []string
	for _, address := range addresses {
		dialer := net.Dialer{Timeout: patience}
		tcp, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.String(), strconv.Itoa(fetcher.options.Port)))
		if err == nil {
			return fetcher.handshake(ctx, host, tcp)
		}
		failures = append(failures, err.Error())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, refused(FetchConnect, "no address of %s accepts a connection: %s", host, strings.Join(failures, ", "))
}

// alternateFamilies: RFC 8305 §4, one broken family costs one attempt before the other is tried.
func alternateFamilies(addresses []netip.Addr) []netip.Addr {
	var same, other, mixed []netip.Addr
	for _, address := range addresses {
		if address.Is4() == addresses[0].Is4() {
			same = append(same, address)
		} else {
			other = append(other, address)
		}
	}
	for i := 0; i < max(len(same), len(other)); i++ {
		mixed = append(append(mixed, same[min(i, len(same)):min(i+1, len(same))]...), other[min(i, len(other)):min(i+1, len(other))]...)
	}
	return mixed
}

func (fetcher *HTTPSFetcher) handshake(ctx context.Context, host string, tcp net.Conn) (*policyConnection, error) {
	wire := &meteredConn{Conn: tcp, left: wireBudget}
	connection := tls.Client(wire, &tls.Config{
		ServerName: host,
		RootCAs:    fetcher.options.Roots,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		// crypto/tls checks the chain and the name; the core must agree on the name (RFC 9525 §6.3).
		VerifyConnection: func(state tls.ConnectionState) error {
			names := state.PeerCertificates[0].DNSNames
			match, err := fetcher.core.MatchDNSID(names, host)
			if err == nil && !match {
				err = x509.HostnameError{Certificate: state.PeerCertificates[0], Host: host}
			}
			return err
		},
	})
	if err := connection.HandshakeContext(ctx); err != nil {
		tcp.Close()
		if isCertificateError(err) {
			return nil, refused(FetchCertificate, "the certificate of %s is not good: %v", host, err)
		}
		return nil, refused(FetchTLS, "the TLS handshake with %s failed: %v", host, err)
	}
	// Ends every read when the deadline comes, however the octets trickle.
	context.AfterFunc(ctx, func() { tcp.Close() })
	return &policyConnection{connection, wire}, nil
}

func isCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &name) || errors.As(err, &authority) || errors.As(err, &invalid)
}
