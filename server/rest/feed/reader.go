package feed

import (
	"cmp"
	"context"
	"slices"

	"dochook/doctype"
	"dochook/doctype/eventlog"
)

// readBytes bounds the records that one read holds in memory, beside the last.
const readBytes = 1 << 20

// Reader reads the log on from a position.
type Reader struct {
	Log     *eventlog.Log
	After   int64  // the position of the last event read
	DocType string // only its events; "" = all
	Job     string // only events of this job and of documents it wrote; "" = all
}

// Next returns the next events, at most limit of them, and moves on. None means
// that the end of the log is reached.
func (r *Reader) Next(ctx context.Context, limit int) ([]doctype.Event, error) {
	if r.Job != "" {
		return r.nextOfJob(ctx, limit)
	}
	events, err := r.Log.Events(ctx, eventlog.Range{After: r.After, DocType: r.DocType, Limit: limit, Bytes: readBytes})
	if err == nil && len(events) > 0 {
		r.After = events[len(events)-1].Pos
	}
	return events, err
}

// nextOfJob joins the events of documents with those of the job itself, which
// are found in different ways.
func (r *Reader) nextOfJob(ctx context.Context, limit int) ([]doctype.Event, error) {
	head, err := r.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	for r.After < head {
		docs, err := r.Log.Events(ctx, eventlog.Range{After: r.After, Upto: head, DocType: r.DocType, Job: r.Job, Limit: limit, Bytes: readBytes})
		if err != nil {
			return nil, err
		}
		own, err := r.Log.Events(ctx, eventlog.Range{After: r.After, Upto: head, DocType: r.DocType, JobEvents: true, Limit: limit, Bytes: readBytes})
		if err != nil {
			return nil, err
		}
		// Neither list need be whole: both are, up to where the shorter one ends.
		r.After = min(end(docs, head), end(own, head))
		found := slices.DeleteFunc(append(docs, own...), func(e doctype.Event) bool { return e.Pos > r.After || e.Job != r.Job })
		slices.SortFunc(found, func(a, b doctype.Event) int { return cmp.Compare(a.Pos, b.Pos) })
		if len(found) > limit {
			found = found[:limit]
			r.After = found[limit-1].Pos
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// end is how far a list reaches.
func end(events []doctype.Event, head int64) int64 {
	if len(events) == 0 {
		return head
	}
	return events[len(events)-1].Pos
}
