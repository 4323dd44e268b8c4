package courier

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
)

const (
	windowSize   = 2000                   // entries read ahead of the oldest unsettled one
	windowBytes  = 32 << 20               // of records held in memory, past which reading stops
	maxHeld      = 50_000                 // deliveries waiting to be tried again (a position each), past which reading stops
	flushSize    = 256                    // outcomes written at once
	flushDelay   = 25 * time.Millisecond  // the longest an outcome waits for others
	cursorDelay  = time.Second            // the longest a cursor alone waits to be written
	maxUnwritten = 4096                   // outcomes that could not be written, past which sending stops
	errorDelay   = 250 * time.Millisecond // before the database is asked again after an error
	pollDelay    = 5 * time.Second        // the log is looked at even if nobody woke the walker
	tailDelay    = 200 * time.Millisecond // the same, while entries for others may stand behind the last one for us
	readMost     = 500                    // entries of one read
	readBytes    = 8 << 20                // of records, after which a read ends
)

// walker walks the log for one target. All its fields belong to run's
// goroutine, but for wake, leaseEnd and clock.
type walker struct {
	name     string
	target   target
	settings settings
	events   *eventlog.Log
	store    *ledger.Store
	log      *slog.Logger
	lease    ledger.Lease
	leaseEnd atomic.Int64 // ns since base
	clock    atomic.Int64 // the database's clock at base, µs
	base     time.Time
	wake     chan struct{}

	window  window
	before  *doctype.Event      // the last entry that was looked at, without its record
	bytes   int                 // of the records in ready, busy and in flight
	tried   map[ledger.Key]bool // beyond the cursor when the lease was taken
	ready   []*shipment
	busy    map[string][]*shipment // order → those behind the one that is ready or in flight
	chains  chains
	breaker breaker
	flying  int
	retries int       // of those flying, come from chains
	paused  time.Time // nothing is sent before

	outgoing chan *shipment // to the workers; has room for all that may fly
	workers  int
	results  chan outcome
	fetched  chan fetch
	reading  bool
	more     bool      // there may be entries after window.read
	tail     bool      // there may be entries for others after it, and nothing else
	readAt   time.Time // not before, after an error

	batch    ledger.Batch
	first    time.Time // when the oldest unwritten outcome came
	written  int64     // cursor as last written
	flushing bool
	flushed  chan error
	flushAt  time.Time // not before, after an error
	inFlush  ledger.Batch
	off      string // why the webhook is to be switched off when the walker has ended; "" = it is not
	debug    bool   // attempts that went well are logged too
}

type fetch struct {
	events []doctype.Event
	upto   int64 // everything up to here was looked at
	full   bool  // there may be more
	err    error
}

// run walks until stop ends, then lets what is in flight finish and writes it
// down. It returns ledger.ErrLost if another process took over. hard ends
// attempts in flight too.
func (w *walker) run(stop, hard context.Context) error {
	hard, cancel := context.WithCancel(hard)
	defer close(w.outgoing)
	defer cancel()
	if err := w.recover(hard); err != nil {
		return err
	}
	w.debug = w.log.Enabled(hard, slog.LevelDebug)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		stopping := stop.Err() != nil || w.off != ""
		if stopping && w.flying == 0 && !w.flushing {
			return w.lastFlush(hard)
		}
		if !stopping {
			w.read(hard)
			if err := w.dispatch(hard); err != nil {
				w.log.Warn("cannot load retries", "walker", w.name, "error", err)
				w.readAt = time.Now().Add(errorDelay)
			}
		}
		w.flush(hard, stopping)
		timer.Reset(w.nap())
		var stopped <-chan struct{}
		if !stopping {
			stopped = stop.Done()
		}
		select {
		case o := <-w.results:
			w.settle(o)
			w.drainResults()
		case f := <-w.fetched:
			w.admit(f)
		case err := <-w.flushed:
			if w.afterFlush(err) {
				return ledger.ErrLost
			}
		case <-w.wake:
			w.more = true
		case <-stopped:
		case <-hard.Done():
			return hard.Err()
		case <-timer.C:
		}
	}
}

// drainResults takes all outcomes that are there already, so that one round of
// the loop serves many.
func (w *walker) drainResults() {
	for {
		select {
		case o := <-w.results:
			w.settle(o)
		default:
			return
		}
	}
}

