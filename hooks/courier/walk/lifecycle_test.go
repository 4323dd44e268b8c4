package walk

import (
	"os"
	"strings"
	"testing"

	"dochook/hooks/courier/endpoint"
	"dochook/hooks/ledger"
)

// TestLifecycle_is_the_picture_in_the_README draws the tables that the code goes by.
func TestLifecycle_is_the_picture_in_the_README(t *testing.T) {
	const name, begin, end = "../../../README.md", "<!-- lifecycle: drawn from the tables, see hooks/courier/walk/lifecycle.go -->\n", "<!-- end of lifecycle -->"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	drawn, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %q … %q", name, begin, end)
	}
	want := lifecycle()
	if drawn == want {
		return
	}
	if os.Getenv("DOCHOOK_UPDATE") == "" {
		t.Fatalf("the picture is not what the tables say; DOCHOOK_UPDATE=1 go test ./hooks/courier/walk -run Lifecycle draws it anew:\n%s", want)
	}
	if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
}

// lifecycle draws the tables of deliveries and of endpoints as diagrams in Mermaid.
func lifecycle() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    state \"beyond the cursor\" as waiting\n    [*] --> waiting: event\n")
	line := func(from, to, on string) { b.WriteString("    " + from + " --> " + to + ": " + on + "\n") }
	for v := delivered; v <= split; v++ {
		r := rules[v]
		switch {
		case r.stays:
			continue
		case r.parts:
			line("waiting", ledger.Retrying, r.when)
		case r.to == "":
			line("waiting", "[*]", r.when)
		default:
			line("waiting", r.to, r.when)
			if r.to != ledger.Skipped {
				line(ledger.Retrying, r.to, r.when)
			}
		}
		if r.again {
			line(ledger.Retrying, ledger.Dead, "no attempts left")
		}
	}
	for _, over := range []string{ledger.Delivered, ledger.Dead, ledger.Skipped} {
		line(over, "[*]", "retention")
	}
	b.WriteString("```\n\n```mermaid\nstateDiagram-v2\n    [*] --> closed\n")
	for _, l := range endpoint.Lines() {
		b.WriteString("    " + l + "\n")
	}
	b.WriteString("```\n")
	return b.String()
}
