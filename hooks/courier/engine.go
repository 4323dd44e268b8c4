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
	"dochook/hooks/courier/roster"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
	"dochook/hooks/manual"
	"dochook/hooks/sender"
)

const (
	renewDelay   = 2 * time.Second
	reviewDelay  = 2 * time.Second // how often all webhooks are looked at even if nothing was heard of a change
	claimMost    = 500             // leases taken together
	claimDelay   = time.Second     // between attempts to take over what others hold
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
	Watcher walk.Watcher
	// Traceparent makes the W3C traceparent that one attempt is sent with; [walk.Seen] names it. It is called from many goroutines.
	// Default: attempts carry none.
	Traceparent func() string
	// Runs are the replays and backfills to be walked. Default: none.
	Runs Runs
	// Tail is told of what this process commits, before the walkers are woken. Default: all is read from the database.
	Tail *feed.Tail
	// Roster is the list of the servers that share the work. Default: this one does all that nobody else does already.
	Roster *roster.Roster
	// Announce tells other servers that there may be work for them. Default: they find out by themselves, within seconds.
	Announce func()
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
	walk     walk.Options
	runs     Runs
	roster   *roster.Roster // nil: there are no others
	announce func()         // nil: nobody is told
	servers  int            // as last counted
	agent    string
	free     bool
	owner    string

	subscribers map[string]*walk.Subscriber
	paces       endpoint.Paces // by webhook

	mu      sync.Mutex
	running map[string]*running // by walker name
	review  chan struct{}
	alive   time.Time     // last round of the engine that went well
	helped  time.Time     // when it last took what was another's share …
	keeps   time.Duration // … and for how long it lets nothing go since then
}

type running struct {
	walker  *walk.Walker
	target  walk.Target
	lease   ledger.Lease
	version int64
	stop    context.CancelFunc
	hard    context.CancelFunc
	done    chan struct{}
	leaving bool // to another server
}

// New returns an Engine; it starts nothing.
func New(events *eventlog.Log, webhooks *hooks.Service, store *ledger.Store, guard *sender.Guard, o Options) *Engine {
	e := &Engine{
		events: events, webhooks: webhooks, store: store, guard: guard, sources: batch.Sources{Log: events, Pages: o.Pages}, log: o.Logger, runs: o.Runs, roster: o.Roster, announce: o.Announce, free: o.Exclusive,
		owner: uuid.NewString(), servers: 1, subscribers: map[string]*walk.Subscriber{}, running: map[string]*running{}, review: make(chan struct{}, 1),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.walk = walk.Options{Tail: o.Tail, Watcher: o.Watcher, Traceparent: o.Traceparent, Logger: e.log}
	version := o.Version
	if version == "" {
		version = "dev"
	}
	e.agent = "dochook/" + version
	e.Desk = manual.New(events, webhooks, store, guard, manual.Options{Agent: e.agent, Pages: o.Pages})
	return e
}

// SubscribeOptions of a durable subscriber; the zero value listens to everything.
type SubscribeOptions = walk.SubscribeOptions

// Handler is a durable subscriber's function.
type Handler = walk.Handler

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
	e.subscribers[walker] = &walk.Subscriber{SubscribeOptions: o, Call: fn}
	return nil
}

// Wake tells the walkers of these DocTypes (nil = all) that the log has grown.
// It never blocks.
func (e *Engine) Wake(doctypes []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		if of := r.walker.DocType(); of == "" || doctypes == nil || slices.Contains(doctypes, of) {
			r.walker.Wake()
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

// run lets a walker walk, does what is to be done after it, and gives its lease back.
func (e *Engine) run(stop, hard context.Context, r *running) {
	err := r.walker.Run(stop, hard)
	to, ok := r.target.(*walk.Webhook)
	// While the lease is still held: nobody starts it again in between.
	switch off := r.walker.Off(); {
	case !ok || off == "" || err != nil:
	case off == walk.Finished:
		e.finish(context.WithoutCancel(stop), r.lease.Walker, to.Run)
	default:
		e.switchOff(context.WithoutCancel(stop), to.Webhook, off)
	}
	if err == nil {
		release, cancel := context.WithTimeout(context.WithoutCancel(stop), walk.StoreLimit)
		err = e.store.Release(release, r.lease)
		cancel()
	}
	if err != nil && hard.Err() == nil {
		e.log.Warn("walker ended", "walker", r.lease.Walker, "error", err)
	}
	if ok {
		to.Close()
	}
	r.stop()
	r.hard()
	close(r.done)
	if err == nil {
		e.Review()
	}
	e.mu.Lock()
	leaving := r.leaving
	e.mu.Unlock()
	if leaving {
		e.parted()
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
	e.alive = time.Now()
	for name, r := range e.running {
		generation, ok := held[name]
		select {
		case <-r.done: // what it could not give back is given back now
			continue
		default:
			delete(held, name)
		}
		if (!ok || !r.walker.Prolong(before, generation, now)) && r.lease.Since.Before(before.Add(-renewDelay)) { // not one that was only just claimed
			r.hard()
		}
	}
	e.mu.Unlock()
	e.giveBack(ctx, held)
}

// giveBack releases leases that nobody here walks by, so that others can.
func (e *Engine) giveBack(ctx context.Context, held map[string]int64) {
	var all sync.WaitGroup
	for name, generation := range held {
		all.Go(func() {
			if err := e.store.Release(ctx, ledger.Lease{Walker: name, Generation: generation}); err != nil && ctx.Err() == nil {
				e.log.Warn("cannot give a lease back", "walker", name, "error", err)
			}
		})
	}
	all.Wait()
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
	if e.roster != nil {
		leave, cancel := context.WithTimeout(ctx, renewDelay)
		if err := e.roster.Leave(leave, e.owner); err != nil {
			e.log.Warn("cannot leave the list of servers", "error", err) // it will be missed
		}
		cancel()
	}
	for _, r := range all {
		select {
		case <-r.done:
		case <-ctx.Done():
			r.hard()
			<-r.done
		}
	}
	if ctx.Err() == nil {
		e.parted()
	}
}
