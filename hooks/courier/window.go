package courier

// slot is an entry of the log that was read and is not settled yet.
type slot struct {
	pos  int64
	done bool
}

// window holds the slots between the cursor and what was read, in order.
type window struct {
	slots []*slot
	read  int64 // everything up to here is in the window or needs nothing
}

func (w *window) push(pos int64) *slot {
	s := &slot{pos: pos}
	w.slots = append(w.slots, s)
	return s
}

// low is the position up to which everything is settled.
func (w *window) low() int64 {
	n := 0
	for n < len(w.slots) && w.slots[n].done {
		n++
	}
	if n > 0 {
		w.slots = append(w.slots[:0], w.slots[n:]...)
	}
	if len(w.slots) == 0 {
		return w.read
	}
	return w.slots[0].pos - 1
}

func (w *window) size() int { return len(w.slots) }
