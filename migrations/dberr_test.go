package migrations_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// kinds are the predicates that say yes, for messages.
func kinds(err error) string {
	var list []string
	for _, k := range []struct {
		name string
		is   func(error) bool
	}{
		{"conflict", migrations.IsConflict},
		{"retryable", migrations.IsRetryable},
		{"unavailable", migrations.IsUnavailable},
		{"full", migrations.IsFull},
	} {
		if k.is(err) {
			list = append(list, k.name)
		}
	}
	return strings.Join(list, " ")
}

func wantKinds(t *testing.T, err error, want string) {
	t.Helper()
	if got := kinds(err); err == nil || got != want {
		t.Errorf("%v (%T) is %q, want %q", err, err, got, want)
	}
	if got := kinds(fmt.Errorf("wrapped: %w", err)); got != want {
		t.Errorf("%v wrapped is %q, want %q", err, got, want)
	}
}

func TestPredicates_on_other_errors(t *testing.T) {
	if got := kinds(nil); got != "" {
		t.Errorf("nil is %q", got)
	}
	wantKinds(t, errors.New("UNIQUE constraint failed"), "")
	wantKinds(t, context.Canceled, "")
	wantKinds(t, context.DeadlineExceeded, "")
	wantKinds(t, driver.ErrBadConn, "unavailable")
}

func TestIsConflict(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		mustExec(t, db, "CREATE TABLE t (a text PRIMARY KEY, b integer UNIQUE, c integer NOT NULL CHECK (c > 0))")
		mustExec(t, db, "INSERT INTO t VALUES ('x', 1, 1)")
		for query, want := range map[string]string{
			"INSERT INTO t VALUES ('x', 2, 1)":    "conflict",
			"INSERT INTO t VALUES ('y', 1, 1)":    "conflict",
			"INSERT INTO t VALUES ('y', 2, 0)":    "",
			"INSERT INTO t VALUES ('y', 2, NULL)": "",
			"INSERT INTO nowhere VALUES (1)":      "",
		} {
			_, err := db.Write.ExecContext(t.Context(), query)
			wantKinds(t, err, want)
		}
	})
}

func TestIsRetryable_sqlite_busy(t *testing.T) {
	url := dbtest.URL(t, dbtest.SQLite)
	db := dbtest.Open(t, url)
	other, err := migrations.Open(t.Context(), url, migrations.OpenOptions{Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	mustExec(t, other, "PRAGMA busy_timeout = 1")
	err = db.InTx(t.Context(), func(ctx context.Context, _ bun.Tx) error {
		return other.InTx(ctx, func(context.Context, bun.Tx) error { return nil })
	})
	wantKinds(t, err, "retryable")
}

func TestIsRetryable_postgres(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	mustExec(t, db, "CREATE TABLE t (a integer PRIMARY KEY, b integer)")
	mustExec(t, db, "INSERT INTO t VALUES (1, 0), (2, 0)")
	update := func(tx bun.Tx, a int) error {
		_, err := tx.ExecContext(t.Context(), "UPDATE t SET b = b + 1 WHERE a = ?", a)
		return err
	}
	in := func(setting string, fn func(tx bun.Tx) error) error {
		return db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.ExecContext(ctx, setting); err != nil {
				return err
			}
			return fn(tx)
		})
	}

	// A lock waited for too long.
	err := in("SELECT 1", func(tx bun.Tx) error {
		return errors.Join(update(tx, 1), in("SET LOCAL lock_timeout = '1ms'", func(tx bun.Tx) error { return update(tx, 1) }))
	})
	wantKinds(t, err, "retryable")

	// A serialization failure.
	err = in("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", func(tx bun.Tx) error {
		var n int
		err := tx.QueryRowContext(t.Context(), "SELECT sum(b) FROM t").Scan(&n)
		return errors.Join(err, in("SELECT 1", func(tx bun.Tx) error { return update(tx, 1) }), update(tx, 1))
	})
	wantKinds(t, err, "retryable")

	// A deadlock: this side looks for it at once, the other one only after a second.
	asked := make(chan error)
	err = in("SET LOCAL deadlock_timeout = '1ms'", func(tx bun.Tx) error {
		if err := update(tx, 1); err != nil {
			t.Fatal(err)
		}
		locked := make(chan bool)
		go func() {
			asked <- in("SELECT 1", func(tx bun.Tx) error {
				err := update(tx, 2)
				close(locked)
				return errors.Join(err, update(tx, 1))
			})
		}()
		<-locked
		eventually(t, func() bool {
			var waiting int
			query := "SELECT count(*) FROM pg_locks WHERE NOT granted"
			return db.Read.QueryRowContext(t.Context(), query).Scan(&waiting) == nil && waiting == 1
		})
		return update(tx, 2)
	})
	wantKinds(t, err, "retryable")
	if err := <-asked; err != nil {
		t.Errorf("the other side of the deadlock: %v", err)
	}
}

