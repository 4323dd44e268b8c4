package migrations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// listen runs Listen and hands its calls over one by one.
func listen(t *testing.T, db *migrations.DB) (heard <-chan string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	calls, done := make(chan string), make(chan error, 1)
	go func() {
		done <- db.Listen(ctx, `odd "channel"`, func(payload string) {
			select {
			case calls <- payload:
			case <-ctx.Done():
			}
		})
	}()
	return calls, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Listen ended with %v", err)
		}
	}
}

func wantHeard(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("did not hear %q", want)
	}
}

func TestListen_hears_and_survives_a_lost_connection(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	heard, stop := listen(t, db)
	defer stop()
	wantHeard(t, heard, "")
	mustExec(t, db, `NOTIFY "odd ""channel""", 'one'`)
	wantHeard(t, heard, "one")
	for range 2 {
		mustExec(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN "odd%'`)
		wantHeard(t, heard, "")
		mustExec(t, db, `NOTIFY "odd ""channel""", 'again'`)
		wantHeard(t, heard, "again")
	}
}

func TestListen_survives_a_restart_of_the_server(t *testing.T) {
	cluster := dbtest.StartCluster(t)
	db := dbtest.Open(t, cluster.Database(t))
	heard, stop := listen(t, db)
	defer stop()
	wantHeard(t, heard, "")
	if err := errors.Join(cluster.Stop("fast"), cluster.Start()); err != nil {
		t.Fatal(err)
	}
	wantHeard(t, heard, "")
	mustExec(t, db, `NOTIFY "odd ""channel""", 'two'`)
	wantHeard(t, heard, "two")
}

func TestListen_on_sqlite_waits(t *testing.T) {
	_, stop := listen(t, dbtest.New(t, dbtest.SQLite))
	stop()
}
