package server_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

// TestPanel_access asks for every page of the table of routes as everybody: who
// has less than the route asks for gets no further.
func TestPanel_access(t *testing.T) {
	golden, err := fs.ReadFile(os.DirFS("testdata"), "routes.golden")
	if err != nil {
		t.Fatal(err)
	}
	rank := map[string]int{"": 0, "reader": 1, "limited": 2, "writer": 2, "admin": 3}
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	clients := map[string]*paneltest.Client{}
	for who := range rank {
		clients[who] = site.SignIn(t, who)
	}
	seen := 0
	for line := range strings.Lines(string(golden)) {
		row := strings.Fields(line)
		method, path, access := row[0], row[1], row[2]
		if path != "/app" && !strings.HasPrefix(path, "/app/") || path == "/app/logout" { // which ends the session
			continue
		}
		seen++
		path = regexp.MustCompile(`[:*][a-z_]+`).ReplaceAllString(path, "nothing")
		for who, has := range rank {
			c := clients[who]
			if row[3] == "stream" && strings.HasSuffix(path, "/live") && has >= rank[access] { // it does not end
				c.Stream(t, path)
				continue
			}
			status := c.Get(t, path).Status
			if method == http.MethodPost {
				status = c.Post(t, path, nil).Status
			}
			refused := status == http.StatusForbidden || status == http.StatusUnauthorized
			switch {
			case access == "public":
				if status == http.StatusForbidden {
					t.Errorf("%s %s is public, and %q gets %d", method, path, who, status)
				}
			case has == 0 && method == http.MethodGet:
				if status != http.StatusSeeOther {
					t.Errorf("%s %s: a guest gets %d", method, path, status)
				}
			case has == 0:
				if status != http.StatusUnauthorized {
					t.Errorf("%s %s: a guest gets %d", method, path, status)
				}
			case has < rank[access]:
				if status != http.StatusForbidden {
					t.Errorf("%s %s needs %s: %s gets %d", method, path, access, who, status)
				}
			case who == "admin" && refused, status >= http.StatusInternalServerError, status == http.StatusUnauthorized:
				t.Errorf("%s %s: %s gets %d", method, path, who, status)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d routes of the panel are in the table", seen)
	}
}
