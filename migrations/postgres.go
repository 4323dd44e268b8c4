package migrations

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	postgresConns      = 16
	postgresMinVersion = 130000
	connectTimeout     = 10 * time.Second
)

func openPostgres(ctx context.Context, rawURL string, o OpenOptions) (*DB, error) {
	cfg, err := postgresConfig(rawURL)
	if err != nil {
		return nil, err
	}
	conns := o.MaxConns
	if conns <= 0 {
		conns = postgresConns
	}
	if o.Statements != nil {
		cfg.Tracer = statementCounter{o.Statements}
	}
	pool := postgresPool(cfg, conns)
	d := &DB{Write: pool, Read: pool, pg: cfg, redacted: redactedPostgres(cfg), log: o.Logger}
	if err := probePostgres(ctx, pool, d.redacted); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return d, nil
}

// postgresConfig reads the URL and sets what our transactions rely on, whatever the server's defaults are.
func postgresConfig(rawURL string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		return nil, refuse(CodeInvalid, "the PostgreSQL URL is not valid: "+whyInvalid(rawURL), nil)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	params := map[string]string{
		"application_name": "dochook",
		// Frees the commit-order lock of a frozen process.
		"idle_in_transaction_session_timeout": "5s",
		"lock_timeout":                        "30s",
		"timezone":                            "UTC",
		"client_encoding":                     "UTF8",
		// Bun writes strings into its statements by the standard's rules.
		"standard_conforming_strings":   "on",
		"default_transaction_isolation": "read committed",
		// Our statements are short; compiling one takes longer than running it.
		"jit": "off",
	}
	maps.Copy(params, cfg.RuntimeParams) // the operator's own win
	cfg.RuntimeParams = params
	return cfg, nil
}

// whyInvalid asks the parser about the URL without its secrets, because the parser's text quotes what it was given.
func whyInvalid(rawURL string) string {
	const unclear = "write special characters in user and password as %40, %2F and so on"
	u, err := url.Parse(rawURL)
	if err != nil {
		return unclear
	}
	u.User = nil
	query := u.Query()
	query.Del("password")
	query.Del("sslpassword")
	u.RawQuery = query.Encode()
	if _, err = pgx.ParseConfig(u.String()); err != nil {
		return err.Error()
	}
	return unclear
}

func postgresPool(cfg *pgx.ConnConfig, conns int) *bun.DB {
	pool := sql.OpenDB(stdlib.GetConnector(*cfg.Copy(), stdlib.OptionAfterConnect(useTextArrays),
		stdlib.OptionShouldPing((&doubt{}).ping), stdlib.OptionResetSession(dropClosed)))
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour) // moves a pool over to a new server behind the same name
	return bun.NewDB(pool, pgdialect.New())
}

func probePostgres(ctx context.Context, pool *bun.DB, shown string) error {
	var version, encoding string
	row := pool.QueryRowContext(ctx, "SELECT current_setting('server_version_num'), current_setting('server_encoding')")
	if err := row.Scan(&version, &encoding); err != nil {
		return refuse(CodeUnavailable, fmt.Sprintf("cannot connect to %s: %v", shown, err), err)
	}
	if n, err := strconv.Atoi(version); err != nil || n < postgresMinVersion {
		return refuse(CodeUnsupported, fmt.Sprintf("%s is PostgreSQL version %s; 13 or newer is needed", shown, version), nil)
	}
	if encoding != "UTF8" {
		return refuse(CodeUnsupported, fmt.Sprintf("%s has encoding %s; UTF8 is needed", shown, encoding), nil)
	}
	return nil
}

func redactedPostgres(cfg *pgx.ConnConfig) string {
	u := url.URL{Scheme: "postgres", User: url.User(cfg.User), Path: "/" + cfg.Database}
	if strings.HasPrefix(cfg.Host, "/") {
		u.RawQuery = url.Values{"host": {cfg.Host}, "port": {strconv.Itoa(int(cfg.Port))}}.Encode()
	} else {
		u.Host = net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	}
	return u.String()
}

const (
	restMost  = time.Second     // a connection that rested longer is asked whether it still lives
	pingLimit = 2 * time.Second // and is taken for dead if it says nothing for so long

	everRested = 365 * 24 * time.Hour
)

// doubt finds pooled connections that a network has dropped without a word, of which each would cost its user all the time it has. One
// that does not answer makes dead of all that were last used before.
type doubt struct{ since atomic.Int64 } // µs

func (d *doubt) ping(ctx context.Context, p stdlib.ShouldPingParams) bool {
	if p.IdleDuration <= restMost {
		return false
	}
	now := time.Now()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	known := p.IdleDuration < everRested // else it is taken up for the first time, and nobody knows since when it rests
	if known && now.Add(-p.IdleDuration).UnixMicro() < d.since.Load() {
		_ = p.Conn.Close(gone) // without a goodbye
		return false
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), pingLimit) // a caller that goes away says nothing of the network
	defer cancel()
	if err := p.Conn.PgConn().Ping(ctx); err != nil {
		d.since.Store(now.UnixMicro())
		_ = p.Conn.Close(gone)
	}
	return false
}

func dropClosed(_ context.Context, conn *pgx.Conn) error {
	if conn.IsClosed() {
		return driver.ErrBadConn
	}
	return nil
}
