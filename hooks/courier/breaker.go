package courier

import "time"

const (
	breakAfter = 10 // failures in a row
	probeFirst = 5 * time.Second
	probeMax   = 5 * time.Minute

	// A webhook is switched off after this many failures in a row and this long
	// without a success, both.
	disableAfter = 100
	disableAge   = 5 * 24 * time.Hour
)

// breaker stops the sending to an endpoint that keeps failing: but for a probe
// now and then, nothing goes out until one succeeds.
type breaker struct {
	failures int64
	from     int64 // µs of the first of them; 0 = none
	probes   int
	probeAt  time.Time
}

func (b *breaker) open() bool { return b.failures >= breakAfter }

func (b *breaker) success() { *b = breaker{} }

// failure counts one and returns whether the webhook should be switched off.
func (b *breaker) failure(nowUS int64, now time.Time) (disable bool) {
	if b.failures == 0 {
		b.from = nowUS
	}
	b.failures++
	if b.open() && b.mayProbe(now) { // not those that were in flight when it opened
		b.probeAt = now.Add(min(probeFirst<<min(b.probes, 10), probeMax))
		b.probes++
	}
	return b.failures >= disableAfter && time.Duration(nowUS-b.from)*time.Microsecond >= disableAge
}

// mayProbe reports whether a probe may go out now.
func (b *breaker) mayProbe(now time.Time) bool { return !now.Before(b.probeAt) }
