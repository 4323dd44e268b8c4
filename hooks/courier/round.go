package courier

import (
	"context"
	"slices"
	"time"

	"dochook/hooks"
	"dochook/hooks/courier/feed"
	"dochook/hooks/courier/roster"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
	"dochook/hooks/outbound"
	"dochook/hooks/sender"
)

type wanted struct {
	webhook string // "" = it is of none
	version int64  // of the webhook
	target  func() walk.Target
	timeout time.Duration
	run     *feed.Run
	beside  string // the walker that must run here too; "" = none
	alone   bool   // others may not know it, so that it is no part of what is shared out
}

// A server that took what nobody else did lets nothing go for a while, and then one walker in a round: others may not be able to take what
// is theirs. The while doubles as long as that is so.
const keptFor, keptLongest = time.Minute, time.Hour

// round brings what runs in line with what should: walkers of webhooks that are
// gone, disabled or edited stop, missing ones start if their lease is free, and
// what is more than this server's share goes to the others.
func (e *Engine) round(ctx context.Context) {
	want, err := e.wants(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("cannot read webhooks", "error", err)
		}
		return
	}
	e.attend(ctx)
	p := e.plan(want, time.Now())
	for _, r := range p.stop {
		r.stop() // its lease is given back when it is done; a later round starts it anew
	}
	if p.leaving > 0 {
		e.log.Info("walkers go to other servers", "walkers", p.leaving, "servers", e.servers)
	}
	e.startAll(ctx, p.anyway, len(p.anyway), 0, want)
	e.startAll(ctx, p.missing, p.room, 0, want)
	if p.room == len(p.missing) {
		return
	}
	if e.startAll(ctx, e.without(p.missing), len(p.missing), roster.Patience, want) > 0 {
		e.help(time.Now())
	}
}

// plan is what a round has to do.
type plan struct {
	stop    []*running
	leaving int      // of them, for other servers to take
	missing []string // walkers that do not run here …
	room    int      // … of which so many are to be taken
	anyway  []string // walkers that are no part of what is shared out, and do not run
}

// plan compares what runs with what should.
func (e *Engine) plan(want map[string]wanted, now time.Time) (p plan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.alive = now
	for name, r := range e.running {
		select {
		case <-r.done:
			delete(e.running, name)
		default:
		}
	}
	here := func(name string) bool { return e.running[name] != nil && !e.running[name].leaving }
	var has []*running
	all := 0
	for name, w := range want {
		if w.beside != "" || w.alone {
			continue
		}
		all++
		switch r := e.running[name]; {
		case r == nil:
			p.missing = append(p.missing, name)
		case !r.leaving:
			has = append(has, r)
		}
	}
	p.room, p.leaving = roster.Divide(e.servers, all, len(has))
	switch since := now.Sub(e.helped); {
	case since < e.keeps:
		p.leaving = 0
	case since < 2*keptLongest:
		p.leaving = min(p.leaving, 1)
	}
	for _, r := range has[:p.leaving] {
		r.leaving = true
	}
	for name, w := range want {
		if (w.alone || w.beside != "" && here(w.beside)) && e.running[name] == nil {
			p.anyway = append(p.anyway, name)
		}
	}
	for name, r := range e.running {
		if w, ok := want[name]; !ok || w.version != r.version || r.leaving || w.beside != "" && !here(w.beside) {
			p.stop = append(p.stop, r)
		}
	}
	return p
}

// attend counts the servers; if it cannot, there are as many as before.
func (e *Engine) attend(ctx context.Context) {
	if e.roster == nil {
		return
	}
	within, cancel := context.WithTimeout(ctx, walk.StoreLimit)
	defer cancel()
	servers, err := e.roster.Attend(within, e.owner)
	if err == nil {
		e.servers = servers
	} else if ctx.Err() == nil {
		e.log.Warn("cannot see the other servers", "error", err)
	}
}

// help notes that this server took what nobody else did.
func (e *Engine) help(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.helped) < 2*keptLongest {
		e.keeps = min(2*e.keeps, keptLongest)
	} else {
		e.keeps = keptFor
	}
	e.helped = now
}

