package mtasts_test

import (
	"context"
	"fmt"

	mtasts "mta-sts-engine.example/mtasts"
)

func ExampleCore() {
	core, err := mtasts.NewCore(context.Background())
	if err != nil {
		panic(err)
	}
	defer core.Close(context.Background())

	record, _ := core.SelectRecord([][]byte{mtasts.TXT("v=spf1 -all"), mtasts.TXT("v=STSv1; id=20260101")}, 0)
	fmt.Println(record.ID)

	body := []byte("version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 604800\n")
	policy, _ := core.ParsePolicy(body, 0)
	fmt.Println(policy.Mode, policy.MX, policy.MaxAge)

	plan, _ := core.Plan(mtasts.PlanRequest{
		Verdict: mtasts.VerdictPolicy, Policy: body, Hosts: []string{"mx.example.net", "mx.attacker.example"},
	})
	for _, entry := range plan {
		fmt.Println(entry.Host, entry.Action, entry.Reason)
	}
	// Output:
	// 20260101
	// enforce [*.example.net] 604800
	// mx.example.net pkix 0
	// mx.attacker.example skip not-in-policy
}

// How a mail server uses a Client: once per process, and one Lookup for each recipient domain.
func ExampleClient() {
	ctx := context.Background()
	core, err := mtasts.NewCore(ctx)
	if err != nil {
		panic(err)
	}
	store, err := mtasts.OpenFileStore("/var/lib/mymta/policies")
	if err != nil {
		panic(err)
	}
	policies, err := mtasts.NewClient(core, mtasts.Options{Store: store})
	if err != nil {
		panic(err)
	}
	defer policies.Close()

	decision, err := policies.Lookup(ctx, "example.com")
	if err != nil || decision.Verdict == mtasts.VerdictTemp {
		return // keep the message and try again later
	}
	hosts, _ := mtasts.MXHosts(ctx, mtasts.NewDNSClient(), decision.Domain)
	plan, _ := core.PlanFor(decision, hosts, nil)
	for _, entry := range plan {
		fmt.Println(entry.Host, entry.Action) // and, before MAIL FROM, core.Judge
	}
}
