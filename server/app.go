package server

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/hooks/courier"
	courierfeed "dochook/hooks/courier/feed"
	"dochook/hooks/courier/roster"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
	"dochook/hooks/replay"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server/access"
	"dochook/server/metrics"
	"dochook/server/rest/feed"
	"dochook/server/retention"
	"dochook/server/trace"
)

// webhooksChannel tells other processes on the same PostgreSQL that webhooks or
// DocTypes changed.
const definitionsChannel = "dochook_definitions"

// Options are the seams of an App; the zero value is ready for use.
type Options struct {
	Logger *slog.Logger // default: discarded
	// FirstKey receives the token of the admin key that a first start makes,
	// the only time it is shown. Default: it is lost.
	FirstKey func(token string)
	// Statements is what the database was opened with to count its SQL statements,
	// for the metrics. Default: they are not told.
	Statements *atomic.Int64
	// Around wraps the handler of all doors, for what a program wants before
	// them. Default: nothing.
	Around func(http.Handler) http.Handler
}

// App is the whole service on one database.
type App struct {
	Documents *documents.Service
	Scrapers  *scrapers.Service
	Jobs      *jobs.Service
	Webhooks  *hooks.Service
	Ledger    *ledger.Store
	Couriers  *courier.Engine
	Replays   *replay.Service
	Keys      *access.Service

	db      *migrations.DB
	config  Config
	log     *slog.Logger
	options Options
	handler http.Handler
	metrics *metrics.Metrics
	tracer  *trace.Tracer // nil: nothing is traced
	feed    *feed.Broadcast
	tail    *courierfeed.Tail
	started time.Time

	draining atomic.Bool // it was asked to stop

	mu       sync.Mutex
	cleanups []cleanup
}

const traces = "traces"

type cleanup struct {
	name string
	fn   func(ctx context.Context) error
}

// New wires an App on an open, migrated database; it starts nothing and does
// not close the database.
func New(db *migrations.DB, config Config, o Options) (*App, error) {
	config = config.withDefaults()
	guard, err := sender.NewGuard(config.AllowTarget)
	if err != nil {
		return nil, err
	}
	a := &App{db: db, config: config, log: o.Logger, options: o, feed: &feed.Broadcast{}, tail: &courierfeed.Tail{}}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.tracer, err = newTracer(config, a.log); err != nil {
		return nil, err
	}
	a.Ledger = ledger.New(db)
	a.Documents = documents.New(db, documents.Options{Logger: a.log, Committed: a.wake, Logged: a.logged, Defined: a.announce})
	a.Webhooks = hooks.New(db, guard, replay.Cursors{Store: a.Ledger}, hooks.Options{MasterKey: config.MasterKey, Edited: func(webhook string) { a.Couriers.Halt(webhook) }, Changed: func() {
		a.Couriers.Review()
		a.announce()
	}})
	a.Replays = replay.New(db, a.Documents, a.Webhooks, a.Ledger, replay.Options{Logger: a.log, Changed: func() {
		a.Couriers.Review()
		a.announce()
	}})
	a.Scrapers = scrapers.New(db, scrapers.Options{})
	a.Jobs = jobs.New(db, a.Documents, jobs.Options{Hooks: a.Webhooks, BaseURL: config.PublicURL, Idle: config.JobIdle})
	a.metrics = a.newMetrics()
	var servers *roster.Roster // nil: nobody else can have the database
	if db.Postgres() {
		servers = roster.New(db)
	}
	a.Couriers = courier.New(a.Documents.Log(), a.Webhooks, a.Ledger, guard, courier.Options{
		Logger: a.log, Version: config.Version, Exclusive: !db.Postgres(), Roster: servers, Announce: a.announce, Pages: pages{a.Jobs, a.Documents}, Runs: a.Replays, Tail: a.tail, Watcher: a.watcher(), Traceparent: a.traceparent(),
	})
	a.Keys = access.New(db, access.Options{Logger: a.log})
	if a.handler, err = a.routes(); err != nil {
		return nil, err
	}
	if o.Around != nil {
		a.handler = o.Around(a.handler)
	}
	return a, nil
}

