package replay

import (
	"cmp"
	"context"
	"database/sql"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/hooks/courier/feed"
)

// Active are the runs to be walked.
func (s *Service) Active(ctx context.Context) ([]feed.Run, error) {
	var out []feed.Run
	err := listing.Query(ctx, s.db.Read, func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		out = append(out, feed.Run{ID: r.ID, Webhook: r.Webhook, Total: r.Total, Backfill: r.Kind == Backfill, Items: &items{s, r}})
		return err
	}, "SELECT "+columns+" FROM replays WHERE status = ? ORDER BY creation, id", Running)
	return out, wrap("list runs", err)
}

// items are those of a run, as couriers read them.
type items struct {
	*Service

	run Run
}

// numbered is an item at its place.
type numbered struct {
	seq int64
	item
}

// After returns the next items behind a place: at most limit, and fewer where records are large. None is the end.
func (it *items) After(ctx context.Context, place int64, limit int) ([]feed.Entry, error) {
	list, err := it.rows(ctx, "seq > ? ORDER BY seq LIMIT ?", place, limit)
	if err != nil {
		return nil, err
	}
	return it.entries(ctx, list, readBytes)
}

// At returns the items at these places.
func (it *items) At(ctx context.Context, places []int64) ([]feed.Entry, error) {
	if len(places) == 0 {
		return nil, nil
	}
	list, err := it.rows(ctx, "seq IN (?) ORDER BY seq", bun.List(places))
	if err != nil {
		return nil, err
	}
	return it.entries(ctx, list, 0)
}

func (it *items) rows(ctx context.Context, where string, args ...any) ([]numbered, error) {
	var out []numbered
	err := listing.Query(ctx, it.db.Read, func(rows *sql.Rows) error {
		var n numbered
		err := rows.Scan(&n.seq, &n.pos, &n.name)
		out = append(out, n)
		return err
	}, "SELECT seq, pos, name FROM replay_items WHERE run = ? AND "+where, append([]any{it.run.ID}, args...)...)
	return out, wrap("read items", err)
}

// fewest and most are how many records are read at once.
const (
	fewest = 25
	most   = 500
)

// entries reads the events of items, until enough bytes of records were read (0 = all).
func (it *items) entries(ctx context.Context, list []numbered, enough int) ([]feed.Entry, error) {
	out := make([]feed.Entry, 0, len(list))
	read := it.ofLog
	if it.run.Kind == Backfill {
		read = it.ofDocuments
	}
	size := 0
	for chunk := fewest; len(list) > 0; {
		n := min(chunk, len(list))
		got, err := read(ctx, list[:n])
		if err != nil {
			return nil, err
		}
		for i := range got {
			size += len(got[i].Event.Data) + len(got[i].Event.Changed)
		}
		out, list = append(out, got...), list[n:]
		if enough > 0 && size >= enough {
			return out, nil
		}
		if size < readBytes/8 {
			chunk = min(2*chunk, most)
		}
	}
	return out, nil
}

// ofLog are the events themselves; one that has left the log is empty.
func (it *items) ofLog(ctx context.Context, list []numbered) ([]feed.Entry, error) {
	out, positions := make([]feed.Entry, len(list)), make([]int64, len(list))
	for i := range list {
		positions[i] = list[i].pos
	}
	events, err := it.docs.Log().At(ctx, positions)
	if err != nil {
		return nil, err
	}
	byPos := make(map[int64]*doctype.Event, len(events))
	for i := range events {
		byPos[events[i].Pos] = &events[i]
	}
	for i := range list {
		out[i] = feed.Entry{Place: list[i].seq, Event: cmp.Or(byPos[list[i].pos], &doctype.Event{})}
	}
	return out, nil
}

// ofDocuments are inserts of the documents as they are now; one that is not live is empty.
func (it *items) ofDocuments(ctx context.Context, list []numbered) ([]feed.Entry, error) {
	out, names := make([]feed.Entry, len(list)), make([]string, len(list))
	for i := range list {
		names[i] = list[i].name
	}
	docs, err := it.docs.Live(ctx, it.run.DocType, names)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*doctype.Document, len(docs))
	for i := range docs {
		byName[docs[i].Name] = &docs[i]
	}
	for i := range list {
		out[i] = feed.Entry{Place: list[i].seq, Event: &doctype.Event{}}
		if d := byName[list[i].name]; d != nil {
			out[i].Event = insertOf(it.run.ID, d)
		}
	}
	return out, nil
}

// insertOf is the event that stands for a document in a run. Its id is the same each time, so that a repeat after a crash is seen to be
// one; it is of the time when the document last changed, so that the document in it is the one that is stored.
func insertOf(run string, d *doctype.Document) *doctype.Event {
	space, err := uuid.Parse(run)
	if err != nil {
		space = uuid.NewSHA1(uuid.Nil, []byte(run))
	}
	return &doctype.Event{
		ID: uuid.NewSHA1(space, []byte(d.Name)).String(), At: d.Modified, DocType: d.DocType, Name: d.Name, Event: doctype.OnInsert,
		Version: d.Version, Data: d.Record, Scraper: d.Scraper, Owner: d.Owner, Creation: d.Creation, ModifiedBy: d.ModifiedBy,
	}
}

// Finish ends a run all of whose items are settled. It may be called again if it was broken off.
func (it *items) Finish(ctx context.Context) error {
	t, err := it.ledger.Tally(ctx, it.db.Write, it.run.walker())
	switch {
	case err != nil:
		return wrap("finish run", err)
	case !t.Open: // canceled meanwhile
		return nil
	case t.Pos < it.run.Total || t.Retrying > 0:
		return errorf(CodeConflict, "", "the run stands at %d of %d, and %d deliveries wait", t.Pos, it.run.Total, t.Retrying)
	}
	// Before the run ends: whoever goes on after a crash finds it open, and nothing of it left to send.
	if err := it.clear(ctx, it.run.ID); err != nil {
		return err
	}
	if _, err := it.end(ctx, &it.run, Finished); err != nil {
		return err
	}
	it.changed()
	return nil
}
