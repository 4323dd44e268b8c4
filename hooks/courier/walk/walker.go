package walk

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks/courier/endpoint"
	"dochook/hooks/courier/feed"
	"dochook/hooks/courier/queue"
	"dochook/hooks/ledger"
)

const (
	windowSize   = 2000                   // entries read ahead of the oldest unsettled one
	windowBytes  = 32 << 20               // of records held in memory, past which reading stops
	maxHeld      = 200_000                // deliveries waiting to be tried again (a position each), past which reading stops
	flushSize    = 256                    // outcomes written at once
	flushFew     = 32                     // outcomes, fewer than which do not wait for many more
	flushDelay   = 25 * time.Millisecond  // the longest that few wait for others
	gatherDelay  = 75 * time.Millisecond  // the longest an outcome waits for others
	cursorDelay  = time.Second            // the longest a cursor alone waits to be written
	maxUnwritten = 4096                   // outcomes that could not be written, past which sending stops
	errorDelay   = 250 * time.Millisecond // before the database is asked again after an error
	busyDelay    = 50 * time.Millisecond  // before a cursor is written again that somebody else changed
	pollDelay    = 5 * time.Second        // the log is looked at even if nobody woke the walker
	tailDelay    = 200 * time.Millisecond // the same, while entries for others may stand behind the last one for us
	readMost     = 500                    // entries of one read
)

// StoreLimit is how long one use of the database may take: a connection that has gone silent may never say so.
const StoreLimit = 5 * time.Second

// Walker walks the log for one target. All its fields belong to Run's
// goroutine, but for wake, leaseEnd, clock and seen.
type Walker struct {
	name     string
	target   Target
	settings settings
	feed     source
	store    *ledger.Store
	log      *slog.Logger
	lease    ledger.Lease
	leaseEnd atomic.Int64 // ns since base
	clock    atomic.Int64 // the database's clock at base, µs
	base     time.Time
	wake     chan struct{}

	window  queue.Window
	before  *doctype.Event      // the last entry that was looked at, without its record
	bytes   int                 // of the records in ready, busy and in flight
	tried   map[ledger.Key]bool // beyond the cursor when the lease was taken
	ready   []*shipment
	busy    map[string][]*shipment // order → those behind the one that is ready or in flight
	chains  queue.Chains[*shipment]
	breaker endpoint.Breaker
	flying  int
	retries int       // of those flying, come from chains
	paused  time.Time // nothing is sent before
	pace    time.Time // the same, by how fast the endpoint may be sent to

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
	watcher  Watcher
	trace    func() string

	last  int64 // place of the last entry there will ever be; 0 = the feed has no end
	seen  atomic.Pointer[State]
	shown time.Time // when seen was set
	stale bool      // something may have happened since
}

// Options of a Walker; the zero value is ready for use.
type Options struct {
	// Tail is what of the log need not be read from the database. Default: nothing.
	Tail *feed.Tail
	// Watcher hears of every attempt. Default: nobody.
	Watcher Watcher
	// Traceparent makes what one attempt is sent with. Default: attempts carry none.
	Traceparent func() string
	// Logger receives one line per attempt. Default: discarded.
	Logger *slog.Logger
}

