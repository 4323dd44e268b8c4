package courier

import (
	"fmt"
	"testing"
	"time"

	"dochook/hooks/courier/walk"
)

// plans is an engine with so many walkers, which are not taken by the others: whenever it lets some go it gets them back.
func plans(walkers, servers int) (*Engine, map[string]wanted) {
	e, want := &Engine{servers: servers, running: map[string]*running{}}, map[string]wanted{}
	for i := range walkers {
		name := fmt.Sprintf("webhook:w%d", i)
		want[name] = wanted{version: 1}
		e.running[name] = &running{walker: &walk.Walker{}, version: 1, stop: func() {}, done: make(chan struct{})}
	}
	return e, want
}

// Where nobody else takes what this server lets go, it does so ever more rarely, and one walker at a time.
func TestPlan_lets_go_ever_more_rarely(t *testing.T) {
	e, want := plans(8, 2)
	now, begin := time.Now(), time.Now()
	var gone []time.Duration
	for ; now.Sub(begin) < 12*time.Hour; now = now.Add(2 * time.Second) {
		p := e.plan(want, now)
		if p.leaving == 0 {
			continue
		}
		for _, r := range e.running {
			r.leaving = false
		}
		if e.help(now); len(gone) > 0 && p.leaving > 1 {
			t.Fatalf("%d walkers are let go at once after %s", p.leaving, now.Sub(begin))
		}
		gone = append(gone, now.Sub(begin))
	}
	if len(gone) < 8 || len(gone) > 20 {
		t.Errorf("walkers were let go %d times in 12 hours: %v", len(gone), gone)
	}
}

// When there is another server again after a while without, it gets its whole share.
func TestPlan_shares_out(t *testing.T) {
	e, want := plans(8, 2)
	if p := e.plan(want, time.Now()); p.leaving != 4 || len(p.stop) != 4 || p.room != 0 {
		t.Errorf("%+v", p)
	}
	if p := e.plan(want, time.Now()); p.leaving != 0 || len(p.stop) != 4 {
		t.Errorf("while they leave: %+v", p)
	}
}
