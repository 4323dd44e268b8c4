package group

import (
	"context"
	"sync"
)

// Write commits items together. It returns the error of each, nil for none at all, and what is still to be done once the next
// batch may begin, nil for nothing.
type Write[T any] func(ctx context.Context, items []T) (errs []error, later func())

// Committer groups items. There is no goroutine of its own: the first waiter leads, and hands the lead on when its batch is done.
// Its methods may be called from any goroutine.
type Committer[T any] struct {
	most    int
	write   Write[T]
	mu      sync.Mutex
	queue   []*waiter[T]
	leading bool
}

type waiter[T any] struct {
	item T
	err  error
	turn chan bool // true: lead the next batch; false: done
}

// New returns a Committer of at most most items at once.
func New[T any](most int, write Write[T]) *Committer[T] {
	return &Committer[T]{most: most, write: write}
}

// Submit commits an item together with whoever else is here now. When ctx ends before a batch has it, it is taken back.
func (c *Committer[T]) Submit(ctx context.Context, item T) error {
	me := &waiter[T]{item: item, turn: make(chan bool, 1)}
	c.mu.Lock()
	c.queue = append(c.queue, me)
	lead := !c.leading
	c.leading = true
	c.mu.Unlock()
	if !lead {
		select {
		case lead = <-me.turn:
		case <-ctx.Done():
			if !c.withdraw(me) {
				lead = <-me.turn // already in a batch, or about to lead: see it through
				break
			}
			return ctx.Err()
		}
		if !lead {
			return me.err
		}
	}
	c.lead(ctx)
	return me.err
}

// withdraw takes a waiter out of the queue if no batch has it yet.
func (c *Committer[T]) withdraw(me *waiter[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.queue {
		if w == me && len(me.turn) == 0 {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			return true
		}
	}
	return false
}

// lead commits one batch, the leader's own item in it, and passes the lead on.
func (c *Committer[T]) lead(ctx context.Context) {
	c.mu.Lock()
	batch := c.queue[:min(len(c.queue), c.most)]
	c.queue = c.queue[len(batch):]
	c.mu.Unlock()

	items := make([]T, len(batch))
	for i, w := range batch {
		items[i] = w.item
	}
	errs, later := c.write(ctx, items)

	c.mu.Lock()
	if len(c.queue) > 0 {
		c.queue[0].turn <- true
	} else {
		c.leading = false
	}
	c.mu.Unlock()
	for i, w := range batch {
		if errs != nil {
			w.err = errs[i]
		}
		w.turn <- false
	}
	if later != nil {
		later()
	}
}
