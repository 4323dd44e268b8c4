package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsConflict reports a violated unique or primary key.
func IsConflict(err error) bool {
	if code := sqliteCode(err); code != 0 {
		return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
			code == sqlite3.SQLITE_CONSTRAINT_ROWID
	}
	return sqlState(err) == "23505"
}

// IsRetryable reports that the database asks for the whole transaction to be run again: a serialization failure, a deadlock, a lock
// waited for too long, a plan made stale by a migration, SQLITE_BUSY in all its forms.
func IsRetryable(err error) bool {
	if code := sqliteCode(err); code != 0 {
		return code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_PROTOCOL
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "40001", "40P01", "55P03":
		return true
	case "0A000": // "cached plan must not change result type"; pgx has dropped the statement by now
		return pg.Routine == "RevalidateCachedQuery"
	}
	return false
}

// IsFull reports that there is no room left on the database's disk.
func IsFull(err error) bool {
	return sqlState(err) == "53100" || sqliteCode(err)&0xff == sqlite3.SQLITE_FULL
}

// IsUnavailable reports that the database cannot be used now and may be later: connection refused or lost, server starting or stopping,
// out of connections, memory or disk, read only. It is false for a caller's own canceled context, and for an expired one unless that was
// spent on connecting.
// A transaction whose commit failed this way may have been committed.
func IsUnavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if code := sqliteCode(err); code != 0 {
		primary := []int{sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
		return slices.Contains(primary, code&0xff)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if state := sqlState(err); state != "" {
		states := []string{"57P01", "57P02", "57P03", "57P05", "25P03", "25006", "58030"}
		return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "53") || slices.Contains(states, state)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, lost := range []error{driver.ErrBadConn, sql.ErrConnDone, pgconn.ErrConnClosed, net.ErrClosed, io.ErrUnexpectedEOF} {
		if errors.Is(err, lost) {
			return true
		}
	}
	_, network := errors.AsType[*net.OpError](err)
	return network
}

// sqlState is the five characters of https://www.postgresql.org/docs/current/errcodes-appendix.html, or "".
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// sqliteCode is the extended result code of https://www.sqlite.org/rescode.html, or 0.
func sqliteCode(err error) int {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code()
	}
	return 0
}
