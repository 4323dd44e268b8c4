package jobs

import (
	"context"
	"database/sql"
	"slices"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/doctype/record"
)

// endUpdates logs the events of updates that a job kept back, or holds them when too much changed.
func (s *Service) endUpdates(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
	if j.MaxUpdates == nil {
		return nil
	}
	var n int64
	if err := tx.QueryRowContext(ctx, "SELECT count(DISTINCT name) FROM held_updates WHERE job = ?", j.ID).Scan(&n); err != nil {
		return wrap("count updates", err)
	}
	if float64(n)/float64(j.Live) > *j.MaxUpdates {
		j.HeldUpdate = n
		if j.Brake == "" {
			j.Brake = doctype.BrakeMaxUpdates
		}
		return nil
	}
	return s.releaseUpdates(ctx, tx, def, j, 0)
}

// lockHeld keeps others from writing the documents whose updates are being logged: their events would come before these.
func (s *Service) lockHeld(ctx context.Context, tx *documents.Tx, j *Job) error {
	if !s.db.Postgres() {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT 1 FROM documents WHERE doctype = ? AND name IN (SELECT name FROM held_updates WHERE job = ?) ORDER BY name FOR UPDATE", j.DocType, j.ID)
	return wrap("lock documents", err)
}

// releaseUpdates logs the updates of a job as its documents stand now: between then and now, somebody may have written them.
func (s *Service) releaseUpdates(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job, page int64) error {
	held, err := s.heldUpdates(ctx, tx, j)
	if err != nil {
		return err
	}
	if def == nil { // the DocType is gone, and its documents
		held = nil
	}
	if err := s.lockHeld(ctx, tx, j); err != nil {
		return err
	}
	for chunk := range slices.Chunk(held, 500) {
		events, err := s.updatesOf(ctx, def, chunk)
		if err != nil {
			return err
		}
		for i := range events {
			e := &events[i]
			e.ID, e.At, e.Job, e.Page, e.Scraper, e.KeyID, e.Hops = eventlog.NewID(), tx.Now(), j.ID, page, j.Scraper, j.KeyID, j.Hops
		}
		tx.Log(events...)
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM held_updates WHERE job = ?", j.ID)
	return wrap("forget updates", err)
}

// heldUpdate is what a job changed of a document, field by field as it was before.
type heldUpdate struct {
	name    string
	changes []record.Change
}

// heldUpdates are those of a job, in the order in which the documents came first.
func (s *Service) heldUpdates(ctx context.Context, tx *documents.Tx, j *Job) ([]heldUpdate, error) {
	var out []heldUpdate
	at := map[string]int{}
	err := listing.Query(ctx, tx, func(found *sql.Rows) error {
		var name string
		var changed []byte
		if err := found.Scan(&name, &changed); err != nil {
			return wrap("read updates", err)
		}
		changes, err := record.ParseChanges(changed)
		if err != nil {
			return wrap("read updates", err)
		}
		i, again := at[name]
		if !again {
			i, at[name] = len(out), len(out)
			out = append(out, heldUpdate{name: name})
		}
		for _, c := range changes { // the first change of a field knows what it was
			if !slices.ContainsFunc(out[i].changes, func(b record.Change) bool { return b.Name == c.Name }) {
				out[i].changes = append(out[i].changes, c)
			}
		}
		return nil
	}, "SELECT name, changed FROM held_updates WHERE job = ? ORDER BY page, name", j.ID)
	return out, err
}

// updatesOf makes the events of updates, for documents that are live and not what they were.
func (s *Service) updatesOf(ctx context.Context, def *doctype.Definition, held []heldUpdate) ([]doctype.Event, error) {
	names, changes := make([]string, len(held)), make(map[string][]record.Change, len(held))
	for i, h := range held {
		names[i], changes[h.name] = h.name, h.changes
	}
	docs, err := s.docs.Live(ctx, def.Name, names)
	if err != nil {
		return nil, err
	}
	var events []doctype.Event
	for i := range docs {
		d := &docs[i]
		undo := changes[d.Name]
		for k := range undo {
			undo[k].To = record.Member(d.Record, undo[k].Name)
		}
		if now := def.Changes(record.Undo(d.Record, undo), d.Record); now != nil { // else it is back to what it was
			events = append(events, doctype.Event{
				DocType: def.Name, Name: d.Name, Event: doctype.OnUpdate, Version: d.Version, Data: d.Record,
				Changed: record.AppendChanges(nil, now), Owner: d.Owner, Creation: d.Creation, ModifiedBy: d.ModifiedBy,
			})
		}
	}
	return events, nil
}
