package mtasts

import (
	"context"
	"errors"

	"github.com/miekg/dns"
)

// chain is where the aliases of a name have led so far.
type chain struct {
	end    string
	seen   map[string]bool
	ttl    uint32
	secure bool
	rrs    []dns.RR
}

func (client *DNSClient) follow(ctx context.Context, name string, kind uint16) (*chain, error) {
	c := &chain{end: dns.CanonicalName(name), seen: map[string]bool{}, ttl: 1<<31 - 1, secure: true}
	for {
		message, secure, err := client.exchange(ctx, c.end, kind)
		if err != nil {
			return nil, err
		}
		c.secure = c.secure && secure
		if done, err := c.read(message, kind); done || err != nil {
			return c, err
		}
	}
}

// read takes the aliases and records of one answer; false when the end of the chain must be asked for itself.
func (c *chain) read(message *dns.Msg, kind uint16) (bool, error) {
	for moved := false; ; moved = true {
		var target string
		for _, rr := range message.Answer {
			header := rr.Header()
			if header.Class != dns.ClassINET || dns.CanonicalName(header.Name) != c.end {
				continue
			}
			if header.Rrtype == kind {
				c.rrs = append(c.rrs, rr)
				c.ttl = min(c.ttl, soundTTL(header.Ttl))
			}
			if alias, ok := rr.(*dns.CNAME); ok && kind != dns.TypeCNAME {
				next := dns.CanonicalName(alias.Target)
				// RFC 2181 §10.1: a name has one canonical name.
				if target != "" && target != next {
					return false, errors.New("several CNAMEs at one name")
				}
				target = next
				c.ttl = min(c.ttl, soundTTL(header.Ttl))
			}
		}
		if len(c.rrs) > 0 {
			return true, nil
		}
		if target == "" {
			return c.absence(message, moved)
		}
		c.seen[c.end] = true
		if c.seen[target] || len(c.seen) > maxAliases {
			return false, errors.New("CNAME loop")
		}
		c.end = target
	}
}

// soundTTL: RFC 2181 §8, a TTL with the highest bit set counts as 0.
func soundTTL(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return ttl
}

// absence: does the end of the chain not exist, is it empty, or must it be asked for? RFC 2308 §2: the SOA marks a
// negative answer, and only that of a zone which holds the name can speak for it.
func (c *chain) absence(message *dns.Msg, moved bool) (bool, error) {
	ttl, hasSOA, delegates := uint32(0), false, false
	for _, rr := range message.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			if dns.IsSubDomain(dns.CanonicalName(rr.Hdr.Name), c.end) {
				ttl, hasSOA = min(c.ttl, soundTTL(rr.Hdr.Ttl), soundTTL(rr.Minttl)), true
			}
		case *dns.NS:
			delegates = true
		}
	}
	c.ttl = ttl
	if message.Rcode == dns.RcodeNameError || hasSOA {
		return true, nil
	}
	if moved {
		c.ttl = 1<<31 - 1
		return false, nil
	}
	if message.RecursionAvailable || (message.Authoritative && !delegates) {
		return true, nil
	}
	return false, errors.New("referral instead of an answer")
}