// recover takes up what the walker before left.
func (w *walker) recover(ctx context.Context) error {
	w.window.read, w.written, w.more = w.lease.Pos, w.lease.Pos, true
	w.breaker = breaker{failures: w.lease.Failures, from: w.lease.FailingFrom}
	if w.lease.PausedUntil > w.lease.Now {
		w.paused = time.Now().Add(time.Duration(w.lease.PausedUntil-w.lease.Now) * time.Microsecond)
	}
	waiting, err := w.store.Waiting(ctx, w.name)
	if err != nil {
		return err
	}
	for i := range waiting {
		r := &waiting[i]
		sh := &shipment{key: r.Key, order: r.OrderKey, id: r.Delivery, attempts: r.Attempts}
		if ch := w.chains.of(sh.order); ch != nil {
			w.chains.behind(ch, sh)
		} else {
			w.chains.hold(sh, r.DueAt)
		}
	}
	if w.tried, err = w.store.Beyond(ctx, w.name, w.lease.Pos); err != nil || !w.settings.batched {
		return err
	}
	w.before, err = w.events.Before(ctx, w.lease.Pos, w.doctype())
	return err
}

// read fetches the next entries in the background, if there is room for them.
func (w *walker) read(ctx context.Context) {
	now := time.Now()
	if w.reading || !w.more || w.window.size() >= windowSize || w.bytes >= windowBytes || w.chains.held >= maxHeld ||
		now.Before(w.readAt) || now.Before(w.paused) || w.breaker.open() && len(w.ready) > 0 {
		return
	}
	w.reading, w.more = true, false
	after, limit := w.window.read, readMost
	if w.breaker.open() {
		limit = 1 // a probe
	}
	go func() { w.fetched <- w.fetch(ctx, after, limit) }()
}

func (w *walker) fetch(ctx context.Context, after int64, limit int) fetch {
	r := eventlog.Range{After: after, DocType: w.doctype(), JobEvents: w.settings.jobEvents, Bare: w.settings.batched, Limit: limit, Bytes: readBytes}
	events, err := w.events.Events(ctx, r)
	if err != nil || len(events) > 0 {
		return w.fetchOf(events, limit, after, err)
	}
	// Nothing for us: pass what belongs to others. The end is asked for first, so
	// that nothing of ours can have come before it unseen.
	if r.Upto, err = w.events.Head(ctx); err != nil || r.Upto <= after {
		return fetch{upto: after, err: err}
	}
	if events, err = w.events.Events(ctx, r); err != nil || len(events) > 0 {
		return w.fetchOf(events, limit, after, err)
	}
	return fetch{upto: r.Upto}
}

func (w *walker) fetchOf(events []doctype.Event, limit int, after int64, err error) fetch {
	if err != nil {
		return fetch{upto: after, err: err}
	}
	size := 0
	for i := range events {
		size += len(events[i].Data) + len(events[i].Changed)
	}
	return fetch{events: events, upto: events[len(events)-1].Pos, full: len(events) == limit || size >= readBytes}
}

func (w *walker) doctype() string {
	switch t := w.target.(type) {
	case *webhookTarget:
		return t.Webhook.WebhookDocType
	case *subscriberTarget:
		return t.options.DocType
	default:
		return ""
	}
}

// admit puts what was read into the window and makes shipments of what the
// target wants.
func (w *walker) admit(f fetch) {
	w.reading = false
	if f.err != nil {
		if !errors.Is(f.err, context.Canceled) {
			w.log.Warn("cannot read the log", "walker", w.name, "error", f.err)
		}
		w.more, w.readAt = true, time.Now().Add(errorDelay)
		return
	}
	w.more = w.more || f.full
	for i := range f.events {
		e := &f.events[i]
		key := ledger.Key{Pos: e.Pos}
		wanted := w.target.wants(e, w.before)
		if w.settings.batched {
			w.before = &doctype.Event{DocType: e.DocType, Event: e.Event, Job: e.Job, Page: e.Page}
		}
		if w.tried[key] { // of a batch, then, every part was tried or waits
			delete(w.tried, key)
			continue
		}
		if !wanted {
			continue
		}
		w.take(&shipment{
			key: key, order: w.settings.orderKey(e), id: deliveryID(w.name, e, 0),
			event: *e, loaded: true, slot: w.window.push(e.Pos),
		})
	}
	w.window.read = f.upto
	w.tail = len(f.events) > 0 && !f.full
	if w.tail {
		w.readAt = time.Now()
	}
}

