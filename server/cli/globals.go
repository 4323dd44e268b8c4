package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"dochook/migrations"
	"dochook/server"
	"dochook/server/cli/build"
	"dochook/server/retention"
)

// Streams are where a verb reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Globals are the flags every verb takes.
type Globals struct {
	Database string     `help:"sqlite:FILE or postgres://…" env:"DOCHOOK_DATABASE" default:"sqlite:dochook.db" placeholder:"URL"`
	JSON     bool       `help:"Print machine-readable output." name:"json"`
	LogLevel slog.Level `help:"debug, info, warn or error; the log goes to stderr." env:"DOCHOOK_LOG_LEVEL" default:"info"`
	LogJSON  bool       `help:"Log in JSON." name:"log-json" env:"DOCHOOK_LOG_JSON"`

	statements atomic.Int64 // SQL sent since the database was opened
}

// Targets is the flag of verbs that check or call webhook addresses.
type Targets struct {
	AllowTarget []string `help:"CIDR or host that webhooks may call though it is private; repeatable, or a comma list." env:"DOCHOOK_ALLOW_TARGET" placeholder:"CIDR|HOST"`
}

// Settings are the flags of the service.
type Settings struct {
	Targets
	Listen         string        `help:"Address to listen on, host:port." env:"DOCHOOK_LISTEN" default:"127.0.0.1:8000" placeholder:"ADDRESS"`
	PublicURL      string        `help:"URL under which others reach the service; it stands in answers and bodies. Default: http:// and the address." name:"public-url" env:"DOCHOOK_PUBLIC_URL" placeholder:"URL"`
	JobIdleTimeout time.Duration `help:"An open job that gets no page for so long has failed." env:"DOCHOOK_JOB_IDLE_TIMEOUT" default:"1h" placeholder:"DURATION"`
	DrainTime      time.Duration `help:"How long to serve on after being asked to stop, while /readyz answers 503, so that a balancer goes elsewhere." env:"DOCHOOK_DRAIN_TIME" default:"0s" placeholder:"DURATION"`
	NoMigrate      bool          `help:"Leave the schema alone; refuse to start if it is not current." env:"DOCHOOK_NO_MIGRATE"`
	KeepDelivered  time.Duration `help:"How long delivered deliveries are kept; below 0 for ever." env:"DOCHOOK_KEEP_DELIVERED" default:"168h" placeholder:"DURATION"`
	KeepDead       time.Duration `help:"The same of those that were given up or skipped." env:"DOCHOOK_KEEP_DEAD" default:"720h" placeholder:"DURATION"`
	KeepEvents     time.Duration `help:"The same of the log, and with it the history of documents; what is still to be delivered stays. 0 is the longest of the others." env:"DOCHOOK_KEEP_EVENTS" default:"0s" placeholder:"DURATION"`
	KeepResults    time.Duration `help:"The same of the results of jobs." env:"DOCHOOK_KEEP_RESULTS" default:"720h" placeholder:"DURATION"`
	MetricsPublic  bool          `help:"Answer /metrics without an API key." name:"metrics-public" env:"DOCHOOK_METRICS_PUBLIC"`
	OTLPEndpoint   string        `help:"OpenTelemetry collector that traces are sent to, OTLP over HTTP, such as http://localhost:4318. Default: nothing is traced." name:"otlp-endpoint" env:"DOCHOOK_OTLP_ENDPOINT" placeholder:"URL"`
	TraceRatio     float64       `help:"Share of traces kept, 0 to 1; callers that trace decide for themselves." name:"trace-ratio" env:"DOCHOOK_TRACE_RATIO" default:"1" placeholder:"RATIO"`
}

// Config joins the flags with what comes from the environment alone: a token or
// a key in a flag could be read by every user of the machine. A wrong one is an
// Error with CodeUsage.
func (v *Settings) Config(g *Globals) (server.Config, error) {
	c := server.Config{
		Listen: v.Listen, Database: g.Database, AllowTarget: v.AllowTarget, NoMigrate: v.NoMigrate,
		PublicURL: v.PublicURL, JobIdle: v.JobIdleTimeout, Drain: v.DrainTime,
		AdminToken: os.Getenv("DOCHOOK_ADMIN_TOKEN"), MasterKey: os.Getenv("DOCHOOK_MASTER_KEY"), Version: build.Current().Version,
		Retention:     retention.Options{Delivered: v.KeepDelivered, Dead: v.KeepDead, Events: v.KeepEvents, Results: v.KeepResults},
		MetricsPublic: v.MetricsPublic, OTLPEndpoint: v.OTLPEndpoint, TraceRatio: v.TraceRatio,
	}
	if v.TraceRatio < 0 || v.TraceRatio > 1 {
		return c, usagef("--trace-ratio is a number from 0 to 1")
	}
	if v.TraceRatio == 0 {
		c.TraceRatio = -1 // there, 0 is what was not said
	}
	if v.JobIdleTimeout <= 0 {
		return c, usagef("--job-idle-timeout is a time such as 30m, above 0")
	}
	err := c.Check()
	if err == nil {
		return c, nil
	}
	if setting := badSetting(err); codeOf(setting) == CodeUsage {
		return c, setting
	}
	return c, usagef("%s", err).because(err)
}

// urlOf is the URL of an address that is listened on. A host that is every one
// of the machine's is called by the name it has for itself.
func urlOf(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "http://" + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (g *Globals) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: g.LogLevel}
	if g.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// access is how a verb uses the database.
type access int

const (
	alone    access = iota // writes: a SQLite file is ours alone
	looking                // reads beside a running service; the file must be there
	creating               // as alone, and a database without any table gets them
)

// open opens the database and makes sure its schema is ours.
func (g *Globals) open(ctx context.Context, how access, log *slog.Logger) (*migrations.DB, error) {
	db, err := g.openAny(ctx, how, log)
	if err != nil {
		return nil, err
	}
	if how == creating {
		err = upIfEmpty(ctx, db, log)
	}
	if err == nil {
		err = migrations.Check(ctx, db)
	}
	if err != nil {
		return nil, closeAfter(db, err)
	}
	return db, nil
}

// openAny opens the database whatever its schema.
func (g *Globals) openAny(ctx context.Context, how access, log *slog.Logger) (*migrations.DB, error) {
	if file, ok := strings.CutPrefix(g.Database, "sqlite:"); ok && how == looking && file != "" {
		if _, err := os.Stat(file); os.IsNotExist(err) {
			return nil, failf("there is no database %s", g.Database).hint("name it with --database, or make it with: dochook migrate up")
		}
	}
	return migrations.Open(ctx, g.Database, migrations.OpenOptions{Shared: how == looking, Logger: log, Statements: &g.statements})
}

func upIfEmpty(ctx context.Context, db *migrations.DB, log *slog.Logger) error {
	steps, err := migrations.Status(ctx, db)
	if err != nil {
		return err
	}
	for _, m := range steps {
		if !m.AppliedAt.IsZero() {
			return nil
		}
	}
	_, err = migrations.Up(ctx, db, log)
	return err
}

// closeAfter closes the database on the way out with an error that matters more.
func closeAfter(db *migrations.DB, err error) error {
	_ = db.Close() // the first error is the one to tell
	return err
}

// printf writes to w.
func printf(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

// with runs fn on the open database and closes it.
func (g *Globals) with(ctx context.Context, how access, log *slog.Logger, fn func(db *migrations.DB) error) error {
	db, err := g.open(ctx, how, log)
	if err != nil {
		return err
	}
	if err := fn(db); err != nil {
		return closeAfter(db, err)
	}
	return db.Close()
}
