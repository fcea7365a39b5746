package mtasts

import "fmt"

// Decision is what to do about a Policy Domain: what was learned (Status) and, apart from it, what to honour (Verdict).
// A zero Decision is none: look at the error first.
type Decision struct {
	Domain  string
	Verdict Verdict
	Status  Status
	// ResultType is for TLSRPT (RFC 8460 §4.3).
	ResultType ResultType
	// Reason is why the verdict is VerdictTemp.
	Reason Reason
	// Detail says in one clause what failed, for the log.
	Detail string
	// Policy is set for VerdictPolicy only.
	Policy *Policy
	// Reuse is for how many seconds this decision may be given again without asking.
	Reuse uint32
	// Recheck: call Recheck before mail is failed for good (RFC 8461 §5.1).
	Recheck bool
}

// Policy is a policy to honour. Times are in seconds.
type Policy struct {
	Mode      Mode
	ID        string
	MX        []string
	MaxAge    uint32
	Age       uint32
	ExpiresIn uint32
	// IDAge is since the id was last seen in DNS.
	IDAge uint32
	Used  Leniency
	// Text is the policy as it was served.
	Text []byte
}

// PlanFor says what to do with each MX host under the decision; dane may be nil. hosts are what MXHosts gives.
func (core *Core) PlanFor(decision Decision, hosts []string, dane *DANEFacts) ([]PlanEntry, error) {
	request := PlanRequest{Verdict: decision.Verdict, Hosts: hosts, DANE: dane}
	if decision.Policy != nil {
		request.Policy, request.Used = decision.Policy.Text, decision.Policy.Used
	}
	return core.Plan(request)
}

// decide puts the core's answer into a Decision. state is the one that holds after the step.
func (core *Core) decide(domain string, state []byte, answer *Answer, detail string) (Decision, error) {
	decision := Decision{
		Domain: domain, Verdict: answer.Verdict, Status: answer.Status, ResultType: answer.ResultType,
		Reason: answer.Reason, Reuse: answer.Reuse, Recheck: answer.Recheck,
	}
	if answer.Status != StatusCached && answer.Status != StatusFetched {
		decision.Detail = detail
	}
	if answer.Verdict != VerdictPolicy {
		return decision, nil
	}
	text := state[answer.PolicyOffset : answer.PolicyOffset+answer.PolicyLength]
	parsed, err := core.ParsePolicy(text, answer.Used)
	if err != nil {
		return temporary(domain, ReasonStoreUnavailable, ""), fmt.Errorf("the core refuses the policy it holds: %w", err)
	}
	decision.Policy = &Policy{
		Mode: answer.Mode, ID: answer.ID, MX: parsed.MX, MaxAge: answer.MaxAge, Age: answer.Age,
		ExpiresIn: answer.ExpiresIn, IDAge: answer.IDAge, Used: answer.Used, Text: text,
	}
	return decision, nil
}

// temporary is a decision that does not come from the core: the host itself cannot go on.
func temporary(domain string, reason Reason, detail string) Decision {
	status := StatusPending
	if reason == ReasonStoreUnavailable {
		status = StatusStoreFailed
	}
	return Decision{Domain: domain, Verdict: VerdictTemp, Status: status, Reason: reason, Detail: detail}
}