// take queues a new shipment: behind its document's failed one, behind the one
// in flight, or to be sent.
func (w *walker) take(sh *shipment) {
	w.bytes += len(sh.event.Data)
	if ch := w.chains.of(sh.order); ch != nil {
		w.postpone(ch, sh)
		return
	}
	if behind, ok := w.busy[sh.order]; ok {
		w.busy[sh.order] = append(behind, sh)
		return
	}
	w.busy[sh.order] = nil
	w.ready = append(w.ready, sh)
}

// postpone puts a shipment that was never tried behind its document's failed one.
func (w *walker) postpone(ch *chain, sh *shipment) {
	w.note()
	w.batch.Retries = append(w.batch.Retries, ledger.Retry{Key: sh.key, OrderKey: sh.order, Delivery: sh.id})
	sh.slot.done, sh.slot = true, nil
	w.unload(sh)
	w.chains.behind(ch, sh)
}

// unload lets go of a shipment's record: it is read again when it is due.
func (w *walker) unload(sh *shipment) {
	w.bytes -= len(sh.event.Data)
	sh.event, sh.loaded, sh.request = doctype.Event{}, false, nil
}

// nowUS is the database's clock as far as we know it.
func (w *walker) nowUS() int64 {
	return w.clock.Load() + time.Since(w.base).Microseconds()
}

func (w *walker) note() {
	if w.first.IsZero() {
		w.first = time.Now()
	}
}

// settle takes in what became of an attempt.
func (w *walker) settle(o outcome) {
	w.flying--
	if o.slot == nil {
		w.retries--
	}
	if o.verdict == canceled {
		return // the walker is going: its successor begins where the cursor stands
	}
	if o.verdict == split {
		w.split(&o)
		return
	}
	w.count(&o)
	w.note()
	switch o.verdict {
	case again, gone:
		delay, once := w.settings.policy.Next(int(o.attempts)+1, o.attempt, rand.Float64()) //nolint:gosec // spread, not secrecy
		if o.verdict == gone {
			delay, once = 0, true // it is the first to go when the webhook is enabled again
		}
		if once {
			w.hold(&o, w.nowUS()+delay.Microseconds())
			return
		}
		w.record(&o, ledger.Dead, 0)
	case dead:
		w.record(&o, ledger.Dead, 0)
	case skipped:
		w.record(&o, ledger.Skipped, 0)
	case delivered:
		w.record(&o, ledger.Delivered, 0)
	case unwanted, canceled, split:
	}
	w.release(o.shipment)
}

// split puts the parts that a batch comes in in its place. They wait as retries do, so that they are written down before the
// cursor passes the batch, and each goes when the one before it is settled.
func (w *walker) split(o *outcome) {
	w.note()
	anchor := o.shipment
	due := w.nowUS()
	parts := make([]*shipment, len(o.parts))
	for i := range o.parts {
		sh := &shipment{key: ledger.Key{Pos: anchor.key.Pos, Part: int64(i)}, order: anchor.order, id: deliveryID(w.name, &anchor.event, int64(i))}
		sh.part = outbound.Kept(&o.parts[i])
		parts[i] = sh
		retry := ledger.Retry{Key: sh.key, OrderKey: sh.order, Delivery: sh.id, Request: sh.part}
		if i == 0 {
			retry.DueAt = due
		}
		w.batch.Retries = append(w.batch.Retries, retry)
	}
	fresh := anchor.slot != nil
	if fresh {
		anchor.slot.done, anchor.slot = true, nil
	}
	w.unload(anchor)
	if !fresh { // it was the head of a chain already
		w.chains.replace(w.chains.of(anchor.order), parts, due)
		return
	}
	behind := w.busy[anchor.order]
	delete(w.busy, anchor.order)
	ch := w.chains.hold(parts[0], due)
	for _, sh := range parts[1:] {
		w.chains.behind(ch, sh)
	}
	for _, next := range behind {
		w.postpone(ch, next)
	}
}

