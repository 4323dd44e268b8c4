package server

import (
	"encoding/json"
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/openapi"
)

// described reads the operations of the description, as "METHOD path".
func described(t *testing.T) []string {
	t.Helper()
	d, err := openapi.Read("test")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(d.JSON, &document); err != nil {
		t.Fatal(err)
	}
	var out []string
	for path, item := range document.Paths {
		for member := range item {
			if member != "parameters" {
				out = append(out, strings.ToUpper(member)+" "+path)
			}
		}
	}
	return out
}

// leadsTo reports whether the router brings a described path to a row: parts in braces stand for any text, :part takes one part, and
// *part takes all that follow.
func leadsTo(path, row string) bool {
	want, got := strings.Split(row, "/"), strings.Split(path, "/")
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "*"):
			return len(got) > i
		case i >= len(got):
			return false
		case strings.HasPrefix(part, ":"):
		case part != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

// TestRoutes_described compares the table of routes with the description, in both directions. Of no row are the pages for admins below
// /app; those a person reads.
func TestRoutes_described(t *testing.T) {
	app := newApp(t, dbtest.New(t, dbtest.SQLite))
	operations := described(t)
	used := map[string]bool{}
	for _, row := range app.table(app.handlers()) {
		if row.path == "/app" || strings.HasPrefix(row.path, "/app/") {
			continue
		}
		found := false
		for _, o := range operations {
			method, path, _ := strings.Cut(o, " ")
			if method == row.method && leadsTo(path, row.path) {
				used[o], found = true, true
			}
		}
		// A catch-all is there for a slash at the end of the path before it, too.
		if base, name, ok := strings.Cut(row.path, "/*"); ok && !found && name == "name" && row.method == "POST" {
			for _, o := range operations {
				method, path, _ := strings.Cut(o, " ")
				found = found || method == row.method && leadsTo(path, base)
			}
		}
		if !found {
			t.Errorf("nothing describes %s %s", row.method, row.path)
		}
	}
	for _, o := range operations {
		if !used[o] {
			t.Errorf("described is %s, which no route leads to", o)
		}
	}
	if len(used) < 100 {
		t.Errorf("only %d operations", len(used))
	}
}
