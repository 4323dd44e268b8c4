package courier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/batch"
	"dochook/hooks/courier/endpoint"
	"dochook/hooks/courier/feed"
	"dochook/hooks/ledger"
	"dochook/hooks/manual"
	"dochook/hooks/outbound"
	"dochook/hooks/sender"
)

const (
	renewDelay   = 2 * time.Second
	reviewDelay  = 2 * time.Second // how often all webhooks are looked at even if nothing was heard of a change
	claimMost    = 500             // leases taken together
	claimDelay   = time.Second     // between attempts to take over what others hold
	storeLimit   = 5 * time.Second // of one use of the database: a connection that has gone silent may never say so
	leaseMargin  = 7 * time.Second // beyond the longest attempt
	stopPatience = 22 * time.Second
)

// Options of an Engine; the zero value is ready for use.
type Options struct {
	// Logger receives one line per attempt. Default: discarded.
	Logger *slog.Logger
	// Version stands in the User-Agent. Default "dev".
	Version string
	// Pages are where batches find the records of jobs' pages. Default: a webhook that needs them fails.
	Pages batch.Pages
	// Watcher hears of every attempt. Default: nobody.
	Watcher Watcher
	// Traceparent makes the W3C traceparent that one attempt is sent with; [Seen] names it. It is called from many goroutines.
	// Default: attempts carry none.
	Traceparent func() string
	// Runs are the replays and backfills to be walked. Default: none.
	Runs Runs
	// Tail is told of what this process commits, before the walkers are woken. Default: all is read from the database.
	Tail *feed.Tail
	// Exclusive says that no other process can have the database open: all
	// leases are taken over at the start.
	Exclusive bool
}

// Runs are the replays and backfills that are going on.
type Runs interface {
	Active(ctx context.Context) ([]feed.Run, error)
}

// Engine runs a walker for every enabled webhook and every subscriber.
type Engine struct {
	*manual.Desk

	events   *eventlog.Log
	webhooks *hooks.Service
	store    *ledger.Store
	guard    *sender.Guard
	sources  batch.Sources
	log      *slog.Logger
	watcher  Watcher
	trace    func() string // nil: nothing is traced
	runs     Runs
	tail     *feed.Tail
	agent    string
	free     bool
	owner    string

	subscribers map[string]*subscriberTarget

	mu      sync.Mutex
	running map[string]*running       // by walker name
	paces   map[string]*endpoint.Pace // by webhook
	review  chan struct{}
	alive   time.Time // last round of the engine that went well
}

type running struct {
	walker  *walker
	version int64
	stop    context.CancelFunc
	hard    context.CancelFunc
	done    chan struct{}
}

// New returns an Engine; it starts nothing.
func New(events *eventlog.Log, webhooks *hooks.Service, store *ledger.Store, guard *sender.Guard, o Options) *Engine {
	e := &Engine{
		events: events, webhooks: webhooks, store: store, guard: guard, sources: batch.Sources{Log: events, Pages: o.Pages}, log: o.Logger, watcher: o.Watcher, trace: o.Traceparent, runs: o.Runs, tail: o.Tail, free: o.Exclusive,
		owner: uuid.NewString(), subscribers: map[string]*subscriberTarget{}, running: map[string]*running{}, paces: map[string]*endpoint.Pace{}, review: make(chan struct{}, 1),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	version := o.Version
	if version == "" {
		version = "dev"
	}
	e.agent = "dochook/" + version
	e.Desk = manual.New(events, webhooks, store, guard, manual.Options{Agent: e.agent, Pages: o.Pages})
	return e
}

// Subscribe registers a durable subscriber under a name that stays the same
// from start to start: its cursor is kept under it. A new one starts at the
// log's end. Call it before Run.
func (e *Engine) Subscribe(name string, o SubscribeOptions, fn Handler) error {
	if name == "" || fn == nil {
		return errors.New("a subscriber needs a name and a function")
	}
	for i, ev := range o.Events {
		known, ok := doctype.ParseEventName(ev)
		if !ok {
			return errors.New("there is no event " + strconv.Quote(ev))
		}
		o.Events[i] = known
	}
	walker := "subscriber:" + name
	if _, taken := e.subscribers[walker]; taken {
		return errors.New("there is a subscriber " + strconv.Quote(name) + " already")
	}
	e.subscribers[walker] = &subscriberTarget{options: o, fn: fn}
	return nil
}

// Wake tells the walkers of these DocTypes (nil = all) that the log has grown.
// It never blocks.
func (e *Engine) Wake(doctypes []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		if of := r.walker.doctype(); of == "" || doctypes == nil || slices.Contains(doctypes, of) {
			select {
			case r.walker.wake <- struct{}{}:
			default:
			}
		}
	}
}

// Review makes the engine look at all webhooks now. It never blocks.
func (e *Engine) Review() {
	select {
	case e.review <- struct{}{}:
	default:
	}
}

