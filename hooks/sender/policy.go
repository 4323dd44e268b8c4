package sender

import (
	"math"
	"net/http"
	"slices"
	"time"
)

const (
	defaultAttempts = 10
	jitter          = 0.2
	maxRetryAfter   = 24 * time.Hour
)

// Policy says when a failed request is tried again. The zero value is the schedule of Standard Webhooks.
type Policy struct {
	// Attempts is how many attempts are made in all; 0 or less means 10.
	Attempts int
	// Schedule holds the delay after the first failed attempt, after the second, and so on; the last one repeats.
	// Empty means 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. A negative delay counts as none.
	Schedule []time.Duration
}

// Next returns the delay from the failure of a to the next attempt, and whether there is to be one.
//
// attempts is how many were made so far, a included, at least 1. random is a number in [0, 1) that spreads the
// delay evenly over ±20 %. A Retry-After on 429 or 503 can only make the delay longer, to at most 24 h.
// A canceled attempt is treated as any failure; whoever canceled it knows better and should not count it.
func (p Policy) Next(attempts int, a Attempt, random float64) (delay time.Duration, again bool) {
	limit := p.Attempts
	if limit <= 0 {
		limit = defaultAttempts
	}
	if a.Class() != Retry || attempts >= limit {
		return 0, false
	}
	delay = spread(p.step(attempts), random)
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		delay = max(delay, min(a.RetryAfter, maxRetryAfter))
	}
	return delay, true
}

func (p Policy) step(attempts int) time.Duration {
	i := max(attempts, 1) - 1
	if n := len(p.Schedule); n > 0 {
		return max(p.Schedule[min(i, n-1)], 0)
	}
	standard := [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	return standard[min(i, len(standard)-1)]
}

// spread moves d by up to ±20 %, without leaving [0, MaxInt64].
func spread(d time.Duration, random float64) time.Duration {
	if !(random >= 0) { // NaN, too.
		random = 0
	}
	f := float64(d) * (1 - jitter + 2*jitter*min(random, 1))
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(f)
}

// Longest is the longest delay that the schedule leads to.
func (p Policy) Longest() time.Duration {
	longest := 24 * time.Hour
	if len(p.Schedule) > 0 {
		longest = max(slices.Max(p.Schedule), 0)
	}
	return time.Duration(float64(longest) * (1 + jitter))
}