func newTracer(config Config, log *slog.Logger) (*trace.Tracer, error) {
	if config.OTLPEndpoint == "" {
		return nil, nil //nolint:nilnil // as the field says
	}
	return trace.New(trace.Options{
		Endpoint: config.OTLPEndpoint, Ratio: config.TraceRatio, Version: config.Version, Logger: log, Pass: outbound.WithTraceparent,
	})
}

func (a *App) newMetrics() *metrics.Metrics {
	o := metrics.Options{Version: a.config.Version, Database: "sqlite", Pools: map[string]*sql.DB{"write": a.db.Write.DB, "read": a.db.Read.DB}}
	if a.db.Postgres() {
		o.Database, o.Pools = "postgres", map[string]*sql.DB{"pool": a.db.Write.DB}
	}
	if a.options.Statements != nil {
		o.Statements = a.options.Statements.Load
	}
	return metrics.New(metrics.Sources{
		Log: a.Documents.Log(), Webhooks: a.Webhooks, Ledger: a.Ledger,
		States: func() []walk.State { return a.Couriers.States() },
	}, o)
}

// watcher hears of attempts.
func (a *App) watcher() walk.Watcher {
	if a.tracer == nil {
		return a.metrics
	}
	return watchers{a.metrics, a.tracer}
}

// traceparent makes those of attempts, if they are traced.
func (a *App) traceparent() func() string {
	if a.tracer == nil {
		return nil
	}
	return a.tracer.Traceparent
}

// logged counts events; metrics are made after the documents.
func (a *App) logged(events []doctype.Event) {
	a.tail.Add(events)
	a.metrics.Logged(events)
}

// page hears of a page that is written.
func (a *App) page(ctx context.Context, docType string) (inner context.Context, done func(*documents.PageResult, error)) {
	start, end := time.Now(), func(int, error) {}
	if a.tracer != nil {
		ctx, end = a.tracer.Page(ctx, docType)
	}
	return ctx, func(r *documents.PageResult, err error) {
		a.metrics.Wrote(r, time.Since(start), err)
		end(r.Received, err)
	}
}

type watchers []walk.Watcher

// Attempted implements walk.Watcher.
func (w watchers) Attempted(s walk.Seen) {
	for _, each := range w {
		each.Attempted(s)
	}
}

// pages are the pages of jobs as couriers read them.
type pages struct {
	*jobs.Service

	docs *documents.Service
}

// Heading is what format rows says of documents outside a job's page.
func (p pages) Heading(ctx context.Context, docType, job string) (hooks.Page, error) {
	columns, err := p.Columns(ctx, docType)
	if err != nil {
		return hooks.Page{}, err
	}
	out := hooks.Page{Recipe: docType, Table: docType, Columns: make([]hooks.Column, len(columns))}
	for i, c := range columns {
		out.Columns[i] = hooks.Column{ID: c.ID, Name: c.Name}
	}
	if job != "" {
		j, err := p.Get(ctx, job)
		out.Recipe, out.Table = j.Title, j.Table
		return out, err
	}
	def, err := p.docs.Definition(ctx, docType)
	if err == nil {
		out.Recipe, out.Table = cmp.Or(def.Scraper, def.Title, docType), cmp.Or(def.Table, docType)
	}
	return out, err
}

// wake tells all who follow the log that it has grown; nil is of any DocType.
func (a *App) wake(doctypes []string) {
	a.Couriers.Wake(doctypes)
	a.feed.Notify()
}

// heard is told of commits; of our own we know.
func (a *App) heard(notification string) {
	if !a.Documents.Log().Own(notification) {
		a.tail.Doubt()
		a.wake(nil)
	}
}

// announce tells other processes to read definitions anew.
func (a *App) announce() {
	if !a.db.Postgres() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) //nolint:forbidigo // it is told after the caller's work, whatever becomes of the caller
	defer cancel()
	if _, err := a.db.Write.ExecContext(ctx, "SELECT pg_notify(?, '')", definitionsChannel); err != nil {
		a.log.Warn("cannot announce a change", "error", err)
	}
}

// Handler serves all doors.
func (a *App) Handler() http.Handler { return a.handler }