// Halt begins no more attempts for a webhook, as it was until now: the next round goes by what it is then.
func (e *Engine) Halt(webhook string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, r := range e.running {
		if _, of, _ := ledger.Run(name); name == hooks.Walker(webhook) || of == webhook {
			r.stop()
		}
	}
}

// Alive is when the engine last held its leases and saw its webhooks; long ago
// means it is stuck.
func (e *Engine) Alive() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.alive
}

// Open gives subscribers their cursors and takes over the leases of a database
// nobody else can have open. Call it once before Run.
func (e *Engine) Open(ctx context.Context) error {
	if e.free {
		if err := e.store.Free(ctx); err != nil {
			return err
		}
	}
	for name := range e.subscribers {
		if err := e.store.OpenNow(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Run keeps the walkers going until ctx ends; then no new attempt begins, those
// in flight finish, what came of them is written, and the leases are given back.
func (e *Engine) Run(ctx context.Context) {
	renew, claim := time.NewTicker(renewDelay), time.NewTicker(claimDelay)
	defer renew.Stop()
	defer claim.Stop()
	reviewed := time.Time{}
	e.round(ctx)
	for {
		select {
		case <-ctx.Done():
			e.stopAll(context.WithoutCancel(ctx))
			return
		case <-e.review:
			e.round(ctx)
			reviewed = time.Now()
		case <-claim.C:
			if time.Since(reviewed) >= reviewDelay || e.idle() {
				e.round(ctx)
				reviewed = time.Now()
			}
		case <-renew.C:
			e.renew(ctx)
		}
	}
}

// idle reports whether any walker ended since the last round.
func (e *Engine) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		select {
		case <-r.done:
			return true
		default:
		}
	}
	return false
}

type wanted struct {
	version int64
	target  func() target
	timeout time.Duration
	run     *feed.Run
	beside  string // the walker that must run here too; "" = none
}

// round brings what runs in line with what should: walkers of webhooks that are
// gone, disabled or edited stop, missing ones start if their lease is free.
func (e *Engine) round(ctx context.Context) {
	want, err := e.wants(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("cannot read webhooks", "error", err)
		}
		return
	}
	e.mu.Lock()
	e.alive = time.Now()
	var stale []*running
	for name, r := range e.running {
		select {
		case <-r.done:
			delete(e.running, name)
			continue
		default:
		}
		if w, ok := want[name]; !ok || w.version != r.version {
			stale = append(stale, r)
		}
	}
	var missing []string
	for name := range want {
		if w := want[name]; e.running[name] == nil && (w.beside == "" || e.running[w.beside] != nil) {
			missing = append(missing, name)
		}
	}
	e.mu.Unlock()
	for _, r := range stale {
		r.stop() // its lease is given back when it is done; a later round starts it anew
	}
	for chunk := range slices.Chunk(missing, claimMost) {
		e.startAll(ctx, chunk, want)
	}
}

func (e *Engine) wants(ctx context.Context) (map[string]wanted, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	active, broken, err := e.webhooks.Active(ctx)
	if err != nil {
		return nil, err
	}
	for name, err := range broken {
		e.log.Error("webhook cannot run", "webhook", name, "error", err)
	}
	out := make(map[string]wanted, len(active)+len(e.subscribers))
	byName := make(map[string]*hooks.Compiled, len(active))
	for _, c := range active {
		byName[c.Name] = c
		out[hooks.Walker(c.Name)] = e.wanted(c, nil)
	}
	for name, t := range e.subscribers {
		out[name] = wanted{target: func() target { return t }, timeout: t.settings().timeout}
	}
	if e.runs == nil {
		return out, nil
	}
	runs, err := e.runs.Active(ctx)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		if c := byName[runs[i].Webhook]; c != nil { // a disabled webhook's waits
			out[ledger.RunWalker(runs[i].ID, c.Name)] = e.wanted(c, &runs[i])
		}
	}
	return out, nil
}

// wanted is the walker of a webhook, or of a run of it: that one goes where the webhook's own is, so that they share its pace.
func (e *Engine) wanted(c *hooks.Compiled, run *feed.Run) wanted {
	pace := e.pace(c)
	w := wanted{version: c.Version, timeout: time.Duration(c.Timeout) * time.Second, run: run}
	w.target = func() target {
		client := sender.NewClient(sender.ClientOptions{Guard: e.guard, MaxConns: c.MaxInFlight, RootCAs: c.CertPool(), Certificate: c.ClientCertificate()})
		return &webhookTarget{outbound.New(c, client, e.agent, e.sources), pace, run, e.sources}
	}
	if run != nil {
		w.beside = hooks.Walker(c.Name)
	}
	return w
}

// pace is what a webhook's walkers share, as long as its rate stays the same.
func (e *Engine) pace(c *hooks.Compiled) *endpoint.Pace {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.paces[c.Name]
	if p.Rate() != c.MaxPerSecond {
		p = endpoint.NewPace(c.MaxPerSecond)
		e.paces[c.Name] = p
	}
	return p
}

