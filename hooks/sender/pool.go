package sender

import (
	"slices"
	"sync"
	"time"
)

// pool keeps idle connections.
type pool struct {
	most int

	mu     sync.Mutex
	idle   []*conn     // the one used last stands last.
	reaper *time.Timer // nil when nothing is idle.
}

// get returns an idle connection that is still there, with a deadline set, or nil.
func (p *pool) get(key string, deadline time.Time) *conn {
	for {
		c := p.take(key)
		if c == nil {
			return nil
		}
		if time.Since(c.idleSince) < idleTime && c.SetDeadline(deadline) == nil && isAlive(c.raw) {
			return c
		}
		_ = c.Close()
	}
}

func (p *pool) take(key string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range slices.Backward(p.idle) {
		if c.key == key {
			p.idle = slices.Delete(p.idle, i, i+1)
			return c
		}
	}
	return nil
}

// put takes a connection whose answer was read to its end.
func (p *pool) put(c *conn) {
	c.flight, c.idleSince = nil, time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= p.most {
		_ = p.idle[0].Close()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.idle = append(p.idle, c)
	if p.reaper == nil {
		p.reaper = time.AfterFunc(idleTime, p.reap)
	}
}

// reap closes connections before common servers do.
func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(time.Now().Add(-idleTime))
	p.reaper = nil
	if len(p.idle) > 0 {
		p.reaper = time.AfterFunc(time.Until(p.idle[0].idleSince.Add(idleTime)), p.reap)
	}
}

// drop closes what is idle since before the given time, or since then.
func (p *pool) drop(since time.Time) {
	n := 0
	for n < len(p.idle) && !p.idle[n].idleSince.After(since) {
		_ = p.idle[n].Close()
		n++
	}
	p.idle = slices.Delete(p.idle, 0, n)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(time.Now())
	if p.reaper != nil {
		p.reaper.Stop()
		p.reaper = nil
	}
}