// New returns the walker of a lease; it starts nothing.
func New(lease ledger.Lease, t Target, log *eventlog.Log, store *ledger.Store, o Options) *Walker {
	s := t.settings()
	w := &Walker{
		name: lease.Walker, target: t, settings: s, store: store, watcher: o.Watcher, trace: o.Traceparent, log: o.Logger, lease: lease, base: lease.Since,
		wake: make(chan struct{}, 1), busy: map[string][]*shipment{},
		outgoing: make(chan *shipment, s.inFlight+1), results: make(chan outcome, s.inFlight+1), fetched: make(chan fetch, 1), flushed: make(chan error, 1),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.feed = feed.OfLog(log, o.Tail, feed.Wanted{DocType: w.DocType(), JobEvents: s.jobEvents, Bare: s.batched})
	if to, ok := t.(*Webhook); ok && to.Run != nil {
		w.feed, w.last = feed.OfRun{Run: *to.Run}, to.Run.Total
	}
	w.leaseEnd.Store(int64(lease.TTL))
	w.clock.Store(lease.Now)
	return w
}

// Wake says that the log has grown. It never blocks.
func (w *Walker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Prolong says that the lease was renewed no earlier than at a time, when the database's clock showed now, in µs. It reports whether the
// lease is still the walker's: which generation is held is what the database says.
func (w *Walker) Prolong(at time.Time, generation, now int64) bool {
	if generation != w.lease.Generation {
		return false
	}
	w.leaseEnd.Store(int64(at.Sub(w.base) + w.lease.TTL))
	w.clock.Store(max(w.clock.Load(), now-at.Sub(w.base).Microseconds()))
	return true
}

// Off is why the webhook is to be switched off, once Run has ended: [Finished], or a reason for people; "" = it is not.
func (w *Walker) Off() string { return w.off }

// source is where a walker's entries come from.
type source interface {
	// After reads entries behind a place.
	After(ctx context.Context, place int64, limit int) (feed.Batch, error)
	// At reads the entries at these places that are still there.
	At(ctx context.Context, places []int64) ([]feed.Entry, error)
	// Before is the last entry at or before a place, of those a batch may begin with.
	Before(ctx context.Context, place int64) (*doctype.Event, error)
}

type fetch struct {
	feed.Batch

	err error
}

// Run walks until stop ends, then lets what is in flight finish and writes it
// down. It returns ledger.ErrLost if another process took over. hard ends
// attempts in flight too.
func (w *Walker) Run(stop, hard context.Context) error {
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
		if w.over() {
			w.off = Finished
		}
		stopping := stop.Err() != nil || w.off != ""
		if stopping && w.flying == 0 && !w.flushing {
			return w.lastFlush(hard)
		}
		if !stopping {
			w.read(hard)
			if err := w.dispatch(stop, hard); err != nil {
				w.log.Warn("cannot load retries", "walker", w.name, "error", err)
				w.readAt = time.Now().Add(errorDelay)
			}
		}
		w.flush(hard, stopping)
		w.show()
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
func (w *Walker) drainResults() {
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
func (w *Walker) recover(ctx context.Context) error {
	w.window.Read, w.written, w.more = w.lease.Pos, w.lease.Pos, true
	w.breaker = endpoint.NewBreaker(w.lease.Failures, w.lease.FailingFrom)
	if w.lease.PausedUntil > w.lease.Now {
		w.paused = time.Now().Add(time.Duration(w.lease.PausedUntil-w.lease.Now) * time.Microsecond)
	}
	var err error
	if w.tried, err = w.store.TakeUp(ctx, w.lease, StoreLimit, w.holdAll); err != nil || !w.settings.batched {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, StoreLimit)
	defer cancel()
	w.before, err = w.feed.Before(ctx, w.lease.Pos)
	return err
}

// holdAll puts deliveries that wait where they waited.
func (w *Walker) holdAll(waiting []ledger.Retry) {
	for i := range waiting {
		r := &waiting[i]
		sh := &shipment{key: r.Key, order: r.OrderKey, id: r.Delivery, attempts: r.Attempts}
		if ch := w.chains.Of(sh.order); ch != nil {
			w.chains.Behind(ch, sh)
		} else {
			w.chains.Hold(sh, min(r.DueAt, w.lease.Now+w.settings.policy.Longest().Microseconds()))
		}
	}
}

// read fetches the next entries in the background, if there is room for them.
func (w *Walker) read(ctx context.Context) {
	now := time.Now()
	if w.reading || !w.more || w.window.Size() >= windowSize || w.bytes >= windowBytes || w.chains.Held() >= maxHeld ||
		now.Before(w.readAt) || now.Before(w.paused) || w.breaker.Open() && len(w.ready) > 0 {
		return
	}
	w.reading, w.more = true, false
	after, limit := w.window.Read, readMost
	if w.breaker.Open() {
		limit = 1 // a probe
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, StoreLimit)
		defer cancel()
		b, err := w.feed.After(ctx, after, limit)
		w.fetched <- fetch{b, err}
	}()
}

// DocType is of what entries the walker looks at; "" = all.
func (w *Walker) DocType() string {
	switch t := w.target.(type) {
	case *Webhook:
		return t.Webhook.WebhookDocType
	case *Subscriber:
		return t.SubscribeOptions.DocType
	default:
		return ""
	}
}

// admit puts what was read into the window and makes shipments of what the
// target wants.
func (w *Walker) admit(f fetch) {
	w.reading = false
	if f.err != nil {
		if !errors.Is(f.err, context.Canceled) {
			w.log.Warn("cannot read the log", "walker", w.name, "error", f.err)
		}
		w.more, w.readAt = true, time.Now().Add(errorDelay)
		return
	}
	w.more = w.more || f.Full
	for i := range f.Entries {
		w.admitOne(&f.Entries[i])
	}
	w.window.Read = f.Upto
	w.tail = len(f.Entries) > 0 && !f.Full && f.Upto == f.Entries[len(f.Entries)-1].Place
	if w.tail {
		w.readAt = time.Now()
	}
}

func (w *Walker) admitOne(entry *feed.Entry) {
	e := entry.Event
	key := ledger.Key{Pos: entry.Place}
	wanted := e.ID != "" && w.target.wants(e, w.before)
	if w.settings.batched {
		w.before = &doctype.Event{DocType: e.DocType, Event: e.Event, Job: e.Job, Page: e.Page}
	}
	switch {
	case w.tried[key]: // of a batch, then, every part was tried or waits
		delete(w.tried, key)
	case wanted:
		own := *e // what was read with it, and is not wanted, must not be kept for its sake
		w.take(&shipment{
			key: key, order: w.settings.orderKey(e), id: ledger.DeliveryID(w.name, e.ID, key), event: &own, slot: w.window.Push(entry.Place),
		})
	}
}

// take queues a new shipment: behind its document's failed one, behind the one
// in flight, or to be sent.
func (w *Walker) take(sh *shipment) {
	w.bytes += len(sh.event.Data)
	if ch := w.chains.Of(sh.order); ch != nil {
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
func (w *Walker) postpone(ch *queue.Chain[*shipment], sh *shipment) {
	w.note()
	w.batch.Retries = append(w.batch.Retries, ledger.Retry{Key: sh.key, OrderKey: sh.order, Delivery: sh.id})
	sh.slot.Done, sh.slot = true, nil
	w.unload(sh)
	w.chains.Behind(ch, sh)
}

// unload lets go of a shipment's record: it is read again when it is due.
func (w *Walker) unload(sh *shipment) {
	if sh.event != nil {
		w.bytes -= len(sh.event.Data)
	}
	sh.event, sh.request = nil, nil
}

// nowUS is the database's clock as far as we know it.
func (w *Walker) nowUS() int64 {
	return w.clock.Load() + time.Since(w.base).Microseconds()
}

func (w *Walker) note() {
	if w.first.IsZero() {
		w.first = time.Now()
	}
}
