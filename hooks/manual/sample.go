package manual

import (
	"context"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/batch"
)

// sample stands for the log and the pages when one event is shown as if it had happened: it is all there is.
type sample struct {
	event *doctype.Event
	pages batch.Pages
}

// sourcesOf are the log's own for what a job did, and for a document the one event of it.
func (d *Desk) sourcesOf(ev *doctype.Event) batch.Sources {
	if doctype.IsJobEvent(ev.Event) {
		return d.sources
	}
	return Only(ev, d.sources)
}

// Events returns the event, once.
func (s sample) Events(_ context.Context, r eventlog.Range) ([]doctype.Event, error) {
	if r.After >= s.event.Pos { // also of one that is in no log, at 0
		return nil, nil
	}
	return []doctype.Event{*s.event}, nil
}

// Records returns the event's record.
func (s sample) Records(context.Context, string, int64) ([][]byte, error) {
	return [][]byte{s.event.Data}, nil
}

// Heading is the log's own.
func (s sample) Heading(ctx context.Context, docType, job string) (hooks.Page, error) {
	return s.pages.Heading(ctx, docType, job)
}

// Only returns sources in which an event stands alone, as a document that is sent as it is now.
func Only(ev *doctype.Event, of batch.Sources) batch.Sources {
	s := sample{ev, of.Pages}
	return batch.Sources{Log: s, Pages: s}
}
