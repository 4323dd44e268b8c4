package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server/access"
	"dochook/server/rest/feed"
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
}

// App is the whole service on one database.
type App struct {
	Documents *documents.Service
	Scrapers  *scrapers.Service
	Jobs      *jobs.Service
	Webhooks  *hooks.Service
	Ledger    *ledger.Store
	Couriers  *courier.Engine
	Keys      *access.Service

	db      *migrations.DB
	config  Config
	log     *slog.Logger
	options Options
	handler http.Handler
	feed    *feed.Broadcast
	started time.Time

	mu       sync.Mutex
	cleanups []cleanup // run in reverse
}

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
	a := &App{db: db, config: config, log: o.Logger, options: o, feed: &feed.Broadcast{}}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.Ledger = ledger.New(db)
	a.Documents = documents.New(db, documents.Options{Logger: a.log, Committed: a.wake, Defined: a.announce})
	a.Webhooks = hooks.New(db, guard, a.Ledger, hooks.Options{Changed: func() {
		a.Couriers.Review()
		a.announce()
	}})
	a.Scrapers = scrapers.New(db, scrapers.Options{})
	a.Jobs = jobs.New(db, a.Documents, jobs.Options{Hooks: a.Webhooks, BaseURL: config.PublicURL, Idle: config.JobIdle})
	a.Couriers = courier.New(a.Documents.Log(), a.Webhooks, a.Ledger, guard, courier.Options{
		Logger: a.log, Version: config.Version, Exclusive: !db.Postgres(), Pages: pages{a.Jobs, a.Documents},
	})
	a.Keys = access.New(db, access.Options{Logger: a.log})
	a.handler = a.routes()
	return a, nil
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

// Start makes the first key if there is none, takes up the couriers, and
// returns. Stop ends what it started.
func (a *App) Start(ctx context.Context) error {
	if err := a.ensureKeys(ctx); err != nil {
		return err
	}
	if err := a.Couriers.Open(ctx); err != nil {
		return err
	}
	a.started = time.Now()
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { a.Couriers.Run(run) })
	if a.db.Postgres() {
		running.Go(func() { a.listen(run, eventlog.Channel, func(string) { a.wake(nil) }) })
		running.Go(func() {
			a.listen(run, definitionsChannel, func(string) {
				a.Documents.Forget()
				a.Couriers.Review()
			})
		})
	}
	running.Go(func() { a.sweep(run) })
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
		Handler:           a.handler,
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
		err = nil
	case err = <-served:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
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

// Stop ends what Start and Serve began, last first: no new requests, then no
// new attempts; what is in flight finishes and is written down.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	cleanups := a.cleanups
	a.cleanups = nil
	a.mu.Unlock()
	var errs []error
	for _, c := range slices.Backward(cleanups) {
		if err := c.fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}
