package retention

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"dochook/doctype/idempotency"
	"dochook/hooks/ledger/expiry"
	"dochook/migrations"
)

// Defaults of Options.
const (
	DefaultDelivered = 7 * 24 * time.Hour
	DefaultDead      = 30 * 24 * time.Hour
	DefaultEvents    = 30 * 24 * time.Hour
	DefaultResults   = 30 * 24 * time.Hour
	DefaultStep      = 500
	DefaultPause     = 50 * time.Millisecond
	DefaultEvery     = 10 * time.Minute
)

// Options say for how long things are kept after they were over; the zero value is ready for use. A time below zero is for ever.
type Options struct {
	Delivered time.Duration // deliveries that were delivered. 0 is 7 days
	Dead      time.Duration // deliveries that were given up or skipped. 0 is 30 days
	// Events is for how long the log is kept, and with it the history of documents. 0 is the longest of Delivered, Dead and 30 days:
	// without its event a delivery cannot be sent again. Where one of these is for ever, this one is not unless it says so.
	Events  time.Duration
	Results time.Duration // the records of jobs that ended, as their results show them. 0 is 30 days

	Step  int           // rows of one transaction. 0 is 500
	Pause time.Duration // between transactions. 0 is 50 ms
	Every time.Duration // between runs. 0 is 10 minutes

	Logger *slog.Logger     // gets one line for each run that removed something. Default: discarded
	Now    func() time.Time // default: the database's clock
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	orElse := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	orElse(&o.Delivered, DefaultDelivered)
	orElse(&o.Dead, DefaultDead)
	orElse(&o.Events, max(o.Delivered, o.Dead, DefaultEvents))
	orElse(&o.Results, DefaultResults)
	orElse(&o.Pause, DefaultPause)
	orElse(&o.Every, DefaultEvery)
	if o.Step <= 0 {
		o.Step = DefaultStep
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// bounds are the moments that lie so far back.
func (o *Options) bounds(now time.Time) expiry.Bounds {
	ago := func(d time.Duration) time.Time {
		if d < 0 {
			return time.Time{}
		}
		return now.Add(-d)
	}
	return expiry.Bounds{
		Delivered: ago(o.Delivered), Dead: ago(o.Dead), Events: ago(o.Events), Results: ago(o.Results), Answers: ago(idempotency.Life),
	}
}

// Sweeper removes what is old. It is for one goroutine.
type Sweeper struct {
	db      *migrations.DB
	rows    *expiry.Steps
	o       Options
	blocked string // who keeps the log from being shortened, as last said
}

// New returns a Sweeper on db; it starts nothing.
func New(db *migrations.DB, o Options) *Sweeper {
	o = o.withDefaults()
	return &Sweeper{db: db, rows: expiry.New(db, o.Step), o: o}
}

// Run sweeps again and again until ctx ends, the first time soon. Several processes may do it at once.
func (s *Sweeper) Run(ctx context.Context) {
	// Processes that were started together do not stay together.
	for wait := s.o.Every / 10; pause(ctx, wait); wait = s.o.Every + rand.N(s.o.Every/10+1) { //nolint:gosec // spread, not secrecy
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("cannot remove what is old", "error", err)
		}
	}
}

// Sweep removes all that is old now, and returns what it removed, also with an error. It is not one when another process does the same.
func (s *Sweeper) Sweep(ctx context.Context) (removed expiry.Removed, err error) {
	began := time.Now()
	now, err := s.now(ctx)
	if err != nil {
		return removed, err
	}
	defer func() { s.report(&removed, err, time.Since(began)) }()
	for {
		some, done, err := s.rows.Step(ctx, now, s.o.bounds(now))
		removed.Add(&some)
		switch {
		case errors.Is(err, expiry.ErrBusy):
			return removed, nil
		case err != nil || done:
			return removed, err
		case !pause(ctx, s.o.Pause):
			return removed, ctx.Err()
		}
	}
}

func (s *Sweeper) now(ctx context.Context) (time.Time, error) {
	if s.o.Now != nil {
		return s.o.Now(), nil
	}
	return s.db.Clock(ctx)
}

// report writes the line of a run.
func (s *Sweeper) report(r *expiry.Removed, err error, took time.Duration) {
	if r.Rows() > 0 {
		s.o.Logger.Info("removed what is old",
			slog.Int64("deliveries", r.Deliveries), slog.Int64("attempts", r.Attempts), slog.Int64("events", r.Events),
			slog.Int64("result_pages", r.Pages), slog.Int64("answers", r.Answers), slog.Duration("took", took), slog.Bool("whole", err == nil))
	}
	if r.HeldBy != "" && r.HeldBy != s.blocked {
		s.o.Logger.Warn("old events stay in the log: a walker has not passed them", "walker", r.HeldBy, "pos", r.HeldPos)
	}
	if err == nil || r.HeldBy != "" {
		s.blocked = r.HeldBy
	}
}

// pause waits; false at the end of ctx.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
