package retention_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks/ledger"
	"dochook/hooks/ledger/expiry"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/retention"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const (
	day    = 24 * time.Hour
	walker = "webhook:w"
)

var start = time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC)

// logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSpace(b.text.String()), "\n")
}

// house is a database with a walker, n events a day apart from start on, and a delivery of each, which ended at once, as given.
type house struct {
	db    *migrations.DB
	store *ledger.Store
	log   *logBuffer
	clock time.Time
}

func each(t *testing.T, status string, n int, fn func(t *testing.T, h *house)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := &house{db: db, store: ledger.New(db), log: &logBuffer{}}
		if err := h.store.OpenNow(t.Context(), walker); err != nil {
			t.Fatal(err)
		}
		var events []doctype.Event
		for i := range n {
			events = append(events, doctype.Event{ID: eventlog.NewID(), At: start.Add(time.Duration(i) * day), DocType: "D", Name: "x", Event: doctype.OnUpdate, Version: 1, Data: []byte("{}")})
		}
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return eventlog.New(db).Append(ctx, tx, events) })
		if err != nil {
			t.Fatal(err)
		}
		l, ok, err := h.store.Claim(t.Context(), walker, "me", time.Minute)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		b := ledger.Batch{Pos: int64(n)}
		for i := range n {
			at := start.Add(time.Duration(i) * day).UnixMicro()
			id := ledger.ID(fmt.Sprint(i), int64(i+1))
			b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: ledger.Key{Pos: int64(i + 1)}, ID: id, Status: status, Attempts: 2, CreatedAt: at, FinishedAt: at})
			b.Attempts = append(b.Attempts, ledger.Attempt{Delivery: id, N: 1, At: at})
		}
		if err := h.store.Flush(t.Context(), l, b); err != nil {
			t.Fatal(err)
		}
		fn(t, h)
	})
}

func (h *house) sweeper(o retention.Options) *retention.Sweeper {
	o.Logger, o.Now, o.Pause = slog.New(slog.NewTextHandler(h.log, nil)), func() time.Time { return h.clock }, time.Nanosecond
	return retention.New(h.db, o)
}

func (h *house) count(t *testing.T, table string) (n int64) {
	t.Helper()
	if err := h.db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for something that is sure to come.
func until(t *testing.T, come func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !come(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("nothing is removed")
		}
	}
}

// TestSweep_keeps_for_as_long_as_it_says: 60 events and deliveries, one a day, 60 days after the first.
func TestSweep_keeps_for_as_long_as_it_says(t *testing.T) {
	for _, c := range []struct {
		status                       string
		o                            retention.Options
		deliveries, attempts, events int64 // left
	}{
		{ledger.Delivered, retention.Options{}, 6, 6, 29},
		{ledger.Dead, retention.Options{}, 29, 29, 29},
		{ledger.Skipped, retention.Options{Dead: 40 * day}, 39, 39, 39},
		{ledger.Delivered, retention.Options{Delivered: 50 * day}, 49, 49, 49},
		{ledger.Delivered, retention.Options{Delivered: -1, Dead: -1}, 60, 60, 29},
		{ledger.Delivered, retention.Options{Delivered: 50 * day, Events: time.Hour, Step: 7}, 49, 49, 1},
		{ledger.Delivered, retention.Options{Events: -1}, 6, 6, 60},
		{ledger.Dead, retention.Options{Delivered: time.Hour, Dead: time.Hour, Events: 45 * day}, 0, 0, 44},
	} {
		t.Run(fmt.Sprintf("%s %+v", c.status, c.o), func(t *testing.T) {
			each(t, c.status, 60, func(t *testing.T, h *house) {
				h.clock = start.Add(60 * day)
				s := h.sweeper(c.o)
				removed, err := s.Sweep(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for table, want := range map[string]int64{"deliveries": c.deliveries, "attempts": c.attempts, "events": c.events} {
					if n := h.count(t, table); n != want {
						t.Errorf("%d %s left, want %d", n, table, want)
					}
				}
				want := expiry.Removed{Deliveries: 60 - c.deliveries, Attempts: 60 - c.attempts, Events: 60 - c.events}
				if removed != want {
					t.Errorf("removed %+v, want %+v", removed, want)
				}
				// Once more: there is nothing to do, and nothing to say.
				if removed, err := s.Sweep(t.Context()); err != nil || removed.Rows() != 0 {
					t.Errorf("again: %+v, %v", removed, err)
				}
				if lines := h.log.lines(); len(lines) != 1 || !strings.Contains(lines[0], fmt.Sprintf("deliveries=%d attempts=%d events=%d ", removed.Deliveries, removed.Attempts, removed.Events)) || !strings.Contains(lines[0], "whole=true") {
					t.Errorf("logged %q", lines)
				}
			})
		})
	}
}

func TestSweep_says_who_holds_the_log(t *testing.T) {
	each(t, ledger.Delivered, 10, func(t *testing.T, h *house) {
		if _, err := h.db.Write.ExecContext(t.Context(), "UPDATE cursors SET pos = 4"); err != nil {
			t.Fatal(err)
		}
		h.clock = start.Add(100 * day)
		s := h.sweeper(retention.Options{})
		for range 2 {
			if removed, err := s.Sweep(t.Context()); err != nil || removed.HeldBy != walker || removed.HeldPos != 5 {
				t.Errorf("%+v, %v", removed, err)
			}
		}
		if h.count(t, "events") != 6 || h.count(t, "deliveries") != 6 {
			t.Errorf("%d events and %d deliveries are left", h.count(t, "events"), h.count(t, "deliveries"))
		}
		if lines := h.log.lines(); len(lines) != 2 || !strings.Contains(lines[1], "level=WARN") || !strings.Contains(lines[1], "walker="+walker+" pos=5") {
			t.Errorf("logged %q", lines)
		}
	})
}

// TestSweep_ends_with_its_ctx: what was removed by then is told, and the rest goes the next time.
func TestSweep_ends_with_its_ctx(t *testing.T) {
	each(t, ledger.Delivered, 60, func(t *testing.T, h *house) {
		ctx, cancel := context.WithCancel(t.Context())
		h.clock = start.Add(100 * day)
		s := retention.New(h.db, retention.Options{Step: 20, Pause: time.Hour, Now: func() time.Time { return h.clock }})
		done := make(chan struct{})
		var removed expiry.Removed
		var err error
		go func() {
			defer close(done)
			removed, err = s.Sweep(ctx)
		}()
		// It has heard of its commit when it has given its connection back.
		until(t, func() bool { return h.count(t, "deliveries") < 60 && h.db.Write.Stats().InUse == 0 })
		cancel()
		<-done
		if !errors.Is(err, context.Canceled) || removed.Deliveries != 20 {
			t.Errorf("%+v, %v", removed, err)
		}
		if removed, err := h.sweeper(retention.Options{}).Sweep(t.Context()); err != nil || removed.Deliveries != 40 || removed.Events != 59 {
			t.Errorf("then %+v, %v", removed, err)
		}
	})
}

// TestRun_by_the_database_clock sweeps by itself: the events of start are old by any clock there is.
func TestRun_by_the_database_clock(t *testing.T) {
	each(t, ledger.Delivered, 3, func(t *testing.T, h *house) {
		now, err := h.db.Clock(t.Context())
		if err != nil || now.Before(start) {
			t.Fatal(now, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			retention.New(h.db, retention.Options{Every: time.Millisecond, Pause: time.Nanosecond}).Run(ctx)
		}()
		until(t, func() bool { return h.count(t, "deliveries") == 0 && h.count(t, "events") == 1 })
		cancel()
		<-done
	})
}
