package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// DB is one open database.
type DB struct {
	// Write carries the transactions that write. On SQLite it has exactly one connection, and each transaction takes the write lock
	// when it begins; on PostgreSQL it is the pool.
	Write *bun.DB
	// Read carries everything else. On SQLite its connections refuse to write; on PostgreSQL it is the same pool as Write.
	Read *bun.DB

	redacted string
	log      *slog.Logger
	lock     *flock.Flock    // SQLite, unless opened shared
	pg       *pgx.ConnConfig // PostgreSQL only
}

// OpenOptions are the choices of [Open]; the zero value is what a service wants.
type OpenOptions struct {
	MaxConns int          // most connections: of the pool on PostgreSQL (0 means 16), of the readers on SQLite (0 means 4)
	Shared   bool         // SQLite: do not insist on being the only process (for tools that read)
	Logger   *slog.Logger // nil discards

	// Statements, if set, counts the statements sent to the database.
	Statements *atomic.Int64
}

// Open opens the database at url: sqlite:file.db, sqlite:/path/file.db (created if it is missing), postgres://… or postgresql://….
// It connects once to be sure of it, and changes no table. Its own errors are of type [*Error].
//
// A SQLite file is kept to one process by an exclusive lock on "<file>.lock". SQLite has one writer at a time in any case; the lock is
// there because the readers of the log and the holders of leases rely on knowing every writer.
func Open(ctx context.Context, url string, o OpenOptions) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("pkg", "migrations")
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case ok && scheme == "sqlite":
		return openSQLite(ctx, rest, o)
	case ok && (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		return openPostgres(ctx, url, o)
	}
	return nil, refuse(CodeInvalid, "the database URL must begin with sqlite: or postgres:// (for example sqlite:dochook.db)", nil)
}

// Close closes all connections and then gives the file lock back. A running [DB.Listen] is not ended by it.
func (d *DB) Close() error {
	err := d.Read.Close()
	if d.Write != d.Read {
		err = errors.Join(err, d.Write.Close())
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Unlock())
	}
	return err
}

// Postgres tells PostgreSQL from SQLite.
func (d *DB) Postgres() bool { return d.pg != nil }

// Redacted returns the URL without password and parameters, for logs and configuration print-outs.
func (d *DB) Redacted() string { return d.redacted }

// NowMicros returns the SQL expression for the moment of its evaluation (not the transaction's start), in microseconds since 1970 UTC,
// by the clock of the database. On SQLite that is the clock of this process.
func (d *DB) NowMicros() string {
	if d.Postgres() {
		return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
	}
	return "now_micros()"
}

// Clock is the time by the clock of the database.
func (d *DB) Clock(ctx context.Context) (time.Time, error) {
	var us int64
	if err := d.Read.QueryRowContext(ctx, "SELECT "+d.NowMicros()).Scan(&us); err != nil {
		return time.Time{}, fmt.Errorf("read the clock: %w", err)
	}
	return time.UnixMicro(us).UTC(), nil
}

// InTx runs fn in one transaction that may write, and commits it if fn returns nil. An error or a panic of fn rolls it back and goes on
// to the caller; the end of ctx rolls it back too. Nothing is tried twice: see [IsRetryable].
// On SQLite it waits for the one connection that writes: a call from within fn waits for itself.
func (d *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	err := d.Write.RunInTx(ctx, nil, fn)
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err() // database/sql had rolled back by the time of the next statement
	}
	return err
}
