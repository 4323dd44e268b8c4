package endpoint

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

// State of a breaker.
type State string

// States of a breaker.
const (
	Closed   State = "closed"    // it answers
	Open     State = "open"      // it does not: nothing goes out
	HalfOpen State = "half-open" // one attempt is out to see
	Ramping  State = "ramping"   // it answers again: more go out with every success
)

// signal is what moves a breaker.
type signal string

const (
	success signal = "2xx"
	failure signal = "failure"
	tenth   signal = "10th failure in a row"
	probe   signal = "time for a probe"
	void    signal = "nothing was sent"
	full    signal = "as many at once as allowed"
)

// transition is a line of the breaker's table.
type transition struct {
	From State
	On   signal
	To   State
}

// Transitions is the state machine of breakers: what is not in it changes nothing.
var transitions = []transition{
	{Closed, tenth, Open},
	{Open, probe, HalfOpen},
	{Open, success, Ramping}, // of one that was out when it opened
	{HalfOpen, failure, Open},
	{HalfOpen, void, Open},
	{HalfOpen, success, Ramping},
	{Ramping, full, Closed},
	{Ramping, tenth, Open},
}

// Breaker stops the sending to an endpoint that keeps failing: but for a probe
// now and then, nothing goes out until one succeeds.
type Breaker struct {
	state    State
	failures int64
	from     int64 // µs of the first of them; 0 = none
	probes   int
	probeAt  time.Time
	limit    int // while ramping
	wins     int // since the limit was raised
}

// NewBreaker takes up what was known of an endpoint: failures in a row, and when they began in µs.
func NewBreaker(failures, from int64) Breaker {
	b := Breaker{state: Closed, failures: failures, from: from}
	if failures >= breakAfter {
		b.state = Open
	}
	return b
}

func (b *Breaker) move(s signal) bool {
	for _, t := range transitions {
		if t.From == b.state && t.On == s {
			b.state = t.To
			return true
		}
	}
	return false
}

// State is where it stands.
func (b *Breaker) State() State { return b.state }

// Failures in a row, and when the first of them was, in µs; 0 = none.
func (b *Breaker) Failures() (n, from int64) { return b.failures, b.from }

// Open reports whether at most a probe may go out.
func (b *Breaker) Open() bool { return b.state == Open || b.state == HalfOpen }

// Probes is how many probes failed since it opened.
func (b *Breaker) Probes() int { return b.probes }

// ProbeAt is when the next probe may go out.
func (b *Breaker) ProbeAt() time.Time { return b.probeAt }

// Limit is how many attempts may be out at once, of most.
func (b *Breaker) Limit(now time.Time, most int) int {
	switch b.state {
	case Open:
		if now.Before(b.probeAt) {
			return 0
		}
		return 1
	case HalfOpen:
		return 1
	case Ramping:
		return min(b.limit, most)
	case Closed:
	}
	return most
}

// Began is called when an attempt goes out.
func (b *Breaker) Began() { b.move(probe) }

// Void is called when what went out said nothing about the endpoint.
func (b *Breaker) Void() { b.move(void) }

// Success counts an answer that took a delivery; most is how many may be out at once.
func (b *Breaker) Success(most int) {
	b.failures, b.from = 0, 0
	if b.state == Closed { // as nearly always
		return
	}
	if b.move(success) {
		b.probes, b.probeAt, b.limit, b.wins = 0, time.Time{}, 2, 0
	} else if b.wins++; b.wins >= b.limit {
		b.limit, b.wins = 2*b.limit, 0
	}
	if b.limit >= most {
		b.move(full)
	}
}

// Failure counts one, at now or nowUS by the database's clock, and returns whether the webhook should be switched off.
func (b *Breaker) Failure(nowUS int64, now time.Time) (disable bool) {
	if b.failures == 0 {
		b.from = nowUS
	}
	b.failures++
	if b.state == Ramping { // it took too much
		b.limit, b.wins = max(1, b.limit/2), 0
	}
	opened := b.failures >= breakAfter && b.move(tenth)
	if b.move(failure) || opened { // not those that were out when it opened
		b.probeAt = now.Add(min(probeFirst<<min(b.probes, 10), probeMax))
		b.probes++
	}
	return b.failures >= disableAfter && time.Duration(nowUS-b.from)*time.Microsecond >= disableAge
}

// Lines are the breaker's table as the lines of a state diagram in Mermaid.
func Lines() []string {
	out := make([]string, len(transitions))
	for i, t := range transitions {
		out[i] = mermaid(string(t.From)) + " --> " + mermaid(string(t.To)) + ": " + string(t.On)
	}
	return out
}

// mermaid is a state's name where a hyphen would be an arrow's.
func mermaid(state string) string {
	if state == string(HalfOpen) {
		return "half_open"
	}
	return state
}
