package feed

import (
	"context"
	"time"

	"dochook/doctype"
	"dochook/doctype/eventlog"
)

const (
	readBytes = 8 << 20         // of records, after which a read ends
	askDelay  = 2 * time.Second // that the tail is believed to be the end of the log
)

// Entry is an event at its place in a feed; Event.ID is "" where it is gone. Others may read the same event: nobody changes it.
type Entry struct {
	Place int64
	Event *doctype.Event
}

// Batch is what one read brought.
type Batch struct {
	Entries []Entry
	Upto    int64 // everything up to here was looked at
	Full    bool  // there may be more
}

// Wanted says which entries of the log a walker looks at.
type Wanted struct {
	DocType   string // "" = all
	JobEvents bool   // no others
	Bare      bool   // without their records
}

// Log is the log itself; places are positions.
type Log struct {
	log    *eventlog.Log
	tail   *Tail
	wanted Wanted
	asked  time.Time // when the database said last that there is no more
	doubts int64     // of the tail, at that time
}

// OfLog returns the feed of the log. What is in tail, if there is one, need not be read.
func OfLog(log *eventlog.Log, tail *Tail, w Wanted) *Log {
	return &Log{log: log, tail: tail, wanted: w}
}

// After reads entries behind a place. It is for one goroutine at a time.
func (l *Log) After(ctx context.Context, place int64, limit int) (Batch, error) {
	if l.tail == nil {
		return l.read(ctx, place, limit)
	}
	doubts, now := l.tail.doubts.Load(), time.Now()
	b, known := l.tail.after(place, limit, l.wanted)
	if known && (b.Upto > place || doubts == l.doubts && now.Sub(l.asked) < askDelay) {
		return b, nil
	}
	b, err := l.read(ctx, place, limit)
	if err == nil && b.Upto == place {
		l.asked, l.doubts = now, doubts
	}
	return b, err
}

func (l *Log) read(ctx context.Context, place int64, limit int) (Batch, error) {
	r := eventlog.Range{After: place, DocType: l.wanted.DocType, JobEvents: l.wanted.JobEvents, Bare: l.wanted.Bare, Limit: limit, Bytes: readBytes}
	events, err := l.log.Events(ctx, r)
	if err != nil || len(events) > 0 {
		return batchOf(events, limit, place), err
	}
	// Nothing for us: pass what belongs to others. The end is asked for first, so
	// that nothing of ours can have come before it unseen.
	if r.Upto, err = l.log.Head(ctx); err != nil || r.Upto <= place {
		return Batch{Upto: place}, err
	}
	if events, err = l.log.Events(ctx, r); err != nil || len(events) > 0 {
		return batchOf(events, limit, place), err
	}
	return Batch{Upto: r.Upto}, nil
}

func batchOf(events []doctype.Event, limit int, place int64) Batch {
	b := Batch{Upto: place}
	if len(events) == 0 {
		return b
	}
	size := 0
	b.Entries = make([]Entry, len(events))
	for i := range events {
		b.Entries[i] = Entry{events[i].Pos, &events[i]}
		size += len(events[i].Data) + len(events[i].Changed)
	}
	b.Upto, b.Full = events[len(events)-1].Pos, len(events) == limit || size >= readBytes
	return b
}

// At reads the entries at these places that are still there.
func (l *Log) At(ctx context.Context, places []int64) ([]Entry, error) {
	events, err := l.log.At(ctx, places)
	return batchOf(events, 0, 0).Entries, err
}

// Before returns the last entry at or before a place; nil if there is none.
func (l *Log) Before(ctx context.Context, place int64) (*doctype.Event, error) {
	return l.log.Before(ctx, place, l.wanted.DocType)
}
