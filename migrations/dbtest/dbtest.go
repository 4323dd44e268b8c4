package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dochook/migrations"
)

// The two dialects.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

const (
	envServer  = "DOCHOOK_TEST_POSTGRES"
	envRequire = "DOCHOOK_REQUIRE"
)

// shared is the PostgreSQL server of this test process. It cannot belong to a test: it outlives each of them.
var shared struct { //nolint:gochecknoglobals // see above
	sync.Mutex
	databases *databases // nil until the first test asks
	own       *server    // nil if the server is somebody else's
	err       error
}

// Main runs the tests and then stops the server that this process started.
//
//	func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	var err error
	switch {
	case shared.own != nil:
		err = shared.own.remove()
	case shared.databases != nil:
		err = shared.databases.dropTemplate(context.Background()) //nolint:forbidigo // a test binary's main has no other
	}
	if err != nil {
		code = max(code, 1)
		_, _ = fmt.Fprintln(os.Stderr, "PostgreSQL for tests:", err)
	}
	return code
}

// Each runs fn as the subtests "sqlite" and "postgres", each with a fresh migrated database that is closed at the end.
func Each(t *testing.T, fn func(t *testing.T, db *migrations.DB)) {
	t.Helper()
	for _, dialect := range []string{SQLite, Postgres} {
		t.Run(dialect, func(t *testing.T) { fn(t, New(t, dialect)) })
	}
}

// New opens a fresh migrated database that is closed, and on PostgreSQL dropped, when the test ends.
func New(tb testing.TB, dialect string) *migrations.DB {
	tb.Helper()
	return Open(tb, URL(tb, dialect))
}

// Open opens the database at url and closes it when the test ends.
func Open(tb testing.TB, url string) *migrations.DB {
	tb.Helper()
	db, err := migrations.Open(tb.Context(), url, migrations.OpenOptions{})
	if err != nil {
		tb.Fatalf("open test database: %v", err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close test database: %v", err)
		}
	})
	return db
}

// URL returns the address of a fresh migrated database that nobody has open.
func URL(tb testing.TB, dialect string) string {
	tb.Helper()
	switch dialect {
	case SQLite:
		url := EmptyURL(tb, SQLite)
		file, err := migratedFile()
		if err == nil {
			err = os.WriteFile(strings.TrimPrefix(url, "sqlite:"), file, 0o600)
		}
		if err != nil {
			tb.Fatalf("migrate test database: %v", err)
		}
		return url
	case Postgres:
		return postgresURL(tb, true)
	}
	tb.Fatalf("no such dialect: %q", dialect)
	return ""
}

// EmptyURL returns the address of a fresh database without any table.
func EmptyURL(tb testing.TB, dialect string) string {
	tb.Helper()
	if dialect == Postgres {
		return postgresURL(tb, false)
	}
	return "sqlite:" + filepath.Join(tb.TempDir(), "test.db")
}

func postgresURL(tb testing.TB, migrated bool) string {
	tb.Helper()
	dbs := sharedDatabases(tb)
	url, err := dbs.create(tb.Context(), migrated)
	if err != nil {
		tb.Fatalf("create test database: %v", err)
	}
	tb.Cleanup(func() {
		if err := dbs.drop(context.WithoutCancel(tb.Context()), url); err != nil {
			tb.Errorf("drop test database: %v", err)
		}
	})
	return url
}

// sharedDatabases starts or finds the server, once.
func sharedDatabases(tb testing.TB) *databases {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.databases == nil && shared.err == nil {
		shared.databases, shared.own, shared.err = findServer(context.WithoutCancel(tb.Context()))
	}
	if errors.Is(shared.err, errNoBinaries) {
		missing(tb)
	}
	if shared.err != nil {
		tb.Fatalf("PostgreSQL for tests: %v", shared.err)
	}
	return shared.databases
}

func findServer(ctx context.Context) (*databases, *server, error) {
	if url := os.Getenv(envServer); url != "" {
		dbs, err := newDatabases(ctx, url)
		return dbs, nil, err
	}
	own, err := newServer(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	dbs, err := newDatabases(ctx, own.url("postgres"))
	if err != nil {
		return nil, nil, errors.Join(err, own.remove())
	}
	return dbs, own, nil
}

// missing ends the test: failed where PostgreSQL is required, else skipped with what to do about it.
func missing(tb testing.TB) {
	tb.Helper()
	if slices.Contains(strings.Split(os.Getenv(envRequire), ","), Postgres) {
		tb.Fatalf("PostgreSQL is required (%s), and there is none: %v", envRequire, errNoBinaries)
		return
	}
	tb.Skipf("NOT TESTED ON POSTGRESQL: %v", errNoBinaries)
}

// migratedFile is what a migrated SQLite database is in its file. It is made once: under the race detector migrating takes longer than
// most tests.
var migratedFile = sync.OnceValues(func() (file []byte, err error) { //nolint:gochecknoglobals // it outlives each test
	dir, err := os.MkdirTemp("", "dochook-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "test.db")
	if err := migrateURL(context.Background(), "sqlite:"+path); err != nil { //nolint:forbidigo // of no one test
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil, errors.New("the database is not whole in its file")
	}
	return os.ReadFile(path) //nolint:gosec // our own
})

func migrateURL(ctx context.Context, url string) error {
	db, err := migrations.Open(ctx, url, migrations.OpenOptions{})
	if err != nil {
		return err
	}
	_, err = migrations.Up(ctx, db, nil)
	return errors.Join(err, db.Close())
}
