package feed

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"dochook/doctype"
)

const (
	tailBytes = 32 << 20
	entrySize = 400 // of an entry in memory, about, without its record
	tailApart = 4   // commits kept apart until the one before them is told of
)

// Tail is the end of the log as this process has written it, in memory, so that walkers that keep up, or nearly, need not each read it
// from the database. The zero value is empty and ready for use; its methods may be called from any goroutine.
type Tail struct {
	// Most is how many bytes are kept at most; 0 is 32 MB.
	Most int

	mu      sync.RWMutex
	from    int64 // the entries are all there are from behind here …
	upto    int64 // … up to here
	commits []commit
	bytes   int
	apart   []commit // came before what lies between

	doubts atomic.Int64
}

// commit is what one transaction put into the log: its positions have no gaps. It is dropped as a whole.
type commit []doctype.Event

func (c commit) first() int64 { return c[0].Pos }
func (c commit) last() int64  { return c[len(c)-1].Pos }

func (c commit) size() (bytes int) {
	for i := range c {
		bytes += size(&c[i]) + entrySize
	}
	return bytes
}

// Add appends events as they were just committed, with their positions. Commits may be told of in another order than they happened. The
// slice belongs to the tail from then on, but not what its events point to.
func (t *Tail) Add(events []doctype.Event) {
	if len(events) == 0 {
		return
	}
	kept := apart(events)
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept == nil || kept.first() <= t.upto { // nobody knows where they stand
		t.from, t.upto, t.commits, t.bytes, t.apart = 0, 0, nil, 0, nil
		t.doubts.Add(1)
		return
	}
	at, _ := slices.BinarySearchFunc(t.apart, kept.first(), func(c commit, pos int64) int { return int(c.first() - pos) })
	t.apart = slices.Insert(t.apart, at, kept)
	if t.upto == 0 || len(t.apart) > tailApart || sizes(t.apart) > t.most() { // what lies between is of others, or of nobody
		t.from = t.apart[0].first() - 1
		t.upto, t.commits, t.bytes = t.from, nil, 0
	}
	for len(t.apart) > 0 && t.apart[0].first() == t.upto+1 {
		next := t.apart[0]
		t.apart[0] = nil // what is dropped later must not stand here still
		t.commits, t.apart = append(t.commits, next), t.apart[1:]
		t.bytes += next.size()
		t.upto = next.last()
	}
	t.shorten()
}

func (t *Tail) most() int { return cmp.Or(t.Most, tailBytes) }

func sizes(list []commit) (bytes int) {
	for _, c := range list {
		bytes += c.size()
	}
	return bytes
}

// Doubt says that others may have written to the log.
func (t *Tail) Doubt() { t.doubts.Add(1) }

// shorten drops the oldest commits.
func (t *Tail) shorten() {
	for len(t.commits) > 0 && t.bytes > t.most() {
		t.bytes -= t.commits[0].size()
		t.from = t.commits[0].last()
		t.commits[0] = nil
		t.commits = t.commits[1:]
	}
}

// after reads what is there of the entries behind a place. known is false where only the database knows.
func (t *Tail) after(place int64, limit int, w Wanted) (b Batch, known bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.upto == 0 || place < t.from || place > t.upto || place == t.upto && len(t.apart) > 0 {
		return b, false
	}
	b.Upto = t.upto
	read := 0
	at, _ := slices.BinarySearchFunc(t.commits, place+1, func(c commit, pos int64) int { return int(c.last() - pos) })
	for _, c := range t.commits[at:] {
		for i := max(0, place+1-c.first()); i < int64(len(c)); i++ {
			e := &c[i]
			if w.DocType != "" && e.DocType != w.DocType || w.JobEvents && e.Version != 0 {
				continue
			}
			if w.Bare && e.Version != 0 {
				bare := *e
				bare.Data, bare.Changed = nil, nil
				e = &bare
			}
			if b.Entries == nil {
				b.Entries = make([]Entry, 0, min(int64(limit), t.upto-place))
			}
			b.Entries = append(b.Entries, Entry{e.Pos, e})
			if read += size(e); read >= readBytes || len(b.Entries) == limit {
				b.Upto, b.Full = e.Pos, true
				return b, true
			}
		}
	}
	return b, true
}

func size(e *doctype.Event) int { return len(e.Data) + len(e.Changed) }

// apart takes the records of events out of the bodies they came in, and each by itself, as walkers keep some of them for long; nil if
// their positions are not known.
func apart(events []doctype.Event) commit {
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
