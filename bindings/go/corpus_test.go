package mtasts

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Real-world policies, where a checkout has them beside it; they are no part of the project.
func TestPublishedPolicies(t *testing.T) {
	folder := "../../../shared/corpus"
	table, err := os.ReadFile(filepath.Join(folder, "expected.tsv"))
	if err != nil {
		t.Skip("no corpus of published policies beside the project")
	}
	core := testCore(t)
	for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] {
		cells := append(strings.Split(line, "\t"), "", "", "", "")
		body, err := os.ReadFile(filepath.Join(folder, "policies", cells[0]))
		if err != nil {
			t.Fatal(err)
		}
		policy, err := core.ParsePolicy(body, 0)
		if cells[1] != "accept" {
			if err == nil {
				t.Errorf("%s was accepted", cells[0])
			}
			continue
		}
		if err != nil || policy.Mode.String() != cells[2] || strconv.Itoa(int(policy.MaxAge)) != cells[3] ||
			strings.Join(policy.MX, " ") != strings.TrimSpace(cells[4]) {
			t.Errorf("%s: %+v %v", cells[0], policy, err)
		}
	}
}
