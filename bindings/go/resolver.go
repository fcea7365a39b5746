package mtasts

import (
	"context"
	"net/netip"
	"sort"
	"strings"
)

// Records is the answer to a DNS query: what there is, which may be nothing.
type Records[T any] struct {
	Items []T
	// TTL is in seconds; without items the negative TTL (RFC 2308 §5).
	TTL uint32
	// Secure: DNSSEC-authenticated, as said by a resolver whose word may be trusted.
	Secure bool
}

// MX is one MX record.
type MX struct {
	Preference uint16
	// Host is in presentation form, lower case, without trailing dot; "." for the null MX (RFC 7505).
	Host string
}

// Resolver asks DNS. An error is a failure (SERVFAIL, timeout, malformed answers); a name that does not exist is an answer
// without items. DNSClient is one.
type Resolver interface {
	// LookupTXT gives RDATA as it stands in the message.
	LookupTXT(ctx context.Context, name string) (Records[[]byte], error)
	LookupAddresses(ctx context.Context, name string) (Records[netip.Addr], error)
	LookupMX(ctx context.Context, name string) (Records[MX], error)
}

// MXHosts are the hosts to try for a domain, in MX order: without an MX RRset the domain itself (RFC 5321 §5.1), none for
// a null MX (RFC 7505).
func MXHosts(ctx context.Context, resolver Resolver, domain string) ([]string, error) {
	found, err := resolver.LookupMX(ctx, domain)
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return []string{domain}, nil
	}
	records := append([]MX{}, found.Items...)
	sort.SliceStable(records, func(a, b int) bool { return records[a].Preference < records[b].Preference })
	var hosts []string
	for _, record := range records {
		if strings.Trim(record.Host, ".") != "" {
			hosts = append(hosts, record.Host)
		}
	}
	return hosts, nil
}
