package system_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// TestShow: it tells how the service is set up, and no secret of it.
func TestShow(t *testing.T) {
	const hidden = "hunter2-hunter2-hunter2"
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		site := paneltest.Start(t, db, server.Config{Version: "v1.2.3", MasterKey: hidden, Database: "postgres://user:" + hidden + "@db.example/dochook"})
		c := site.SignIn(t, "admin")
		var r paneltest.Reply
		paneltest.Until(t, "it is ready", func() bool { // which the couriers are after their first round
			r = c.Get(t, "/app/system")
			return !strings.Contains(r.Body, "not ready")
		})
		if r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		kind := "SQLite 3."
		if db.Postgres() {
			kind = "PostgreSQL 1"
		}
		for _, words := range []string{kind, "v1.2.3", "db.example", "allow_target", "127.0.0.0/8", "keep_delivered", "7 days", "_create_sessions", "admin:**********", "KiB"} {
			if !strings.Contains(r.Body, words) && !(words == "KiB" && strings.Contains(r.Body, "MiB")) {
				t.Errorf("it does not say %s", words)
			}
		}
		for _, words := range []string{hidden, strings.TrimPrefix(paneltest.Admin, "admin:"), ">missing<"} {
			if strings.Contains(r.Body, words) {
				t.Errorf("it says %s", words)
			}
		}
	})
}

// TestShow_broken: a schema that is not the program's is told, not an error.
func TestShow_broken(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	c := paneltest.New(t, db).SignIn(t, "admin")
	if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM schema_migrations)"); err != nil {
		t.Fatal(err)
	}
	if r := c.Get(t, "/app/system"); r.Status != http.StatusOK || !strings.Contains(r.Body, "not ready") || !strings.Contains(r.Body, ">missing<") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

func TestBrowser(t *testing.T) {
	site := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			b := site.Browser(t, look)
			b.SignIn(t, "admin")
			b.Follow(t, `.nav a[href="/app/system"]`)
			b.Screenshot(t, "system-"+look.String())
			b.Accessible(t)
		})
	}
}
