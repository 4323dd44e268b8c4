package feed

import (
	"context"
	"time"

	"dochook/doctype"
	"dochook/doctype/eventlog"
)

const readBytes = 8 << 20 // of records, after which a read ends

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
}

// OfLog returns the feed of the log. What is in tail, if there is one, need not be read, and what is read is put there.
func OfLog(log *eventlog.Log, tail *Tail, w Wanted) *Log {
	return &Log{log: log, tail: tail, wanted: w}
}

// After reads entries behind a place.
func (l *Log) After(ctx context.Context, place int64, limit int) (Batch, error) {
	if l.tail == nil {
		b, _, err := l.read(ctx, place, 0, limit)
		return b, err
	}
	for {
		b, until, ok := l.tail.after(place, limit, l.wanted)
		if ok {
			return b, nil
		}
		done, wait := l.tail.lead(place, l.wanted)
		if wait == nil {
			defer done()
			return l.fill(ctx, place, until, limit)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Batch{Upto: place}, ctx.Err()
		}
	}
}

// fill reads what the tail does not have.
func (l *Log) fill(ctx context.Context, place, until int64, limit int) (Batch, error) {
	doubts, now := l.tail.doubts.Load(), time.Now()
	b, events, err := l.read(ctx, place, until, limit)
	if err != nil {
		return b, err
	}
	l.tail.put(place, b.Upto, l.wanted, events)
	switch {
	case until > 0:
		b.Full = true // the tail knows more
	case !b.Full:
		whole := len(events) == 0 || l.wanted == Wanted{}
		l.tail.ended(l.wanted, end{place: b.Upto, whole: whole, doubts: doubts, at: now})
	}
	return b, nil
}

// read asks the database. until > 0 is a place with which it is known to have been committed.
func (l *Log) read(ctx context.Context, place, until int64, limit int) (Batch, []doctype.Event, error) {
	r := eventlog.Range{After: place, Upto: until, DocType: l.wanted.DocType, JobEvents: l.wanted.JobEvents, Bare: l.wanted.Bare, Limit: limit, Bytes: readBytes}
	events, err := l.log.Events(ctx, r)
	switch b := batchOf(events, limit, place); {
	case err != nil:
		return Batch{Upto: place}, nil, err
	case until > 0 && !b.Full:
		b.Upto = until
		return b, events, nil
	case len(events) > 0:
		return b, events, nil
	}
	// Nothing for us: pass what belongs to others. The end is asked for first, so
	// that nothing of ours can have come before it unseen.
	if r.Upto, err = l.log.Head(ctx); err != nil || r.Upto <= place {
		return Batch{Upto: place}, nil, err
	}
	if events, err = l.log.Events(ctx, r); err != nil || len(events) > 0 {
		return batchOf(events, limit, place), events, err
	}
	return Batch{Upto: r.Upto}, nil, nil
}

func batchOf(events []doctype.Event, limit int, place int64) Batch {
	b := Batch{Upto: place}
	if len(events) == 0 {
		return b
	}
	read := 0
	b.Entries = make([]Entry, len(events))
	for i := range events {
		b.Entries[i] = Entry{events[i].Pos, &events[i]}
		read += size(&events[i])
	}
	b.Upto, b.Full = events[len(events)-1].Pos, len(events) == limit || read >= readBytes
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
