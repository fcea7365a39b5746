package mtasts

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// Nanoseconds per call, the least of several rounds, as lines "NAME NS" for test/embed/bench.mjs; the inputs are those of
// the other runtimes. Run by name only: MTA_STS_BENCH=1 go test -run TestBench -v .

const (
	benchRounds = 15
	benchCalls  = 10_000
	benchPolicy = "version: STSv1\nmode: enforce\nmx: mail1.example.com\nmx: mail2.example.com\nmx: mail3.example.com\n" +
		"mx: *.example.net\nmx: backup.example.org\nmax_age: 604800\n"
)

func TestBench(t *testing.T) {
	if os.Getenv("MTA_STS_BENCH") == "" {
		t.Skip("figures are asked for with MTA_STS_BENCH=1")
	}
	start := time.Now()
	core, err := NewCore(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer core.Close(context.Background())
	fmt.Printf("instantiate %d\n", time.Since(start).Nanoseconds())
	body, rrset := []byte(benchPolicy), [][]byte{TXT("v=STSv1; id=20260101000000Z;")}
	measure("select_record", func() error { _, err := core.SelectRecord(rrset, 0); return err })
	measure("parse_policy", func() error { _, err := core.ParsePolicy(body, 0); return err })
	measure("match_mx", func() error { _, err := core.MatchMX("*.example.net", "mx1.example.net"); return err })
}

func measure(name string, call func() error) {
	var best time.Duration
	for round := range benchRounds {
		start := time.Now()
		for range benchCalls {
			if err := call(); err != nil {
				panic(err)
			}
		}
		if spent := time.Since(start); round == 0 || spent < best {
			best = spent
		}
	}
	fmt.Printf("%s %.1f\n", name, float64(best.Nanoseconds())/benchCalls)
}
