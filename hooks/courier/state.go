package courier

import (
	"fmt"
	"time"

	"dochook/hooks/courier/walk"
)

const stuckAfter = 30 * time.Second

// States are how the walkers of this process stand, those that run.
func (e *Engine) States() []walk.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]walk.State, 0, len(e.running))
	for _, r := range e.running {
		if s := r.walker.State(); s != nil {
			out = append(out, *s)
		}
	}
	return out
}

// Stuck says why the engine is not doing its work at now; "" if it is.
func (e *Engine) Stuck(now time.Time) string {
	if now.Sub(e.Alive()) > stuckAfter/2 {
		return "the couriers are not running"
	}
	for _, s := range e.States() {
		switch {
		case now.Sub(s.Progress) > stuckAfter:
			return fmt.Sprintf("%s has stood still for %s", s.Walker, now.Sub(s.Progress).Round(time.Second))
		case !s.Unwritten.IsZero() && now.Sub(s.Unwritten) > stuckAfter:
			return fmt.Sprintf("%s could not write what it delivered for %s", s.Walker, now.Sub(s.Unwritten).Round(time.Second))
		}
	}
	return ""
}
