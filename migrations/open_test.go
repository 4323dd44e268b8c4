package migrations_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uptrace/bun"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestOpen_refuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("not a database\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling.db")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, code, text string }{
		{"", migrations.CodeInvalid, "sqlite:"},
		{"dochook.db", migrations.CodeInvalid, "sqlite:"},
		{"mysql://localhost/x", migrations.CodeInvalid, "sqlite:"},
		{"postgres:host=localhost", migrations.CodeInvalid, "postgres://"},
		{"sqlite:", migrations.CodeInvalid, "names no file"},
		{"sqlite::memory:", migrations.CodeInvalid, "survive"},
		{"sqlite:x.db?mode=ro", migrations.CodeInvalid, "parameters"},
		{"sqlite:" + dir, migrations.CodeInvalid, "not a file"},
		{"sqlite:" + dir + "/none/x.db", migrations.CodeNotFound, dir + "/none"},
		{"sqlite:" + dir + "/dangling.db", migrations.CodeNotFound, "link"},
		{"sqlite:" + dir + "/text.db", migrations.CodeUnsupported, "not a SQLite database"},
		{"postgres://me:hunter2@localhost/x?sslmode=odd", migrations.CodeInvalid, "sslmode"},
		{"postgres://me:hunter2@localhost:port/x", migrations.CodeInvalid, ""},
		{"postgres://me:hunter2%zz@localhost/x", migrations.CodeInvalid, "%40"},
		{"postgres://localhost/x?password=hunter2&sslmode=odd", migrations.CodeInvalid, "sslmode"},
		{"postgres://me:hunter2@127.0.0.1:1/x", migrations.CodeUnavailable, "postgres://me@127.0.0.1:1/x"},
		{"postgres://me@127.0.0.1:1/x?password=hunter2", migrations.CodeUnavailable, "refused"},
	} {
		db, err := migrations.Open(t.Context(), c.url, migrations.OpenOptions{})
		if err == nil {
			t.Errorf("%q was opened", c.url)
			_ = db.Close()
			continue
		}
		wantCode(t, err, c.code)
		if !strings.Contains(err.Error(), c.text) {
			t.Errorf("%q: %q does not speak of %q", c.url, err, c.text)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), "hunter2") {
				t.Errorf("%q: the password is in %q", c.url, cause)
			}
		}
	}
}

func TestOpen_read_only_file_is_refused(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everything")
	}
	url := dbtest.URL(t, dbtest.SQLite)
	if err := os.Chmod(strings.TrimPrefix(url, "sqlite:"), 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := migrations.Open(t.Context(), url, migrations.OpenOptions{})
	wantCode(t, err, migrations.CodeForbidden)
}

func TestOpen_postgres_wrong_password(t *testing.T) {
	good := dbtest.URL(t, dbtest.Postgres)
	_, rest, ok := strings.Cut(good, "@")
	if !ok {
		t.Skip("the server asks for no password")
	}
	db, err := migrations.Open(t.Context(), "postgres://postgres:hunter2@"+rest, migrations.OpenOptions{})
	if err == nil {
		_ = db.Close()
		t.Skip("the server lets everybody in")
	}
	wantCode(t, err, migrations.CodeUnavailable)
	if !strings.Contains(err.Error(), "password authentication failed") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %q", err)
	}
}

func TestRedacted_has_no_password(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	if got := db.Redacted(); !strings.HasPrefix(got, "postgres://") || strings.Count(got, ":") > 2 || strings.Contains(got, "?") {
		t.Errorf("got %q", got)
	}
	if got := dbtest.New(t, dbtest.SQLite).Redacted(); !strings.HasPrefix(got, "sqlite:/") {
		t.Errorf("got %q", got)
	}
}

func TestRedact_needs_no_connection(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:/tmp/x.db": "sqlite:/tmp/x.db",
		"postgres://me:hunter2@db:6543/x?sslmode=disable": "postgres://me@db:6543/x",
		"postgres://me@db/x?password=hunter2":             "postgres://me@db:5432/x",
		"postgres://me:hunter2%zz@db/x":                   "(not a database URL)",
		"postgres://me:hunter2@/x?host=/run/pg":           "postgres://me@/x?host=%2Frun%2Fpg&port=5432",
	} {
		if got := migrations.Redact(url); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}