// Start encrypts what secrets are not yet, makes the first key if there is none,
// takes up the couriers, and returns. Stop ends what it started.
func (a *App) Start(ctx context.Context) error {
	if err := a.Webhooks.SealSecrets(ctx); err != nil { // a wrong master key is told before anything needs it
		return err
	}
	if err := a.ensureKeys(ctx); err != nil {
		return err
	}
	if err := a.Couriers.Open(ctx); err != nil {
		return err
	}
	if a.tracer != nil {
		if err := a.tracer.Start(ctx); err != nil {
			return fmt.Errorf("start traces: %w", err)
		}
		a.onStop(traces, a.tracer.Stop)
	}
	a.started = time.Now()
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { a.Couriers.Run(run) })
	if a.db.Postgres() {
		running.Go(func() { a.listen(run, eventlog.Channel, a.heard) })
		running.Go(func() {
			a.listen(run, definitionsChannel, func(string) {
				a.Documents.Forget()
				a.Couriers.Review()
			})
		})
	}
	running.Go(func() { a.sweep(run) })
	keep := a.config.Retention
	keep.Logger = a.log
	running.Go(func() { retention.New(a.db, keep).Run(run) })
	a.onStop("couriers", func(context.Context) error {
		cancel()
		running.Wait()
		return nil
	})
	return nil
}

func (a *App) listen(ctx context.Context, channel string, notify func(string)) {
	if err := a.db.Listen(ctx, channel, notify); err != nil && ctx.Err() == nil {
		a.log.Error("cannot listen", "channel", channel, "error", err)
	}
}

func (a *App) ensureKeys(ctx context.Context) error {
	if a.config.AdminToken != "" {
		return a.Keys.EnsureToken(ctx, a.config.AdminToken)
	}
	token, created, err := a.Keys.EnsureFirst(ctx)
	if err == nil && created && a.options.FirstKey != nil {
		a.options.FirstKey(token)
	}
	return err
}

// Serve answers HTTP on l until Stop.
func (a *App) Serve(l net.Listener) error { return serve(a.http(), l) }

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// http is a server that Stop shuts down.
func (a *App) http() *http.Server {
	s := &http.Server{
		Handler:           a.leaving(a.handler),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	a.onStop("http", func(ctx context.Context) error {
		a.feed.Close() // a stream would never end of itself
		if err := s.Shutdown(ctx); err != nil {
			return errors.Join(err, s.Close())
		}
		return nil
	})
	return s
}

// Listen takes the configured address, before anything is done that a wrong one
// would be a pity for. The error is a *ListenError.
func Listen(ctx context.Context, config Config) (net.Listener, error) {
	config = config.withDefaults()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", config.Listen)
	if err != nil {
		return nil, &ListenError{config.Listen, err}
	}
	return l, nil
}

// Run starts the App, serves on l and stops when ctx ends. ready, if not nil, is
// called with the address once it accepts connections. l is closed at the end.
func (a *App) Run(ctx context.Context, l net.Listener, ready func(address string)) (err error) {
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, l.Close())
	}
	served := make(chan error, 1)
	s := a.http() // before anybody can stop it
	go func() { served <- serve(s, l) }()
	if ready != nil {
		ready(l.Addr().String())
	}
	select {
	case <-ctx.Done():
		err = a.drain(ctx, served)
	case err = <-served:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 25*time.Second)
	defer cancel()
	return errors.Join(err, a.Stop(stop))
}

// ListenError says that the address cannot be listened on.
type ListenError struct {
	Address string
	Err     error
}

func (e *ListenError) Error() string { return "cannot listen on " + e.Address + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

func (a *App) onStop(name string, fn func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, cleanup{name, fn})
}

// Stop ends what Start and Serve began: no new requests and no new attempts;
// what is in flight finishes and is written down.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	cleanups := a.cleanups
	a.cleanups = nil
	a.mu.Unlock()
	errs := make([]error, len(cleanups))
	end := func(i int) {
		if err := cleanups[i].fn(ctx); err != nil {
			errs[i] = fmt.Errorf("stop %s: %w", cleanups[i].name, err)
		}
	}
	// Side by side: requests that hang must not take the time that the attempts in flight have.
	var ending sync.WaitGroup
	for i, c := range cleanups {
		if c.name != traces {
			ending.Go(func() { end(i) })
		}
	}
	ending.Wait()
	for i, c := range cleanups {
		if c.name == traces { // of what the others did last, too
			end(i)
		}
	}
	return errors.Join(errs...)
}
