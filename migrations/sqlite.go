package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const sqliteReaders = 4

func openSQLite(ctx context.Context, name string, o OpenOptions) (*DB, error) {
	name = strings.TrimPrefix(name, "//")
	path, err := sqlitePath(name)
	if err != nil {
		return nil, err
	}
	d := &DB{redacted: "sqlite:" + name, log: o.Logger}
	if !o.Shared {
		if d.lock, err = lockFile(path, d.redacted); err != nil {
			return nil, err
		}
	}
	if d.Write, d.Read, err = sqlitePools(ctx, path, o); err != nil {
		if d.lock != nil {
			err = errors.Join(err, d.lock.Unlock())
		}
		return nil, sqliteOpenError(d.redacted, err)
	}
	return d, nil
}

// sqlitePath makes name absolute, follows links so that one file has one lock, and creates a missing file for its owner alone: it will
// hold records and hashed keys.
func sqlitePath(name string) (string, error) {
	switch {
	case name == "":
		return "", refuse(CodeInvalid, "the database URL names no file: sqlite:dochook.db", nil)
	case strings.HasPrefix(name, ":memory:"):
		return "", refuse(CodeInvalid, "sqlite::memory: is not offered: what is delivered must survive a restart", nil)
	case strings.ContainsAny(name, "?\x00"):
		return "", refuse(CodeInvalid, "a sqlite: URL has no parameters, and its file name no '?'", nil)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	// Only ever create: closing a handle on an existing file would drop the POSIX locks this process may hold on it
	// (https://www.sqlite.org/howtocorrupt.html, 2.2).
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	switch {
	case err == nil:
		if err := f.Close(); err != nil {
			return "", fmt.Errorf("create %s: %w", path, err)
		}
	case errors.Is(err, fs.ErrNotExist):
		return "", refuse(CodeNotFound, fmt.Sprintf("the folder %s does not exist", filepath.Dir(path)), err)
	case errors.Is(err, fs.ErrPermission):
		return "", refuse(CodeForbidden, fmt.Sprintf("%s may not be created: permission denied", path), err)
	case !errors.Is(err, fs.ErrExist):
		return "", refuse(CodeInvalid, fmt.Sprintf("%s cannot be created", path), err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", refuse(CodeNotFound, name+" is a link to nothing", err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", refuse(CodeInvalid, path+" is not a file", nil)
	}
	return path, nil
}

func lockFile(path, shown string) (*flock.Flock, error) {
	lock := flock.New(path + ".lock")
	held, err := lock.TryLock()
	if err != nil {
		return nil, refuse(CodeForbidden, fmt.Sprintf("the lock file %s.lock cannot be used", path), err)
	}
	if !held {
		return nil, refuse(CodeLocked, shown+" is in use by another dochook process; a SQLite database serves one, PostgreSQL many", nil)
	}
	return lock, nil
}

// sqlitePools opens the writer and the readers. The journal grows to 4,000 pages (16 MB), four times SQLite's default, before it is
// written back to the file, because under load the same pages change again and again.
func sqlitePools(ctx context.Context, path string, o OpenOptions) (write, read *bun.DB, err error) {
	common := url.Values{"_pragma": {"temp_store(memory)"}, "_busy_timeout": {"10000"}, "_error_rc": {"1"}, "_dqs": {"0"}}
	w := url.Values{
		"_pragma":       {"temp_store(memory)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)", "cache_size(-16384)"},
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_foreign_keys": {"1"}, "_txlock": {"immediate"},
	}
	r := url.Values{"_pragma": {"temp_store(memory)", "cache_size(-4096)"}, "_query_only": {"1"}}
	for _, key := range []string{"_busy_timeout", "_error_rc", "_dqs"} {
		w[key], r[key] = common[key], common[key]
	}
	if write, err = sqlitePool(path, w, 1, o.Statements); err != nil {
		return nil, nil, err
	}
	if err = probeSQLite(ctx, write, o.Shared); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	readers := o.MaxConns
	if readers <= 0 {
		readers = sqliteReaders
	}
	if read, err = sqlitePool(path, r, readers, o.Statements); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	return write, read, nil
}

// sqlitePool keeps every connection it ever opened: opening one reads the schema anew, and the writer's is the only one.
func sqlitePool(path string, params url.Values, conns int, statements *atomic.Int64) (*bun.DB, error) {
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/… on Windows, https://www.sqlite.org/uri.html
	}
	connector := &sqliteConnector{statements: statements, dsn: "file:" + (&url.URL{Path: name}).EscapedPath() + "?" + params.Encode()}
	if err := connector.driver.RegisterScalarFunction("now_micros", 0, nowMicros); err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(0)
	pool.SetConnMaxLifetime(0)
	return bun.NewDB(pool, sqlitedialect.New()), nil
}

// sqliteConnector has a driver of its own, because functions are added to a driver, and the registered one is everybody's.
type sqliteConnector struct {
	driver     sqlite.Driver
	dsn        string
	statements *atomic.Int64 // nil: nobody counts
}

func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := c.driver.Open(c.dsn)
	own, ok := conn.(sqliteConn)
	if !ok || err != nil {
		return conn, err
	}
	own = &keepingConn{sqliteConn: own, idle: map[string]*keptStmt{}}
	if c.statements != nil {
		own = &countingConn{own, c.statements}
	}
	return own, nil
}

func (c *sqliteConnector) Driver() driver.Driver { return &c.driver }

// nowMicros is the clock of this process, as it is SQLite's own, but finer than that; and a test's when that is testing/synctest.
func nowMicros(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
	return time.Now().UnixMicro() + movedBy(), nil
}

// probeSQLite fails for a file that is no database, cannot be written, or lies where WAL does not work (some network file systems).
func probeSQLite(ctx context.Context, write *bun.DB, shared bool) error {
	var mode string
	if err := write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return refuse(CodeUnsupported, "the file system does not support SQLite's write-ahead log: use a local disk", nil)
	}
	if shared {
		return nil
	}
	tx, err := write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "PRAGMA user_version = 0") // SQLite quietly opens a read-only file for reading
	return errors.Join(err, tx.Rollback())
}

func sqliteOpenError(shown string, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return refuse(CodeUnsupported, shown+" is not a SQLite database, or it is damaged", err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH:
		return refuse(CodeForbidden, shown+" cannot be read and written: check the owner and permissions of the file and its folder", err)
	case sqlite3.SQLITE_BUSY:
		return refuse(CodeLocked, shown+" is locked by another program", err)
	}
	return fmt.Errorf("open %s: %w", shown, err)
}