// count keeps the breaker, pauses the webhook when the endpoint asks for it,
// and switches it off when it is gone.
func (w *walker) count(o *outcome) {
	now := time.Now()
	switch o.verdict {
	case delivered:
		w.breaker.success()
	case again, gone:
		if w.breaker.failure(w.nowUS(), now) {
			w.switchOff("failing")
		}
		if (o.attempt.Status == 429 || o.attempt.Status == 503) && o.attempt.RetryAfter > 0 {
			w.paused = now.Add(o.attempt.RetryAfter)
			w.batch.PausedUntil = w.nowUS() + o.attempt.RetryAfter.Microseconds()
		}
		if o.verdict == gone {
			w.switchOff("gone")
		}
	case unwanted, dead, skipped, canceled, split:
	}
}

// switchOff ends the walker, and with it the sending, for good.
func (w *walker) switchOff(reason string) {
	if _, ok := w.target.(*webhookTarget); ok && w.off == "" {
		w.off = reason
	}
}

// hold keeps a failed delivery, and what is behind it in its document, for later.
func (w *walker) hold(o *outcome, due int64) {
	w.record(o, ledger.Retrying, due)
	sh := o.shipment
	retry := ledger.Retry{Key: sh.key, OrderKey: sh.order, DueAt: due, Attempts: sh.attempts + 1, Delivery: sh.id, Request: o.request}
	w.batch.Retries = append(w.batch.Retries, retry)
	sh.attempts++
	fresh := sh.slot != nil
	if fresh {
		sh.slot.done, sh.slot = true, nil
	}
	w.unload(sh)
	if !fresh {
		w.chains.later(w.chains.of(sh.order), due)
		return
	}
	behind := w.busy[sh.order]
	delete(w.busy, sh.order)
	ch := w.chains.hold(sh, due)
	for _, next := range behind {
		w.postpone(ch, next)
	}
}

// release ends a shipment and lets the next of its document go.
func (w *walker) release(sh *shipment) {
	w.bytes -= len(sh.event.Data)
	if sh.slot == nil {
		w.batch.Settled = append(w.batch.Settled, sh.key)
		w.chains.settle(w.chains.of(sh.order))
		return
	}
	sh.slot.done = true
	behind := w.busy[sh.order]
	if len(behind) == 0 {
		delete(w.busy, sh.order)
		return
	}
	w.busy[sh.order] = behind[1:]
	w.ready = append(w.ready, behind[0])
}

// record adds the delivery as it stands now to what is written next, and the
// attempt itself unless the delivery's row says it all.
func (w *walker) record(o *outcome, status string, next int64) {
	d := ledger.Delivery{
		Key: o.key, ID: o.id, EventID: o.event.ID, Event: o.event.Event, DocType: o.event.DocType, Name: o.event.Name,
		Status: status, Attempts: o.attempts + 1, HTTPStatus: o.attempt.Status, Reason: o.reason,
		DurationUS: o.attempt.Duration.Microseconds(), NextAt: next, Detail: o.detail,
	}
	at := w.nowUS() - d.DurationUS
	d.CreatedAt = at // of the first attempt: a later one does not change it
	if status == ledger.Skipped {
		d.Attempts = o.attempts
	}
	if status != ledger.Retrying {
		d.FinishedAt = at + d.DurationUS
	} else {
		w.batch.Attempts = append(w.batch.Attempts, ledger.Attempt{
			Delivery: o.id, N: d.Attempts, At: at, HTTPStatus: d.HTTPStatus, Reason: d.Reason, DurationUS: d.DurationUS, Detail: d.Detail,
		})
	}
	w.batch.Deliveries = append(w.batch.Deliveries, d)
	if o.verdict != delivered || w.debug { // most are not logged: do not even gather the words
		w.logAttempt(o, &d)
	}
}

// logAttempt writes the one line of an attempt.
func (w *walker) logAttempt(o *outcome, d *ledger.Delivery) {
	line := w.log.Info
	if o.verdict == delivered {
		line = w.log.Debug
	}
	line("attempt",
		slog.String("walker", w.name), slog.String("delivery", d.ID), slog.String("event", d.Event), slog.String("doctype", d.DocType),
		slog.String("name", d.Name), slog.Int64("attempt", d.Attempts), slog.String("status", d.Status), slog.Int("http_status", d.HTTPStatus),
		slog.String("reason", d.Reason), slog.Int64("duration_us", d.DurationUS), slog.String("error", o.detail.Error))
}
