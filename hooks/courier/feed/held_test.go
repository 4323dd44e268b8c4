package feed

import (
	"runtime"
	"strconv"
	"testing"

	"dochook/doctype"
)

// held is how many bytes more there are after fn than before it.
func held(fn func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fn()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc) //nolint:gosec // far below
}

const mb = 1 << 20

func add(tail *Tail, pos int64, size int) {
	tail.Add([]doctype.Event{{Pos: pos, Version: 1, Data: make([]byte, size)}})
}

// A commit that is larger than the bound is not kept, wherever it came from.
func TestTail_holds_no_more_than_its_bound(t *testing.T) {
	for name, positions := range map[string][]int64{"in order": {2, 3}, "in another order": {4, 3, 5, 2}, "behind a hole": {4, 5, 6, 7}} {
		tail := &Tail{Most: mb}
		add(tail, 1, 10)
		if n := held(func() {
			for _, pos := range positions {
				add(tail, pos, 8*mb)
			}
		}); n > 2*mb {
			t.Errorf("%s: %d MB are held", name, n/mb)
		}
		runtime.KeepAlive(tail)
	}
}

// What a reader keeps of a read keeps nothing else alive.
func TestTail_events_stand_alone(t *testing.T) {
	var place, pos int64
	var kept [][]byte
	tail := &Tail{Most: mb}
	if n := held(func() {
		for range 200 {
			page := make([]doctype.Event, 500)
			for i := range page {
				pos++
				page[i] = doctype.Event{Pos: pos, DocType: "A", Version: 1, Data: make([]byte, 1000)}
			}
			page[7].DocType = "B"
			tail.Add(page)
			if place == 0 {
				place = tail.parts[0].after
			}
			b, _, known := tail.after(place, 500, Wanted{DocType: "B"})
			if !known || len(b.Entries) != 1 {
				t.Fatalf("%d entries, known %t", len(b.Entries), known)
			}
			place = b.Upto
			kept = append(kept, b.Entries[0].Event.Data)
		}
	}); n > 8*mb {
		t.Errorf("%d records of 1 kB hold %d MB", len(kept), n/mb)
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(tail)
}

// What comes in a slice with room for more, or with what was undone behind its end, is kept without either.
func TestTail_keeps_only_what_it_was_told(t *testing.T) {
	tail := &Tail{}
	if n := held(func() {
		for pos := range int64(2000) {
			events := make([]doctype.Event, 1, 1024)
			events[0] = doctype.Event{Pos: pos + 1, Version: 1, Data: make([]byte, 500)}
			tail.Add(events)
		}
		for pos := range int64(200) {
			events := make([]doctype.Event, 8)
			for i := range events {
				events[i] = doctype.Event{Pos: 2001 + 7*pos + int64(i), Version: 1}
			}
			events[7].Data = make([]byte, mb)
			tail.Add(events[:7])
		}
	}); n > 8*mb {
		t.Errorf("3,400 events hold %d MB", n/mb)
	}
	runtime.KeepAlive(tail)
}

// What was read counts as what was written does, also where it was read in parts that do not fit each other.
func TestTail_of_what_was_read_is_bounded(t *testing.T) {
	tail := &Tail{Most: mb}
	if n := held(func() {
		for pos := range int64(300) {
			for i, w := range []Wanted{{}, {DocType: "A"}, {DocType: "A", Bare: true}} {
				events := make([]doctype.Event, 40)
				for k := range events {
					events[k] = doctype.Event{Pos: 10*pos + int64(i+k) + 1, DocType: "A", Version: 1, Data: make([]byte, 1000)}
				}
				tail.put(10*pos+int64(i), 10*pos+int64(i)+40, w, events)
			}
		}
	}); n > 3*mb {
		t.Errorf("%d MB are held", n/mb)
	}
	bytes := 0
	for i := range tail.parts {
		if p := &tail.parts[i]; p.after >= p.upto || i > 0 && p.after < tail.parts[i-1].upto {
			t.Errorf("a part from %d to %d follows one to %d", p.after, p.upto, tail.parts[i-1].upto)
		}
		bytes += tail.parts[i].size()
	}
	if bytes != tail.bytes || bytes > mb {
		t.Errorf("%d bytes, counted %d", bytes, tail.bytes)
	}
	runtime.KeepAlive(tail)
}

// Walkers of many kinds that find nothing are counted, too.
func TestTail_of_many_kinds_is_bounded(t *testing.T) {
	tail := &Tail{Most: mb}
	if n := held(func() {
		for pos := range int64(3000) {
			for i := range 100 {
				tail.put(pos, pos+1, Wanted{DocType: strconv.Itoa(i)}, nil)
			}
		}
	}); n > 2*mb {
		t.Errorf("%d MB are held", n/mb)
	}
	runtime.KeepAlive(tail)
}
