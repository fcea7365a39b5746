package mtasts

import (
	"fmt"
	"net/netip"
)

// Which addresses a policy host may be dialled at. The other side chooses the name and what it resolves to, so without
// this rule a crafted domain reaches loopback services and cloud metadata (R-8461-3.3-21).

type addressRange struct {
	prefix netip.Prefix
	why    string
}

func ranges(pairs ...string) []addressRange {
	var list []addressRange
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, addressRange{netip.MustParsePrefix(pairs[i]), pairs[i+1]})
	}
	return list
}

// Never the address of a server.
var neverDialled = ranges(
	"0.0.0.0/8", "unspecified", "224.0.0.0/4", "multicast", "240.0.0.0/4", "reserved",
	"::/128", "unspecified", "ff00::/8", "multicast",
	// An AAAA record has no business carrying these; a kernel dials the IPv4 address inside.
	"::ffff:0:0/96", "IPv4-mapped", "::ffff:0:0:0/96", "IPv4-translated",
)

// Reachable only from here, or reserved for a use that is no public web server (RFC 6890 registries).
var privateRanges = ranges(
	"10.0.0.0/8", "private", "100.64.0.0/10", "carrier-grade NAT", "127.0.0.0/8", "loopback",
	"169.254.0.0/16", "link-local", "172.16.0.0/12", "private", "192.0.0.0/24", "protocol assignments",
	"192.0.2.0/24", "documentation", "192.88.99.0/24", "6to4 relay", "192.168.0.0/16", "private",
	"198.18.0.0/15", "benchmarking", "198.51.100.0/24", "documentation", "203.0.113.0/24", "documentation",
	"::1/128", "loopback", "64:ff9b:1::/48", "local NAT64", "100::/64", "discard-only",
	"2001::/23", "protocol assignments", "2001:db8::/32", "documentation", "3fff::/20", "documentation",
	"fc00::/7", "unique local", "fe80::/10", "link-local", "fec0::/10", "site-local",
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour     = netip.MustParsePrefix("2002::/16")
)

// addressForbidden says why an address must not be dialled, "" when it may be.
func addressForbidden(address netip.Addr, allowPrivate bool) string {
	if !address.IsValid() || address.Zone() != "" {
		return "not an IP address"
	}
	lists := [][]addressRange{neverDialled}
	if !allowPrivate {
		lists = append(lists, privateRanges)
	}
	for _, list := range lists {
		for _, entry := range list {
			if entry.prefix.Contains(address) {
				return entry.why
			}
		}
	}
	if address.Is4() {
		return ""
	}
	if inside, ok := embeddedIPv4(address); ok {
		if why := addressForbidden(inside, allowPrivate); why != "" {
			return fmt.Sprintf("%s %v inside", why, inside)
		}
		return ""
	}
	if !allowPrivate && !globalUnicast.Contains(address) {
		return "not global unicast"
	}
	return ""
}

// embeddedIPv4 is the address that a NAT64 (RFC 6052) or 6to4 (RFC 3056) address stands for.
func embeddedIPv4(address netip.Addr) (netip.Addr, bool) {
	octets := address.As16()
	switch {
	case nat64.Contains(address):
		return netip.AddrFrom4([4]byte(octets[12:16])), true
	case sixToFour.Contains(address):
		return netip.AddrFrom4([4]byte(octets[2:6])), true
	}
	return netip.Addr{}, false
}