// TestIsRetryable_postgres_stale_plan is what another process sees when a migration changes a table under it.
func TestIsRetryable_postgres_stale_plan(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	mustExec(t, db, "CREATE TABLE t (a integer)")
	read := func() error {
		return db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			rows, err := tx.Tx.QueryContext(ctx, "SELECT * FROM t WHERE a > $1", 0)
			if err != nil {
				return err
			}
			return errors.Join(rows.Close(), rows.Err())
		})
	}
	db.Write.SetMaxOpenConns(1)
	if err := read(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "ALTER TABLE t ALTER a TYPE text USING a::text, ADD b integer")
	mustExec(t, db, "ALTER TABLE t ALTER a TYPE integer USING a::integer")
	wantKinds(t, read(), "retryable")
	if err := read(); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestIsFull_sqlite(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	mustExec(t, db, "CREATE TABLE t (a blob)")
	var pages int
	if err := db.Write.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, fmt.Sprintf("PRAGMA max_page_count = %d", pages+2))
	fill := func() error {
		return db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (zeroblob(100000))")
			return err
		})
	}
	wantKinds(t, fill(), "unavailable full")
	wantKinds(t, fill(), "unavailable full")
	mustExec(t, db, "PRAGMA max_page_count = 1000000")
	if err := fill(); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestIsFull_postgres(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	_, err := db.Write.ExecContext(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$")
	wantKinds(t, err, "unavailable full")
}

func TestIsUnavailable_postgres_connection_lost(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := db.Read.ExecContext(ctx, "SELECT pg_terminate_backend(?)", backend(ctx, t, tx)); err != nil {
			t.Fatal(err)
		}
		_, first := tx.ExecContext(ctx, "SELECT 1")
		wantKinds(t, first, "unavailable")
		_, second := tx.ExecContext(ctx, "SELECT 1")
		wantKinds(t, second, "unavailable")
		return first
	})
	wantKinds(t, err, "unavailable")
	if err := db.InTx(t.Context(), func(context.Context, bun.Tx) error { return nil }); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestIsUnavailable_postgres_read_only(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET TRANSACTION READ ONLY"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "CREATE TABLE t (a integer)")
		return err
	})
	wantKinds(t, err, "unavailable")
}

func TestIsUnavailable_postgres_server_restarted(t *testing.T) {
	cluster := dbtest.StartCluster(t)
	db := dbtest.Open(t, cluster.Database(t))
	ping := func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT 1")
		return err
	}
	for _, mode := range []string{"fast", "immediate"} {
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := cluster.Stop(mode); err != nil {
				t.Fatal(err)
			}
			return ping(ctx, tx)
		})
		wantKinds(t, err, "unavailable")
		for range 3 {
			wantKinds(t, db.InTx(t.Context(), ping), "unavailable")
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
		if err := db.InTx(t.Context(), ping); err != nil {
			t.Errorf("after the restart: %v", err)
		}
	}
}

func backend(ctx context.Context, t *testing.T, db bun.IDB) int {
	t.Helper()
	var pid int
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