// startAll starts those of the walkers whose leases are free.
func (e *Engine) startAll(ctx context.Context, names []string, want map[string]wanted) {
	claims := make([]ledger.Claim, len(names))
	for i, name := range names {
		claims[i] = ledger.Claim{Walker: name, TTL: want[name].timeout + leaseMargin}
	}
	before := time.Now()
	claimCtx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	leases, err := e.store.ClaimAll(claimCtx, e.owner, claims)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("cannot claim leases", "walkers", len(names), "error", err)
		}
		return
	}
	for i := range leases {
		e.start(ctx, leases[i], before, want[leases[i].Walker])
	}
}

// start starts the walker of a lease that was claimed no earlier than before.
func (e *Engine) start(ctx context.Context, lease ledger.Lease, before time.Time, want wanted) {
	t := want.target()
	s := t.settings()
	w := &walker{
		name: lease.Walker, target: t, settings: s, store: e.store, watcher: e.watcher, trace: e.trace, log: e.log, lease: lease, base: before,
		wake: make(chan struct{}, 1), busy: map[string][]*shipment{},
		outgoing: make(chan *shipment, s.inFlight+1), results: make(chan outcome, s.inFlight+1), fetched: make(chan fetch, 1), flushed: make(chan error, 1),
	}
	w.feed = feed.OfLog(e.events, e.tail, feed.Wanted{DocType: w.doctype(), JobEvents: s.jobEvents, Bare: s.batched})
	if want.run != nil {
		w.feed, w.last = feed.OfRun{Run: *want.run}, want.run.Total
	}
	w.leaseEnd.Store(int64(lease.TTL))
	w.clock.Store(lease.Now)
	stopCtx, stop := context.WithCancel(ctx)
	hardCtx, hard := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{walker: w, version: want.version, stop: stop, hard: hard, done: make(chan struct{})}
	e.mu.Lock()
	e.running[lease.Walker] = r
	e.mu.Unlock()
	go e.walk(stopCtx, hardCtx, r)
}

func (e *Engine) walk(stop, hard context.Context, r *running) {
	defer close(r.done)
	defer r.hard()
	defer r.stop()
	if t, ok := r.walker.target.(*webhookTarget); ok {
		defer t.Close()
	}
	err := r.walker.run(stop, hard)
	// While the lease is still held: nobody starts it again in between.
	t, ok := r.walker.target.(*webhookTarget)
	switch {
	case !ok || r.walker.off == "" || err != nil:
	case r.walker.off == finished:
		e.finish(context.WithoutCancel(stop), r.walker.name, t.run)
	default:
		e.switchOff(context.WithoutCancel(stop), t.Webhook, r.walker.off)
	}
	if err == nil {
		release, cancel := context.WithTimeout(context.WithoutCancel(stop), storeLimit)
		err = e.store.Release(release, r.walker.lease)
		cancel()
		if err == nil {
			e.Review()
			return
		}
	}
	if hard.Err() == nil {
		e.log.Warn("walker ended", "walker", r.walker.name, "error", err)
	}
}

// finish ends a run; if it cannot, the next walker of it will.
func (e *Engine) finish(ctx context.Context, walker string, run *feed.Run) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := run.Items.Finish(ctx); err != nil {
		e.log.Error("cannot end a replay", "walker", walker, "error", err)
		return
	}
	e.log.Info("replay finished", "walker", walker)
}

func (e *Engine) switchOff(ctx context.Context, c *hooks.Compiled, reason string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	off, err := e.webhooks.SwitchOff(ctx, c.Name, c.Version, reason)
	switch {
	case err != nil: // the next attempt will be told the same
		e.log.Error("cannot disable webhook", "webhook", c.Name, "reason", reason, "error", err)
	case off:
		e.log.Warn("webhook disabled", "webhook", c.Name, "reason", reason)
	}
}

// renew prolongs the leases; a walker whose lease went to another process is
// stopped at once.
func (e *Engine) renew(ctx context.Context) {
	before := time.Now()
	ctx, cancel := context.WithTimeout(ctx, renewDelay)
	defer cancel()
	held, now, err := e.store.Renew(ctx, e.owner)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("cannot renew leases", "error", err)
		}
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.alive = time.Now()
	for name, r := range e.running {
		if generation, ok := held[name]; ok && generation == r.walker.lease.Generation {
			r.walker.leaseEnd.Store(int64(before.Sub(r.walker.base) + r.walker.lease.TTL))
			r.walker.clock.Store(max(r.walker.clock.Load(), now-before.Sub(r.walker.base).Microseconds()))
			continue
		}
		select {
		case <-r.done:
		default:
			if r.walker.base.Before(before.Add(-renewDelay)) { // not one that was only just claimed
				r.hard()
			}
		}
	}
}

func (e *Engine) stopAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	e.mu.Lock()
	all := make([]*running, 0, len(e.running))
	for _, r := range e.running {
		r.stop()
		all = append(all, r)
	}
	e.mu.Unlock()
	for _, r := range all {
		select {
		case <-r.done:
		case <-ctx.Done():
			r.hard()
			<-r.done
		}
	}
}
