package feed

import (
	"context"

	"dochook/doctype"
)

// Run is a replay or a backfill that is going on.
type Run struct {
	ID       string
	Webhook  string
	Total    int64 // items
	Backfill bool  // its events are of documents as they are, and in no log
	Items    Items
}

// Items are what a run sends, numbered from 1.
type Items interface {
	// After returns items behind a place, in order.
	After(ctx context.Context, place int64, limit int) ([]Entry, error)
	At(ctx context.Context, places []int64) ([]Entry, error)
	// Finish is called when every item is settled.
	Finish(ctx context.Context) error
}

// OfRun is the feed of a run; places are its items' numbers.
type OfRun struct{ Run }

// After reads entries behind a place.
func (r OfRun) After(ctx context.Context, place int64, limit int) (Batch, error) {
	entries, err := r.Items.After(ctx, place, limit)
	b := Batch{Entries: entries, Upto: place, Full: len(entries) > 0}
	switch {
	case err != nil:
	case len(entries) == 0:
		b.Upto = max(place, r.Total)
	default:
		b.Upto = entries[len(entries)-1].Place
	}
	return b, err
}

// At reads the entries at these places.
func (r OfRun) At(ctx context.Context, places []int64) ([]Entry, error) {
	entries, err := r.Items.At(ctx, places)
	out := entries[:0]
	for _, e := range entries {
		if e.Event.ID != "" {
			out = append(out, e)
		}
	}
	return out, err
}

// Before returns nothing: which entries make a batch was found out when the items were made.
func (OfRun) Before(context.Context, int64) (*doctype.Event, error) { return nil, nil } //nolint:nilnil // as documented
