package feed

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dochook/doctype"
)

const (
	tailBytes = 32 << 20
	entrySize = 400             // of an entry in memory, about, without its record
	partSize  = 150             // of a part, about, without what is known of it
	knownSize = 100             // of what is known of a part, about, without its entries
	askDelay  = 2 * time.Second // that what was the end of the log is believed to be it still
)

// Tail is the end of the log as far as this process has written or read it, in memory, so that walkers that keep up, or nearly, need not
// each read it from the database. The zero value is empty and ready for use; its methods may be called from any goroutine.
type Tail struct {
	// Most is how many bytes are kept at most; 0 is 32 MB.
	Most int

	mu      sync.RWMutex
	parts   []part // in order of places, with holes between them
	bytes   int
	ends    map[Wanted]end
	reading map[reading]chan struct{} // closed when it is over

	doubts atomic.Int64
}

// part is what is known of the log from behind one place up to another. It is dropped as a whole.
type part struct {
	after, upto int64
	own         bool  // written by this process …
	doubts      int64 // … which it was told of when there had been so many
	known       []known
}

// known are all events of a part that somebody wanted.
type known struct {
	of     Wanted
	events []doctype.Event
}

// end is where there was no more of what somebody wanted when the database was asked last.
type end struct {
	place  int64
	whole  bool  // nor of anything else
	doubts int64 // at that time
	at     time.Time
}

// reading is what one walker reads and others wait for.
type reading struct {
	place  int64
	wanted Wanted
}

// Add takes in events as they were just committed by one transaction, with their positions. Commits may be told of in another order than
// they happened. The slice belongs to the tail from then on, but not what its events point to.
func (t *Tail) Add(events []doctype.Event) {
	if len(events) == 0 {
		return
	}
	if events = apart(events); events == nil { // nobody knows where they stand
		t.Doubt()
		return
	}
	p := part{after: events[0].Pos - 1, upto: events[len(events)-1].Pos, own: true, doubts: t.doubts.Load(), known: []known{{events: events}}}
	t.mu.Lock()
	defer t.mu.Unlock()
	from := t.behind(p.after)
	to := from
	for again := false; to < len(t.parts) && t.parts[to].after < p.upto; to++ {
		if again = again || t.parts[to].own; again { // a position came twice: the database is not what it was
			t.parts, t.bytes, from, to = nil, 0, 0, 0
			t.doubts.Add(1)
			break
		}
		t.bytes -= t.parts[to].size() // was read before we were told
	}
	t.parts = slices.Replace(t.parts, from, to, p)
	t.bytes += p.size()
	t.shorten()
}

// Doubt says that others may have written to the log.
func (t *Tail) Doubt() { t.doubts.Add(1) }

// put takes in all events of a kind between two places, as they were read.
func (t *Tail) put(after, upto int64, of Wanted, events []doctype.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := after; at < upto; {
		i := t.behind(at)
		switch {
		case i == len(t.parts) || t.parts[i].after >= upto:
			t.insert(i, part{after: at, upto: upto})
		case t.parts[i].after > at:
			t.insert(i, part{after: at, upto: t.parts[i].after})
		case t.parts[i].of(of) != nil:
			at = t.parts[i].upto
			continue
		case t.parts[i].after < at:
			t.split(i, at)
			continue
		case t.parts[i].upto > upto:
			t.split(i, upto)
		}
		p := &t.parts[i]
		k := known{of, between(events, p.after, p.upto)}
		p.known = append(p.known, k)
		t.bytes += k.size()
		at = p.upto
	}
	t.shorten()
}

// behind is the index of the first part that is not all at or before a place.
func (t *Tail) behind(place int64) int {
	i, _ := slices.BinarySearchFunc(t.parts, place+1, func(p part, place int64) int { return cmp.Compare(p.upto, place) })
	return i
}

func (t *Tail) insert(i int, p part) {
	t.parts = slices.Insert(t.parts, i, p)
	t.bytes += p.size()
}

// split makes two parts of one.
func (t *Tail) split(i int, at int64) {
	whole := t.parts[i]
	first, second := part{after: whole.after, upto: at}, part{after: at, upto: whole.upto}
	for _, k := range whole.known {
		first.known = append(first.known, known{k.of, between(k.events, first.after, first.upto)})
		second.known = append(second.known, known{k.of, between(k.events, second.after, second.upto)})
	}
	t.bytes += first.size() + second.size() - whole.size()
	t.parts = slices.Replace(t.parts, i, i+1, first, second)
}

// between returns the events from behind one place up to another; all of them as they are, some of them as a copy, which keeps no others.
func between(events []doctype.Event, after, upto int64) []doctype.Event {
	pos := func(e doctype.Event, place int64) int { return cmp.Compare(e.Pos, place) }
	from, _ := slices.BinarySearchFunc(events, after+1, pos)
	to, _ := slices.BinarySearchFunc(events, upto+1, pos)
	if to-from == len(events) {
		return events
	}
	return slices.Clone(events[from:to])
}

