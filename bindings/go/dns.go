package mtasts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	maxAliases  = 8
	dnsAttempts = 2
	// What fits into every path without fragments (DNS Flag Day 2020).
	udpSize = 1232
)

// ErrOverloaded says that a query or GET was never sent: too many others are under way. It says nothing about the domain.
var ErrOverloaded = errors.New("mtasts: too many queries under way")

// DNSClient is a stub resolver: it asks recursive servers, over TCP where an answer is truncated, and believes the AD bit
// of those on loopback only.
type DNSClient struct {
	servers []string
	// Timeout is for one server, Deadline for a question with all its servers and aliases.
	Timeout, Deadline time.Duration
	slots             chan struct{}
}

// NewDNSClient asks the given servers ("192.0.2.1:53"), or those of /etc/resolv.conf when there are none.
func NewDNSClient(servers ...string) *DNSClient {
	return &DNSClient{servers: servers, Timeout: 2 * time.Second, Deadline: 10 * time.Second, slots: make(chan struct{}, 256)}
}

// LookupTXT is a Resolver's.
func (client *DNSClient) LookupTXT(ctx context.Context, name string) (Records[[]byte], error) {
	return lookUp(ctx, client, name, dns.TypeTXT, func(rr dns.RR) ([]byte, bool) { return rdataOf(rr), true })
}

// LookupMX is a Resolver's.
func (client *DNSClient) LookupMX(ctx context.Context, name string) (Records[MX], error) {
	return lookUp(ctx, client, name, dns.TypeMX, func(rr dns.RR) (MX, bool) {
		mx, ok := rr.(*dns.MX)
		if !ok {
			return MX{}, false
		}
		host := strings.ToLower(mx.Mx)
		if host != "." {
			host = strings.TrimSuffix(host, ".")
		}
		return MX{mx.Preference, host}, true
	})
}

// LookupAddresses asks for A and AAAA. A family that failed hides nothing when the other has addresses.
func (client *DNSClient) LookupAddresses(ctx context.Context, name string) (Records[netip.Addr], error) {
	var four Records[netip.Addr]
	var errFour error
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		four, errFour = lookUp(ctx, client, name, dns.TypeA, addressOf)
	}()
	six, errSix := lookUp(ctx, client, name, dns.TypeAAAA, addressOf)
	<-asked
	both := Records[netip.Addr]{Items: append(four.Items, six.Items...), Secure: four.Secure && six.Secure}
	both.TTL = min(four.TTL, six.TTL)
	if len(both.Items) > 0 {
		return both, nil
	}
	return both, errors.Join(errFour, errSix)
}

func addressOf(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		address, ok := netip.AddrFromSlice(rr.A.To4())
		return address, ok
	case *dns.AAAA:
		// Not unmapped: an AAAA record of ::ffff:127.0.0.1 must not pass for something else.
		return netip.AddrFrom16([16]byte(rr.AAAA.To16())), true
	}
	return netip.Addr{}, false
}

// rdataOf gives the octets that stood in the message; the library keeps TXT as escaped text.
func rdataOf(rr dns.RR) []byte {
	wire := make([]byte, dns.Len(rr)+1)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	owner := make([]byte, 256)
	start, ownerErr := dns.PackDomainName(rr.Header().Name, owner, 0, nil, false)
	if err != nil || ownerErr != nil {
		return nil
	}
	return wire[start+10 : end]
}

func lookUp[T any](
	ctx context.Context, client *DNSClient, name string, kind uint16, read func(dns.RR) (T, bool),
) (Records[T], error) {
	none := Records[T]{}
	ctx, cancel := context.WithTimeout(ctx, client.Deadline)
	defer cancel()
	select {
	case client.slots <- struct{}{}:
		defer func() { <-client.slots }()
	case <-ctx.Done():
		return none, ErrOverloaded
	}
	found, err := client.follow(ctx, dns.Fqdn(name), kind)
	if err != nil {
		return none, fmt.Errorf("%s %s: %w", dns.TypeToString[kind], name, err)
	}
	records := Records[T]{TTL: found.ttl, Secure: found.secure}
	seen := map[string]bool{}
	for _, rr := range found.rrs {
		// An RRset holds no duplicates (RFC 2181 §5), whatever the answer says.
		if key := string(rdataOf(rr)); !seen[key] {
			seen[key] = true
			if item, ok := read(rr); ok {
				records.Items = append(records.Items, item)
			}
		}
	}
	return records, nil
}

// exchange asks the servers in turn until one gives an answer. True: it may be trusted when it says that the answer is secure.
func (client *DNSClient) exchange(ctx context.Context, name string, kind uint16) (*dns.Msg, bool, error) {
	servers, err := client.addresses()
	if err != nil {
		return nil, false, err
	}
	var failures []error
	for attempt := 0; attempt < dnsAttempts; attempt++ {
		for _, server := range servers {
			message, err := client.askServer(ctx, server, name, kind)
			if err == nil {
				return message, message.AuthenticatedData && onLoopback(server), nil
			}
			failures = append(failures, fmt.Errorf("%w from %s", err, server))
			if ctx.Err() != nil {
				return nil, false, errors.Join(failures...)
			}
		}
	}
	return nil, false, errors.Join(failures...)
}

func (client *DNSClient) askServer(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(name, kind)
	question.SetEdns0(udpSize, false)
	question.AuthenticatedData = true // RFC 6840 §5.7: we understand the bit in the answer
	for _, network := range []string{"udp", "tcp"} {
		message, err := client.askOver(ctx, network, server, question)
		if err == nil && message.Rcode == dns.RcodeFormatError {
			// RFC 6891 §7: a server that does not know EDNS.
			question.Extra = nil
			message, err = client.askOver(ctx, network, server, question)
		}
		if err != nil {
			return nil, err
		}
		if !message.Truncated {
			return message, codeError(message.Rcode)
		}
	}
	return nil, errors.New("truncated over TCP")
}

func (client *DNSClient) askOver(ctx context.Context, network, server string, question *dns.Msg) (*dns.Msg, error) {
	transport := dns.Client{Net: network, Timeout: client.Timeout, UDPSize: udpSize}
	message, _, err := transport.ExchangeContext(ctx, question, server)
	if err != nil {
		return nil, err
	}
	return message, answers(message, question.Question[0])
}

// answers refuses a message that is no answer to the question; the library has compared the id.
func answers(message *dns.Msg, question dns.Question) error {
	if !message.Response || message.Opcode != dns.OpcodeQuery || len(message.Question) != 1 {
		return errors.New("no answer to the question")
	}
	echo := message.Question[0]
	if !strings.EqualFold(echo.Name, question.Name) || echo.Qtype != question.Qtype || echo.Qclass != question.Qclass {
		return errors.New("an answer to another question")
	}
	return nil
}

func codeError(code int) error {
	if code == dns.RcodeSuccess || code == dns.RcodeNameError {
		return nil
	}
	return errors.New(dns.RcodeToString[code])
}

func (client *DNSClient) addresses() ([]string, error) {
	if len(client.servers) > 0 {
		return client.servers, nil
	}
	config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil, err
	}
	var servers []string
	for _, server := range config.Servers {
		servers = append(servers, net.JoinHostPort(server, config.Port))
	}
	if len(servers) == 0 {
		return nil, errors.New("/etc/resolv.conf names no server")
	}
	return servers, nil
}

func onLoopback(server string) bool {
	address, err := netip.ParseAddrPort(server)
	return err == nil && address.Addr().Unmap().IsLoopback()
}
