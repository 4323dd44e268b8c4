package courier

import "container/heap"

// chain is a document whose first undelivered event failed: the head waits for
// its time, the events after it for the head.
type chain struct {
	order   string
	head    *shipment
	due     int64 // µs by the database's clock
	waiting []*shipment
	index   int // in the heap; -1 while the head is in flight
}

// chains are the held documents of a walker.
type chains struct {
	byOrder map[string]*chain
	due     dueHeap
	held    int // shipments in all chains
}

func (c *chains) of(order string) *chain { return c.byOrder[order] }

// hold starts a chain.
func (c *chains) hold(head *shipment, due int64) *chain {
	ch := &chain{order: head.order, head: head, due: due}
	c.byOrder[head.order] = ch
	c.held++
	heap.Push(&c.due, ch)
	return ch
}

// behind puts a shipment at the end of a chain.
func (c *chains) behind(ch *chain, sh *shipment) {
	ch.waiting = append(ch.waiting, sh)
	c.held++
}

// later puts the head of a chain back for another time.
func (c *chains) later(ch *chain, due int64) {
	ch.due = due
	heap.Push(&c.due, ch)
}

// replace puts parts of the head, which is in flight, in its place.
func (c *chains) replace(ch *chain, parts []*shipment, due int64) {
	c.held += len(parts) - 1
	ch.head, ch.waiting = parts[0], append(parts[1:len(parts):len(parts)], ch.waiting...)
	c.later(ch, due)
}

func (c *chains) anyDue(now int64) bool { return len(c.due) > 0 && c.due[0].due <= now }

// next takes the chain whose head is due first, if it is due by now.
func (c *chains) next(now int64) *chain {
	if !c.anyDue(now) {
		return nil
	}
	ch, _ := heap.Pop(&c.due).(*chain)
	return ch
}

// settle ends the head of a chain: the next in it is due at once.
func (c *chains) settle(ch *chain) {
	c.held--
	if len(ch.waiting) == 0 {
		delete(c.byOrder, ch.order)
		return
	}
	ch.head, ch.waiting = ch.waiting[0], ch.waiting[1:]
	ch.due = 0
	heap.Push(&c.due, ch)
}

type dueHeap []*chain

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].head.key.Pos < h[j].head.key.Pos
}

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) {
	ch, _ := x.(*chain)
	ch.index = len(*h)
	*h = append(*h, ch)
}

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	old := *h
	ch := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	ch.index = -1
	return ch
}