// shorten drops the oldest parts.
func (t *Tail) shorten() {
	for len(t.parts) > 0 && t.bytes > cmp.Or(t.Most, tailBytes) {
		t.bytes -= t.parts[0].size()
		t.parts[0] = part{}                           // what is dropped later must not stand here still
		if t.parts = t.parts[1:]; len(t.parts) == 0 { // the end itself
			t.doubts.Add(1)
		}
	}
}

// after reads what is known of the entries behind a place. Where that is nothing, ok is false, and the database is to be asked, up to
// the place until; 0 = for all there is.
func (t *Tail) after(place int64, limit int, w Wanted) (b Batch, until int64, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	b.Upto = place
	size := 0
	i := t.behind(place)
	for ; i < len(t.parts) && t.parts[i].after <= b.Upto; i++ {
		k := t.parts[i].of(w)
		if k == nil {
			break
		}
		if size = b.add(k.events, w, limit, size); b.Full {
			return b, 0, true
		}
		b.Upto = t.parts[i].upto
	}
	switch {
	case i == len(t.parts):
		e, doubts := t.ends[w], t.doubts.Load()
		over := e.place == b.Upto && e.doubts == doubts && time.Since(e.at) < askDelay
		if b.Upto == place {
			return b, 0, over && e.whole
		}
		last := &t.parts[i-1]
		b.Full = !over && !(last.own && last.doubts == doubts)
		return b, 0, true
	case t.parts[i].after > b.Upto:
		until = t.parts[i].after
	default:
		until = t.parts[i].upto
	}
	b.Full = true
	return b, until, b.Upto > place
}

// add appends those of a part's entries that are behind b and wanted, until there are enough.
func (b *Batch) add(events []doctype.Event, w Wanted, limit, read int) int {
	at, _ := slices.BinarySearchFunc(events, b.Upto+1, func(e doctype.Event, place int64) int { return cmp.Compare(e.Pos, place) })
	for i := range events[at:] {
		e := &events[at+i]
		if w.DocType != "" && e.DocType != w.DocType || w.JobEvents && e.Version != 0 {
			continue
		}
		if w.Bare && e.Version != 0 && size(e) > 0 {
			bare := *e
			bare.Data, bare.Changed = nil, nil
			e = &bare
		}
		if b.Entries == nil {
			b.Entries = make([]Entry, 0, min(limit, len(events)-at))
		}
		b.Entries = append(b.Entries, Entry{e.Pos, e})
		if read += size(e); read >= readBytes || len(b.Entries) == limit {
			b.Upto, b.Full = e.Pos, true
			break
		}
	}
	return read
}

// lead makes the caller the one who reads what is behind a place; done is to be called when it is in the tail. If somebody reads it
// already, wait ends when that is over.
func (t *Tail) lead(place int64, w Wanted) (done func(), wait <-chan struct{}) {
	key := reading{place, w}
	t.mu.Lock()
	defer t.mu.Unlock()
	if over, goesOn := t.reading[key]; goesOn {
		return nil, over
	}
	if t.reading == nil {
		t.reading = map[reading]chan struct{}{}
	}
	over := make(chan struct{})
	t.reading[key] = over
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.reading, key)
		close(over)
	}, nil
}

// ended notes an end.
func (t *Tail) ended(w Wanted, e end) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends == nil {
		t.ends = map[Wanted]end{}
	}
	t.ends[w] = e
}

// of returns what is known of a kind of events; nil if that is not everything.
func (p *part) of(w Wanted) *known {
	for i := range p.known {
		if k := &p.known[i]; k.of == w || k.of == (Wanted{}) {
			return k
		}
	}
	return nil
}

func (p *part) size() int {
	bytes := partSize
	for _, k := range p.known {
		bytes += k.size()
	}
	return bytes
}

func (k known) size() int {
	bytes := knownSize
	for i := range k.events {
		bytes += size(&k.events[i]) + entrySize
	}
	return bytes
}

func size(e *doctype.Event) int { return len(e.Data) + len(e.Changed) }

// apart takes the records of events out of the bodies they came in, and each by itself, as walkers keep some of them for long; nil if
// their positions are not known.
func apart(events []doctype.Event) []doctype.Event {
	for i := range events {
		if events[i].Pos != events[0].Pos+int64(i) || events[i].Pos == 0 {
			return nil
		}
	}
	if room := cap(events) - len(events); room > len(events)/4+1 {
		events = slices.Clone(events) // what stays must be counted
	} else {
		clear(events[len(events):cap(events)])
	}
	for i := range events {
		e := &events[i]
		e.Data, e.Changed = bytes.Clone(e.Data), bytes.Clone(e.Changed)
		if e.Job == "" {
			e.Scraper = "" // as it is stored
		}
	}
	return events
}
