package queue

// Slot is an entry that was read and may not be settled yet.
type Slot struct {
	Done  bool
	place int64
}

// Window holds the slots between the cursor and what was read, in order.
type Window struct {
	Read  int64 // everything up to here is in the window or needs nothing
	slots []*Slot
}

// Push adds an entry at a place behind all others.
func (w *Window) Push(place int64) *Slot {
	s := &Slot{place: place}
	w.slots = append(w.slots, s)
	return s
}

// Low is the place up to which everything is settled.
func (w *Window) Low() int64 {
	n := 0
	for n < len(w.slots) && w.slots[n].Done {
		n++
	}
	if n > 0 {
		w.slots = append(w.slots[:0], w.slots[n:]...)
	}
	if len(w.slots) == 0 {
		return w.Read
	}
	return w.slots[0].place - 1
}

// Size is how many slots there are.
func (w *Window) Size() int { return len(w.slots) }
