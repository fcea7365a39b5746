package mtasts

import "testing"

// go test -bench . -run none; docs/performance.md has the figures of the other runtimes.

func BenchmarkParsePolicy(b *testing.B) {
	core, body := testCore(b), []byte(benchPolicy)
	for range b.N {
		if _, err := core.ParsePolicy(body, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchMX(b *testing.B) {
	core := testCore(b)
	for range b.N {
		if match, err := core.MatchMX("*.example.net", "mx1.example.net"); !match || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSelectRecord(b *testing.B) {
	core, rrset := testCore(b), [][]byte{TXT("v=STSv1; id=20260101000000Z;")}
	for range b.N {
		if _, err := core.SelectRecord(rrset, 0); err != nil {
			b.Fatal(err)
		}
	}
}

const benchPolicy = "version: STSv1\nmode: enforce\nmx: mail1.example.com\nmx: mail2.example.com\nmx: mail3.example.com\n" +
	"mx: *.example.net\nmx: backup.example.org\nmax_age: 604800\n"
