package queue

import "container/heap"

// Item waits in a chain: those of one order go one after the other.
type Item interface {
	Order() string
	Place() int64
}

// Chain is an order whose first undelivered item failed: the head waits for
// its time, the items after it for the head.
type Chain[T Item] struct {
	Head T
	Due  int64 // µs by the database's clock

	order   string
	waiting []T
}

// Chains are the held orders of a walker; the zero value is empty.
type Chains[T Item] struct {
	byOrder map[string]*Chain[T]
	due     dueHeap[T]
	held    int // items in all chains
}

// Of returns the chain of an order; nil if nothing of it failed.
func (c *Chains[T]) Of(order string) *Chain[T] { return c.byOrder[order] }

// Held is how many items wait.
func (c *Chains[T]) Held() int { return c.held }

// Hold starts a chain.
func (c *Chains[T]) Hold(head T, due int64) *Chain[T] {
	if c.byOrder == nil {
		c.byOrder = map[string]*Chain[T]{}
	}
	ch := &Chain[T]{order: head.Order(), Head: head, Due: due}
	c.byOrder[ch.order] = ch
	c.held++
	heap.Push(&c.due, ch)
	return ch
}

// Behind puts an item at the end of a chain.
func (c *Chains[T]) Behind(ch *Chain[T], item T) {
	ch.waiting = append(ch.waiting, item)
	c.held++
}

// Later puts the head of a chain that was taken back for another time.
func (c *Chains[T]) Later(ch *Chain[T], due int64) {
	ch.Due = due
	heap.Push(&c.due, ch)
}

// Replace puts parts of the head, which was taken, in its place.
func (c *Chains[T]) Replace(ch *Chain[T], parts []T, due int64) {
	c.held += len(parts) - 1
	ch.Head, ch.waiting = parts[0], append(parts[1:len(parts):len(parts)], ch.waiting...)
	c.Later(ch, due)
}

// First is when the first head is due; there is none without ok.
func (c *Chains[T]) First() (due int64, ok bool) {
	if len(c.due) == 0 {
		return 0, false
	}
	return c.due[0].Due, true
}

// AnyDue reports whether a head is due by now.
func (c *Chains[T]) AnyDue(now int64) bool { return len(c.due) > 0 && c.due[0].Due <= now }

// Next takes the chain whose head is due first, if it is due by now; else nil.
func (c *Chains[T]) Next(now int64) *Chain[T] {
	if !c.AnyDue(now) {
		return nil
	}
	ch, _ := heap.Pop(&c.due).(*Chain[T])
	return ch
}

// Settle ends the head of a chain that was taken: the next in it is due at once.
func (c *Chains[T]) Settle(ch *Chain[T]) {
	c.held--
	if len(ch.waiting) == 0 {
		delete(c.byOrder, ch.order)
		return
	}
	ch.Head, ch.waiting = ch.waiting[0], ch.waiting[1:]
	c.Later(ch, 0)
}

type dueHeap[T Item] []*Chain[T]

func (h dueHeap[T]) Len() int { return len(h) }

func (h dueHeap[T]) Less(i, j int) bool {
	if h[i].Due != h[j].Due {
		return h[i].Due < h[j].Due
	}
	return h[i].Head.Place() < h[j].Head.Place()
}

func (h dueHeap[T]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *dueHeap[T]) Push(x any) {
	ch, _ := x.(*Chain[T])
	*h = append(*h, ch)
}

// Pop implements heap.Interface.
func (h *dueHeap[T]) Pop() any {
	old := *h
	ch := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return ch
}
