package courier_test

import (
	"os"
	"strings"
	"testing"

	"dochook/hooks/courier"
)

// TestLifecycle_is_the_picture_in_the_README draws the tables that the code goes by.
func TestLifecycle_is_the_picture_in_the_README(t *testing.T) {
	const name, begin, end = "../../README.md", "<!-- lifecycle: drawn from the tables, see hooks/courier/lifecycle.go -->\n", "<!-- end of lifecycle -->"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	drawn, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %q … %q", name, begin, end)
	}
	want := courier.Lifecycle()
	if drawn == want {
		return
	}
	if os.Getenv("DOCHOOK_UPDATE") == "" {
		t.Fatalf("the picture is not what the tables say; DOCHOOK_UPDATE=1 go test ./hooks/courier -run Lifecycle draws it anew:\n%s", want)
	}
	if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
}
