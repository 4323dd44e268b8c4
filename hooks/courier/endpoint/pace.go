package endpoint

import (
	"sync"
	"time"
)

// Pace keeps the sending to an endpoint below a number of attempts a second. Live deliveries and replays share it; it may be used
// from any goroutine. A nil Pace lets everything go.
type Pace struct {
	mu    sync.Mutex
	rate  float64 // a second
	most  float64 // that may go at once after a pause
	left  float64
	since time.Time
}

// NewPace allows rate attempts a second; nil if rate is 0.
func NewPace(rate float64) *Pace {
	if rate <= 0 {
		return nil
	}
	most := max(1, rate/10)
	return &Pace{rate: rate, most: most, left: most}
}

// Rate is the attempts a second that it allows; 0 = any number.
func (p *Pace) Rate() float64 {
	if p == nil {
		return 0
	}
	return p.rate
}

// Take reports whether an attempt may begin now, and else how long to wait. Spare leaves half of what there is to others.
func (p *Pace) Take(now time.Time, spare bool) (ok bool, wait time.Duration) {
	if p == nil {
		return true, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() {
		p.left = min(p.most, p.left+max(0, now.Sub(p.since).Seconds())*p.rate)
	}
	p.since = now
	need := 1.0
	if spare {
		need = min(p.most, 1+p.most/2)
	}
	if p.left >= need {
		p.left--
		return true, 0
	}
	return false, time.Duration((need - p.left) / p.rate * float64(time.Second))
}

// Paces are those of all endpoints, by name. The zero value is ready for use, by any goroutine.
type Paces struct {
	mu   sync.Mutex
	each map[string]*Pace
}

// Of is the Pace of an endpoint: the same one as long as its rate stays the same.
func (p *Paces) Of(name string, rate float64) *Pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.each[name]; old.Rate() == rate {
		return old
	}
	if p.each == nil {
		p.each = map[string]*Pace{}
	}
	p.each[name] = NewPace(rate)
	return p.each[name]
}