// parted tells the other servers, when all that was to leave has left, or this server goes.
func (e *Engine) parted() {
	e.mu.Lock()
	for _, r := range e.running {
		select {
		case <-r.done:
		default:
			if r.leaving {
				e.mu.Unlock()
				return
			}
		}
	}
	e.mu.Unlock()
	if e.announce != nil {
		e.announce()
	}
}

func (e *Engine) wants(ctx context.Context) (map[string]wanted, error) {
	ctx, cancel := context.WithTimeout(ctx, walk.StoreLimit)
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
		out[name] = wanted{alone: true, target: func() walk.Target { return t }, timeout: t.Limit()}
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
	pace := e.paces.Of(c.Name, c.MaxPerSecond)
	w := wanted{webhook: c.Name, version: c.Version, timeout: time.Duration(c.Timeout) * time.Second, run: run}
	w.target = func() walk.Target {
		client := sender.NewClient(sender.ClientOptions{Guard: e.guard, MaxConns: c.MaxInFlight, RootCAs: c.CertPool(), Certificate: c.ClientCertificate()})
		return &walk.Webhook{Target: outbound.New(c, client, e.agent, e.sources), Pace: pace, Run: run, Sources: e.sources}
	}
	if run != nil {
		w.beside = hooks.Walker(c.Name)
	}
	return w
}

// without is which of the walkers do not run here.
func (e *Engine) without(names []string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(names, func(name string) bool { return e.running[name] != nil })
}

// startAll starts those of the walkers whose leases nobody has held for a while; most of them at most. It returns how many.
func (e *Engine) startAll(ctx context.Context, names []string, most int, while time.Duration, want map[string]wanted) (started int) {
	for chunk := range slices.Chunk(names, claimMost) {
		claims := make([]ledger.Claim, len(chunk))
		for i, name := range chunk {
			claims[i] = ledger.Claim{Walker: name, TTL: want[name].timeout + leaseMargin}
		}
		claimCtx, cancel := context.WithTimeout(ctx, walk.StoreLimit)
		leases, err := e.store.ClaimAll(claimCtx, e.owner, claims, most, while)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				e.log.Warn("cannot claim leases", "walkers", len(claims), "error", err)
			}
			return started
		}
		most -= len(leases)
		started += len(leases)
		if !e.start(ctx, leases, want) {
			return started
		}
	}
	return started
}

// start starts the walkers of leases, but those of webhooks that were edited, switched off or deleted since they were read: the next
// round goes by what they are. Who edits one later than this looks finds its walker running, and stops it. If that cannot be seen, none
// starts, and ok is false.
func (e *Engine) start(ctx context.Context, leases []ledger.Lease, want map[string]wanted) (ok bool) {
	if len(leases) == 0 {
		return true
	}
	all := make([]*running, len(leases))
	begin := make([]func(), len(leases))
	var webhooks []string
	for i, l := range leases {
		w := want[l.Walker]
		all[i], begin[i] = e.ready(ctx, l, w)
		if w.webhook != "" {
			webhooks = append(webhooks, w.webhook)
		}
	}
	within, cancel := context.WithTimeout(ctx, walk.StoreLimit)
	now, err := e.webhooks.Versions(within, webhooks)
	cancel()
	if err != nil && ctx.Err() == nil {
		e.log.Warn("cannot read webhooks", "error", err)
	}
	for i, r := range all {
		if w := want[r.lease.Walker]; w.webhook != "" && now[w.webhook] != w.version {
			r.stop()
		}
		go begin[i]()
	}
	return err == nil
}

// ready makes the walker of a lease known, so that it can be stopped; begin lets it walk.
func (e *Engine) ready(ctx context.Context, lease ledger.Lease, want wanted) (r *running, begin func()) {
	t := want.target()
	w := walk.New(lease, t, e.events, e.store, e.walk)
	stopCtx, stop := context.WithCancel(ctx)
	hardCtx, hard := context.WithCancel(context.WithoutCancel(ctx))
	r = &running{walker: w, target: t, lease: lease, version: want.version, stop: stop, hard: hard, done: make(chan struct{})}
	e.mu.Lock()
	e.running[lease.Walker] = r
	e.mu.Unlock()
	return r, func() { e.run(stopCtx, hardCtx, r) }
}
