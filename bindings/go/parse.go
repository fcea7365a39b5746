package mtasts

import "strings"

// Record is the one valid MTA-STS record of a domain (RFC 8461 §3.1).
type Record struct {
	ID string
	// Used are the leniencies that were needed.
	Used Leniency
}

// SelectRecord finds the MTA-STS record in a TXT RRset, given as RDATA: character-strings with their length octets. RRs
// with equal RDATA must be given once. ErrNoRecord when there is none; an *Error when what is there is to be treated like
// none.
func (core *Core) SelectRecord(rrset [][]byte, allowed Leniency) (Record, error) {
	list, err := listOf(rrset)
	if err != nil {
		return Record{}, err
	}
	answer, err := core.askLenient("mtasts_record_select", list, allowed)
	if err != nil {
		return Record{}, err
	}
	if answer.status <= 0 {
		return Record{}, orNoRecord(answer.err())
	}
	id := answer.payload[8 : 8+answer.u32(4)]
	return Record{ID: string(id), Used: Leniency(answer.u32(0))}, nil
}

func orNoRecord(err error) error {
	if err == nil {
		return ErrNoRecord
	}
	return err
}

// TXT makes the RDATA of a TXT RR from its character-strings; one over 255 octets is cut.
func TXT(texts ...string) []byte {
	var rdata []byte
	for _, text := range texts {
		for first := true; first || len(text) > 0; first = false {
			n := min(len(text), 255)
			rdata = append(append(rdata, byte(n)), text[:n]...)
			text = text[n:]
		}
	}
	return rdata
}

// ParsedPolicy is what a policy body says (RFC 8461 §3.2).
type ParsedPolicy struct {
	Mode Mode
	// MaxAge is in seconds, at most 31557600.
	MaxAge uint32
	// MX are the patterns in lower case, in their order.
	MX   []string
	Used Leniency
}

// ParsePolicy reads a policy body. The error is an *Error when the body is no policy.
func (core *Core) ParsePolicy(body []byte, allowed Leniency) (ParsedPolicy, error) {
	answer, err := core.askLenient("mtasts_policy_parse", body, allowed)
	if err == ErrTooLarge {
		return ParsedPolicy{}, &Error{Code: CodePolicyTooLarge, Offset: policyLimit}
	}
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return ParsedPolicy{}, err
	}
	policy := ParsedPolicy{Mode: Mode(answer.u32(0)), MaxAge: answer.u32(4), Used: Leniency(answer.u32(8))}
	// One copy that all patterns share; they are ASCII, the text around them need not be.
	text := string(body)
	policy.MX = make([]string, 0, answer.u32(12))
	for at := 16; at < len(answer.payload); at += 8 {
		start := answer.u32(at)
		policy.MX = append(policy.MX, strings.ToLower(text[start:start+answer.u32(at+4)]))
	}
	return policy, nil
}

// MatchMX says whether an mx pattern covers an MX host, given as DNS named it (RFC 8461 §4.1). Whatever is no host name
// never matches; the error is an *Error when the pattern is none.
func (core *Core) MatchMX(pattern, host string) (bool, error) {
	answer, err := core.askPair("mtasts_mx_match", []byte(pattern), host)
	if err != nil {
		return false, err
	}
	return answer.status == 1, answer.err()
}

// MatchDNSID says whether one of a certificate's DNS-IDs (never its common name) names the host (RFC 9525 §6.3).
func (core *Core) MatchDNSID(names []string, host string) (bool, error) {
	list, err := listOf(names)
	if err != nil {
		return false, err
	}
	answer, err := core.askPair("mtasts_dnsid_match", list, host)
	if err != nil {
		return false, err
	}
	return answer.status == 1, answer.err()
}
