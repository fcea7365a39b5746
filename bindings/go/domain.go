package mtasts

import (
	"errors"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// ErrNotADomain says that a name is none that could publish a policy: an address literal, an empty label, octets that are
// in no host name.
var ErrNotADomain = errors.New("mtasts: not a domain name")

var (
	hostLabel = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	// What inet_aton and URL parsers read as the end of an IPv4 address; no top-level domain looks like this.
	numberLabel = regexp.MustCompile(`^(?:[0-9]+|0x[0-9a-f]*)$`)
	foreign     = regexp.MustCompile(`[\x00-\x7f]`)
	hostASCII   = regexp.MustCompile(`^[A-Za-z0-9.-]*$`)
)

// Canonical gives the one form in which a domain is looked up, compared, stored and put into a URL: A-labels, lower case,
// no trailing dot. It takes U-labels, any case and one trailing dot.
func Canonical(domain string) (string, error) {
	ascii := strings.Join(foreign.FindAllString(domain, -1), "")
	if len(domain) > 1024 || !hostASCII.MatchString(ascii) {
		return "", ErrNotADomain
	}
	name := strings.TrimSuffix(domain, ".")
	if ascii != domain {
		converted, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", ErrNotADomain
		}
		name = converted
	}
	name = strings.ToLower(name)
	labels := strings.Split(name, ".")
	if len(name) > domainLimit || numberLabel.MatchString(labels[len(labels)-1]) {
		return "", ErrNotADomain
	}
	for _, label := range labels {
		if !hostLabel.MatchString(label) || !soundALabel(label) {
			return "", ErrNotADomain
		}
	}
	return name, nil
}

// soundALabel: what xn-- hides must encode to the same label again, and must hide something (RFC 5891 §5.4).
func soundALabel(label string) bool {
	if !strings.HasPrefix(label, "xn--") {
		return true
	}
	decoded, err := idna.Lookup.ToUnicode(label)
	if err != nil || decoded == label {
		return false
	}
	again, err := idna.Lookup.ToASCII(decoded)
	return err == nil && again == label
}
