package mtasts

import "encoding/binary"

// PlanRequest asks what to do with each MX host under a decision (RFC 8461 §4.1, §5; RFC 7672).
type PlanRequest struct {
	Verdict Verdict
	// Policy is the policy text and Used the leniencies it needed; for VerdictPolicy only.
	Policy []byte
	Used   Leniency
	// Hosts are the MX hosts in MX order, as DNS named them; without an MX RRset the Policy Domain itself.
	Hosts []string
	// DANE is what DNSSEC said; nil when DANE plays no part.
	DANE *DANEFacts
}

// DANEFacts are what DNSSEC and TLSA lookups found of the MX hosts.
type DANEFacts struct {
	// MXSecure: the MX RRset, or its absence, was authenticated.
	MXSecure bool
	// Mandatory: only secure usable TLSA records will do (RFC 7672 §6).
	Mandatory bool
	// States has one state for each host.
	States []DANEState
}

// PlanEntry is what to do with one MX host.
type PlanEntry struct {
	Host   string
	Action Action
	Reason PlanReason
	// Evaluate: compare the session with the policy and report, also where that does not gate delivery (testing).
	Evaluate bool
}

// Plan gives one entry for each host, in their order. Its error is an *Error when the policy text is none: never treat
// that as "no policy".
func (core *Core) Plan(request PlanRequest) ([]PlanEntry, error) {
	hosts, err := request.hosts()
	if err != nil {
		return nil, err
	}
	f := newFrame(pSize)
	f.put(pVersion, frameVersion)
	f.put(pVerdict, uint32(request.Verdict))
	f.put(pLeniency, uint32(request.Used))
	f.put(pFlags, request.DANE.flags())
	f.part(pPolicy, request.Policy)
	f.part(pHosts, hosts)
	answer, err := core.ask("mtasts_plan", f.octets)
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return nil, err
	}
	entries := make([]PlanEntry, len(request.Hosts))
	for i, host := range request.Hosts {
		at := i * planEntry
		entries[i] = PlanEntry{host, Action(answer.u32(at)), PlanReason(answer.u32(at + 4)), answer.u32(at+8) == 1}
	}
	return entries, nil
}

func (request *PlanRequest) hosts() ([]byte, error) {
	var list []byte
	for i, host := range request.Hosts {
		var err error
		if list, err = appendItem(list, []byte(host)); err != nil {
			return nil, err
		}
		if request.DANE != nil && i < len(request.DANE.States) {
			list = binary.LittleEndian.AppendUint16(list, uint16(request.DANE.States[i]))
		}
	}
	return list, nil
}

func (facts *DANEFacts) flags() uint32 {
	if facts == nil {
		return 0
	}
	return factsDANE | flagOf(facts.MXSecure, factsMXSecure) | flagOf(facts.Mandatory, factsDANEMandatory)
}

// JudgeRequest is a plan entry and the facts of one SMTP session.
type JudgeRequest struct {
	Entry   PlanEntry
	Session Session
	// TLSVersion is the number on the wire, as crypto/tls has it; 0 without TLS.
	TLSVersion uint16
	Chain      Chain
	// Names are the DNS-IDs of the certificate.
	Names []string
	// References are the reference identities of a DANE-TA match; nil: the host alone.
	References []string
	// Last: there is no further MX host to try.
	Last bool
}

// Judgement is what to do with the message, and what RFC 8460 calls the session.
type Judgement struct {
	Verdict    JudgeVerdict
	ResultType ResultType
	// Compliant: the session met the policy.
	Compliant bool
	Why       Why
}

// Judge says whether a message may go over a session.
func (core *Core) Judge(request JudgeRequest) (Judgement, error) {
	names, err := listOf(request.Names)
	if err != nil {
		return Judgement{Verdict: JudgeDefer}, err
	}
	host, err := request.reference()
	if err != nil {
		return Judgement{Verdict: JudgeDefer}, err
	}
	f := newFrame(jSize)
	f.put(jVersion, frameVersion)
	f.put(jAction, uint32(request.Entry.Action))
	f.put(jReason, uint32(request.Entry.Reason))
	f.put(jEvaluate, flagOf(request.Entry.Evaluate, 1))
	f.put(jFlags, flagOf(request.Last, judgeLastHost))
	f.put(jSession, uint32(request.Session))
	f.put(jTLSVersion, uint32(request.TLSVersion))
	f.put(jChain, uint32(request.Chain))
	f.part(jNames, names)
	f.part(jHost, host)
	answer, err := core.ask("mtasts_judge", f.octets)
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return Judgement{Verdict: JudgeDefer}, err
	}
	return Judgement{JudgeVerdict(answer.u32(0)), ResultType(answer.u32(4)), answer.u32(8) == 1, Why(answer.u32(12))}, nil
}

func (request *JudgeRequest) reference() ([]byte, error) {
	if request.Entry.Action != ActionDANE {
		return []byte(request.Entry.Host), nil
	}
	if request.References == nil {
		return listOf([]string{request.Entry.Host})
	}
	return listOf(request.References)
}