func TestOpen_strange_file_names(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"plain.db", "with space.db", "100%.db", "a#b.db", "größe.db", "a%3fb.db", "x&_pragma=y.db"} {
		db, err := migrations.Open(t.Context(), "sqlite:"+name, migrations.OpenOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		mustUp(t, db)
		if err := migrations.Check(t.Context(), db); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestOpen_second_process_is_refused(t *testing.T) {
	url := dbtest.URL(t, dbtest.SQLite)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(strings.TrimPrefix(url, "sqlite:"), link); err != nil {
		t.Fatal(err)
	}
	other := func(url string) int {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // this program
		cmd.Env = append(os.Environ(), envOpen+"="+url)
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode()
	}
	db, err := migrations.Open(t.Context(), url, migrations.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if code := other(url); code != 3 {
		t.Errorf("the other process ended with %d, want 3: locked", code)
	}
	if code := other("sqlite:" + link); code != 3 {
		t.Errorf("through a link the other process ended with %d, want 3: locked", code)
	}
	_, err = migrations.Open(t.Context(), url, migrations.OpenOptions{})
	wantCode(t, err, migrations.CodeLocked)
	if err == nil || !strings.Contains(err.Error(), "another dochook process") {
		t.Errorf("got %q", err)
	}

	tool, err := migrations.Open(t.Context(), url, migrations.OpenOptions{Shared: true})
	if err != nil {
		t.Fatalf("shared: %v", err)
	}
	if err := migrations.Check(t.Context(), tool); err != nil {
		t.Errorf("shared: %v", err)
	}
	if err := errors.Join(tool.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	if code := other(url); code != 0 {
		t.Errorf("after the end of the first the other process ended with %d", code)
	}
}

func TestInTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		mustExec(t, db, "CREATE TABLE t (a integer PRIMARY KEY)")
		ctx, failure := t.Context(), errors.New("no")
		insert := func(n int) func(context.Context, bun.Tx) error {
			return func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO t (a) VALUES (?)", n)
				return err
			}
		}
		if err := db.InTx(ctx, insert(1)); err != nil {
			t.Error(err)
		}
		err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return errors.Join(insert(2)(ctx, tx), failure) })
		if !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
		func() {
			defer func() {
				if p := recover(); p != "boom" {
					t.Errorf("recovered %v", p)
				}
			}()
			_ = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				_ = insert(3)(ctx, tx)
				panic("boom") //nolint:forbidigo // the test is about it
			})
		}()
		canceled, cancel := context.WithCancel(ctx)
		err = db.InTx(canceled, func(ctx context.Context, tx bun.Tx) error {
			defer cancel()
			return insert(4)(ctx, tx)
		})
		if !errors.Is(err, context.Canceled) || migrations.IsUnavailable(err) {
			t.Errorf("got %v", err)
		}
		if err := db.InTx(ctx, insert(5)); err != nil {
			t.Error(err)
		}
		var found []int
		if err := db.Read.NewRaw("SELECT a FROM t ORDER BY a").Scan(ctx, &found); err != nil {
			t.Fatal(err)
		}
		if len(found) != 2 || found[0] != 1 || found[1] != 5 {
			t.Errorf("committed %v, want 1 and 5", found)
		}
	})
}

// TestInTx_failed_commit is about the one connection that writes: a transaction left open on it would end all writing.
func TestInTx_failed_commit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		mustExec(t, db, "CREATE TABLE parent (a integer PRIMARY KEY)")
		mustExec(t, db, "CREATE TABLE child (a integer REFERENCES parent (a) DEFERRABLE INITIALLY DEFERRED)")
		for range 2 {
			err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO child VALUES (1)")
				return err
			})
			if err == nil || migrations.IsConflict(err) || migrations.IsUnavailable(err) || migrations.IsRetryable(err) {
				t.Errorf("got %v", err)
			}
		}
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO parent VALUES (1)")
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestSQLite_is_durable_and_readers_do_not_write(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := db.Write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s (%v), want %s", pragma, got, err, want)
		}
	}
	if got := db.Write.DB.Stats().MaxOpenConnections; got != 1 {
		t.Errorf("%d connections write", got)
	}
	_, err := db.Read.ExecContext(t.Context(), "CREATE TABLE t (a integer)")
	if err == nil || !migrations.IsUnavailable(err) {
		t.Errorf("a reader wrote: %v", err)
	}
	// A reader is not held up by a transaction that writes, and sees it once it is committed.
	mustExec(t, db, "CREATE TABLE t (a integer)")
	count := func() (n int) {
		if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	err = db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (1)")
		if n := count(); n != 0 {
			t.Errorf("a reader sees %d uncommitted rows", n)
		}
		return err
	})
	if n := count(); n != 1 || err != nil {
		t.Errorf("a reader sees %d committed rows (%v)", n, err)
	}
}

func TestPostgres_settings(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	for name, want := range map[string]string{
		"application_name": "dochook", "idle_in_transaction_session_timeout": "5s", "lock_timeout": "30s", "TimeZone": "UTC",
		"standard_conforming_strings": "on", "transaction_isolation": "read committed",
	} {
		var got string
		if err := db.Read.QueryRowContext(t.Context(), "SELECT current_setting(?)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestNowMicros_on_sqlite_is_the_clock_of_a_synctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := dbtest.New(t, dbtest.SQLite)
		<-time.After(75 * time.Hour)
		var now int64
		if err := db.Read.QueryRowContext(t.Context(), "SELECT "+db.NowMicros()).Scan(&now); err != nil {
			t.Fatal(err)
		}
		if at := time.UnixMicro(now); !at.Equal(time.Now()) {
			t.Errorf("the database says %s, the test %s", at, time.Now())
		}
	})
}

func TestNowMicros(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		before := time.Now().Add(-time.Second)
		var now int64
		if err := db.Read.QueryRowContext(t.Context(), "SELECT "+db.NowMicros()).Scan(&now); err != nil {
			t.Fatal(err)
		}
		if at := time.UnixMicro(now); at.Before(before) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("the database says %s", at)
		}
	})
}

func mustExec(t *testing.T, db *migrations.DB, query string) {
	t.Helper()
	if _, err := db.Write.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
