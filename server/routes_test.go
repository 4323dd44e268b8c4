package server

import (
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

var update = flag.Bool("update", false, "write testdata/routes.golden anew")

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

func newApp(t *testing.T, db *migrations.DB) *App {
	t.Helper()
	app, err := New(db, Config{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// TestRoutes compares the table with the one that was agreed on: who may call
// what, and what it may cost.
func TestRoutes(t *testing.T) {
	app := newApp(t, dbtest.New(t, dbtest.SQLite))
	panel, err := app.panel()
	if err != nil {
		t.Fatal(err)
	}
	rows := append(app.table(app.handlers()), panel.all()...)
	lines := make([]string, 0, len(rows))
	for _, r := range rows {
		limit := fmt.Sprintf("%d KiB", r.limits.Body>>10)
		if r.limits.Stream {
			limit = "stream"
		} else if r.limits.Body == 0 {
			t.Errorf("%s %s has no limit of its body", r.method, r.path)
		}
		timeout := "30s"
		if r.limits.Timeout > 0 {
			timeout = r.limits.Timeout.String()
		}
		lines = append(lines, fmt.Sprintf("%-7s %-38s %-7s %9s %5s", r.method, r.path, r.access, limit, timeout))
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[8:], b[8:]) })
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", "routes.golden"), []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := fs.ReadFile(os.DirFS("testdata"), "routes.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the table of routes has changed (-update writes it anew):\n%s", got)
	}
}

// TestRoutes_refuse calls what is not there.
func TestRoutes_refuse(t *testing.T) {
	h := newApp(t, dbtest.New(t, dbtest.SQLite)).Handler()
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nowhere", 404, ""},
		{"GET", "/api", 404, ""},
		{"GET", "/api/resource", 404, ""},
		{"GET", "//healthz", 404, ""},
		{"GET", "/api/ingest/X", 405, "POST"},
		{"PATCH", "/api/resource/X", 405, "GET, POST"},
		{"POST", "/healthz", 405, "GET"},
		{"GET", "/healthz", 200, ""},
		{"GET", "/healthz/", 200, ""},
		{"GET", "/", 200, ""},
		{"GET", "/api/method/ping", 200, ""},
		{"GET", "/api/method/ping/", 200, ""},
		{"GET", "/readyz", 503, ""}, // nothing was started
		{"GET", "/api/resource/X/y", 403, ""},
		{"DELETE", "/api/v2/document/X/y", 403, ""},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			res := httptest.NewRecorder()
			h.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, http.NoBody))
			if allow := res.Header().Get("Allow"); res.Code != tc.status || allow != tc.allow {
				t.Errorf("%d, Allow %q; want %d, %q: %s", res.Code, allow, tc.status, tc.allow, res.Body)
			}
		})
	}
}
