package documents

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/stored"
	"dochook/migrations"
)

const (
	maxTries     = 8
	groupWrites  = 512              // single writes committed together at most
	groupTimeout = 30 * time.Second // of one grouped transaction
	pageTimeout  = 30 * time.Second // of a page's
)

// txn is one write transaction: what it has logged so far and will tell after
// its commit.
type txn struct {
	s      *Service
	tx     bun.Tx
	now    time.Time
	try    int  // from 1
	news   bool // what is written is taken to be new
	events []doctype.Event
	after  []Write // for after_commit triggers

	deferred []doctype.Event // of updates, kept out of the log by their run
}

// Tx is a running write transaction, for rooms whose rows must be written along
// with documents and events. Calls of the Service with its ctx join it.
type Tx struct {
	bun.Tx
	t *txn
}

// InTx runs fn in a write transaction. It may run again when others come in
// between.
func (s *Service) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.inTx(ctx, func(ctx context.Context, t *txn) error { return fn(ctx, &Tx{t.tx, t}) })
}

// Now is the time of the transaction, as its events and documents carry it.
func (tx *Tx) Now() time.Time { return tx.t.now }

// Log adds events behind those that were written so far.
func (tx *Tx) Log(events ...doctype.Event) { tx.t.events = append(tx.t.events, events...) }

// Deferred takes the events that the runs of a job with Defer have left.
func (tx *Tx) Deferred(job string) []doctype.Event {
	var events, others []doctype.Event // a savepoint may bring the old list back
	for _, e := range tx.t.deferred {
		if e.Job == job {
			events = append(events, e)
		} else {
			others = append(others, e)
		}
	}
	tx.t.deferred = others
	return events
}

// log adds the event of a write to what will be logged, as its run wants it.
func (t *txn) log(w *write, ev *doctype.Event) {
	switch {
	case w.run.Quiet:
	case w.run.Defer && ev.Event == doctype.OnUpdate:
		t.deferred = append(t.deferred, *ev)
	default:
		t.events = append(t.events, *ev)
	}
}

// again reports whether it is a try after another transaction came in between; SQLite has one writer anyway.
func (t *txn) again() bool { return t.try > 1 && t.s.db.Postgres() }

type txnKey struct{}

// laterKey leads to what a group's leader does when the lead is passed on: its
// after_commit triggers, which may write themselves.
type laterKey struct{}

func txnOf(ctx context.Context, s *Service) *txn {
	t, _ := ctx.Value(txnKey{}).(*txn)
	if t == nil || t.s != s {
		return nil
	}
	return t
}

// Reader is the running transaction of a trigger's ctx, else the read pool.
func (s *Service) Reader(ctx context.Context) bun.IDB {
	if t := txnOf(ctx, s); t != nil {
		return t.tx
	}
	return s.db.Read
}

// inTx runs fn in a write transaction whose events are logged last. A ctx that
// comes from a trigger joins its transaction, behind a savepoint.
func (s *Service) inTx(ctx context.Context, fn func(ctx context.Context, t *txn) error) error {
	if t := txnOf(ctx, s); t != nil {
		return t.savepoint(ctx, func() error { return fn(ctx, t) })
	}
	var done *txn
	for try := 1; ; try++ {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			t := &txn{s: s, tx: tx, now: s.moment(), try: try}
			done = t
			if err := fn(context.WithValue(ctx, txnKey{}, t), t); err != nil {
				return err
			}
			return s.events.Append(ctx, t.tx, t.events)
		})
		if err == nil {
			break
		}
		if !errors.Is(err, stored.ErrRace) && !migrations.IsRetryable(err) || try == maxTries || ctx.Err() != nil {
			return unavailable(err)
		}
	}
	s.committed(ctx, done)
	return nil
}

func (s *Service) committed(ctx context.Context, t *txn) {
	if len(t.events) > 0 {
		var names []string
		for i := range t.events {
			if n := t.events[i].DocType; len(names) == 0 || names[len(names)-1] != n {
				names = append(names, n)
			}
		}
		if s.logged != nil {
			s.logged(t.events)
		}
		s.notify(names)
	}
	if len(t.after) > 0 {
		after := func() {
			s.triggers.Committed(context.WithValue(context.WithoutCancel(ctx), laterKey{}, nil), s.log, t.after)
		}
		if later, ok := ctx.Value(laterKey{}).(*[]func()); ok {
			*later = append(*later, after)
		} else {
			after()
		}
	}
}

// savepoint runs fn so that its error undoes what it wrote and logged, and
// nothing else of the transaction.
func (t *txn) savepoint(ctx context.Context, fn func() error) error {
	events, after, deferred := len(t.events), len(t.after), t.deferred
	if _, err := t.tx.Tx.ExecContext(ctx, "SAVEPOINT write_one"); err != nil {
		return wrap("set savepoint", err)
	}
	err := fn()
	end := "RELEASE SAVEPOINT write_one"
	if err != nil {
		clear(t.events[events:]) // they hold the bodies they came in
		t.events, t.after, t.deferred = t.events[:events], t.after[:after], deferred
		end = "ROLLBACK TO SAVEPOINT write_one"
	}
	if _, endErr := t.tx.Tx.ExecContext(context.WithoutCancel(ctx), end); endErr != nil {
		return wrap("end savepoint", endErr)
	}
	if err != nil { // ROLLBACK TO keeps the savepoint itself
		if _, endErr := t.tx.Tx.ExecContext(context.WithoutCancel(ctx), "RELEASE SAVEPOINT write_one"); endErr != nil {
			return wrap("end savepoint", endErr)
		}
	}
	return err
}

// submit writes one document together with whoever else is writing now. Its own
// outcome is in w; the returned error is the transaction's.
func (s *Service) submit(ctx context.Context, w *write) error {
	if txnOf(ctx, s) != nil {
		return s.inTx(ctx, func(ctx context.Context, t *txn) error { return t.apply(ctx, []*write{w}) })
	}
	return s.group.Submit(ctx, w)
}

// writeGroup commits writes of many callers together.
func (s *Service) writeGroup(ctx context.Context, writes []*write) (errs []error, later func()) {
	var after []func()
	errs = s.writeTogether(context.WithValue(ctx, laterKey{}, &after), writes)
	return errs, func() {
		for _, fn := range after {
			fn()
		}
	}
}

func (s *Service) writeTogether(ctx context.Context, writes []*write) (errs []error) {
	// The batch belongs to many callers: the leader going away must not undo it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // the other callers of the batch must not wait for ever
			errs = slices.Repeat([]error{fmt.Errorf("panic in a grouped write: %v\n%s", p, debug.Stack())}, len(writes))
		}
	}()
	err := s.inTx(ctx, func(ctx context.Context, t *txn) error { return t.apply(ctx, writes) })
	if err == nil {
		return nil
	}
	errs = slices.Repeat([]error{err}, len(writes))
	if len(writes) == 1 || doctype.CodeOf(err) != doctype.CodeInternal && !errors.Is(err, stored.ErrRace) {
		return errs
	}
	// One of them breaks the transaction in a way no check foresaw: let it fail alone.
	for i, w := range writes {
		errs[i] = s.alone(ctx, w)
	}
	return errs
}

func (s *Service) alone(ctx context.Context, w *write) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupTimeout)
	defer cancel()
	return s.inTx(ctx, func(ctx context.Context, t *txn) error { return t.apply(ctx, []*write{w}) })
}
