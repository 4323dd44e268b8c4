package feed

import (
	"slices"
	"sync"
	"sync/atomic"

	"dochook/doctype"
)

const (
	tailBytes   = 16 << 20
	tailEntries = 10_000
	tailApart   = 4 // commits kept apart until the one before them is told of
)

// Tail is the end of the log as this process has written it, in memory, so that walkers that keep up need not each read it from the
// database. The zero value is empty and ready for use; its methods may be called from any goroutine.
type Tail struct {
	mu      sync.RWMutex
	from    int64 // the entries are all there are from behind here …
	upto    int64 // … up to here
	entries []doctype.Event
	bytes   int
	apart   [][]doctype.Event // came before what lies between

	doubts atomic.Int64
}

// Add appends events as they were just committed, with their positions. Commits may be told of in another order than they happened.
func (t *Tail) Add(events []doctype.Event) {
	if len(events) == 0 {
		return
	}
	kept := cloned(events)
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept == nil || kept[0].Pos <= t.upto { // nobody knows where they stand
		t.from, t.upto, t.entries, t.bytes, t.apart = 0, 0, nil, 0, nil
		t.doubts.Add(1)
		return
	}
	at, _ := slices.BinarySearchFunc(t.apart, kept[0].Pos, func(a []doctype.Event, pos int64) int { return int(a[0].Pos - pos) })
	t.apart = slices.Insert(t.apart, at, kept)
	if t.upto == 0 || len(t.apart) > tailApart { // what lies between is of others, or of nobody
		t.from = t.apart[0][0].Pos - 1
		t.upto, t.entries, t.bytes = t.from, nil, 0
	}
	for len(t.apart) > 0 && t.apart[0][0].Pos == t.upto+1 {
		t.entries = append(t.entries, t.apart[0]...)
		for i := range t.apart[0] {
			t.bytes += size(&t.apart[0][i])
		}
		t.upto, t.apart = t.entries[len(t.entries)-1].Pos, t.apart[1:]
	}
	t.shorten()
}

// Doubt says that others may have written to the log.
func (t *Tail) Doubt() { t.doubts.Add(1) }

// shorten drops the oldest entries.
func (t *Tail) shorten() {
	n := max(0, len(t.entries)-tailEntries)
	for i := range t.entries {
		if i >= n && t.bytes <= tailBytes {
			break
		}
		t.bytes -= size(&t.entries[i])
		t.from, n = t.entries[i].Pos, max(n, i+1)
	}
	if clear(t.entries[:n]); n > 0 {
		t.entries = t.entries[n:] // append makes a new array before long
	}
}

// after reads what is there of the entries behind a place. known is false where only the database knows.
func (t *Tail) after(place int64, limit int, w Wanted) (b Batch, known bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.upto == 0 || place < t.from || place > t.upto || place == t.upto && len(t.apart) > 0 {
		return b, false
	}
	at, _ := slices.BinarySearchFunc(t.entries, place+1, func(e doctype.Event, pos int64) int { return int(e.Pos - pos) })
	b.Upto = t.upto
	read := 0
	for i := at; i < len(t.entries); i++ {
		e := t.entries[i]
		if w.DocType != "" && e.DocType != w.DocType || w.JobEvents && e.Version != 0 {
			continue
		}
		if w.Bare && e.Version != 0 {
			e.Data, e.Changed = nil, nil
		}
		b.Entries = append(b.Entries, Entry{e.Pos, e})
		if read += size(&e); read >= readBytes || len(b.Entries) == limit {
			b.Upto, b.Full = e.Pos, true
			break
		}
	}
	return b, true
}

func size(e *doctype.Event) int { return len(e.Data) + len(e.Changed) }

// cloned copies what the tail can hold of events, away from the bodies they came in; nil if their positions are not known.
func cloned(events []doctype.Event) []doctype.Event {
	for i := range events {
		if events[i].Pos != events[0].Pos+int64(i) || events[i].Pos == 0 {
			return nil
		}
	}
	total := 0
	for i := range events {
		total += size(&events[i])
	}
	room := make([]byte, 0, total)
	out := slices.Clone(events)
	for i := range out {
		out[i].Data, room = copied(out[i].Data, room)
		if out[i].Changed != nil {
			out[i].Changed, room = copied(out[i].Changed, room)
		}
		if out[i].Job == "" {
			out[i].Scraper = "" // as it is stored
		}
	}
	return out
}

func copied(text, room []byte) (copied, rest []byte) {
	n := len(room)
	room = append(room, text...)
	return room[n:len(room):len(room)], room
}
