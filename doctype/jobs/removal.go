package jobs

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
	"dochook/migrations/rows"
)

// Brakes, as answers name them.
const (
	BrakeZero        = "zero"         // no records
	BrakeExpect      = "expect"       // fewer records than announced
	BrakeMinRatio    = "min_ratio"    // too few records
	BrakeMaxRemovals = "max_removals" // too many removals
	BrakeMaxRatio    = "max_ratio"    // too large a part would be removed
	BrakeMaxUpdates  = "max_updates"  // too large a part changed
)

// candidates are the documents that a job may find missing: live, last seen by its scraper, in its scope.
func (s *Service) candidates(def *doctype.Definition, j *Job) (listing.Table, query.Query, error) {
	t := listing.New(s.db.Postgres(), "documents", "name", def.Knows)
	t.Restrict = "doctype = ? AND trashed_at IS NULL AND scraper = ?"
	t.Args = []any{j.DocType, j.Scraper}
	q := query.Query{Order: []query.Order{{Field: "name"}}, Limit: query.All}
	if len(j.Scope) > 0 {
		filters, err := query.ParseFilters(j.Scope)
		if err == nil {
			q.Filters = filters
			_, _, err = t.Where(q)
		}
		if err != nil {
			return t, q, doctype.Errorf(doctype.CodeInvalid, "scope", "%s", err)
		}
	}
	return t, q, nil
}

// sighted is candidates where the table of sightings has a word to say.
func (s *Service) sighted(ctx context.Context, tx bun.Tx, def *doctype.Definition, j *Job) (listing.Table, query.Query, error) {
	t, q, err := s.candidates(def, j)
	if err != nil {
		return t, q, err
	}
	any, err := exists(ctx, tx, "sightings", j.DocType)
	if any {
		t.Restrict = "doctype = ? AND trashed_at IS NULL AND coalesce((SELECT s.scraper FROM sightings AS s WHERE s.doctype = documents.doctype AND s.name = documents.name), scraper) = ?"
	}
	return t, q, err
}

// live counts them.
func (s *Service) live(ctx context.Context, tx bun.Tx, def *doctype.Definition, j *Job) (int64, error) {
	t, q, err := s.sighted(ctx, tx, def, j)
	if err != nil {
		return 0, err
	}
	return listing.Count(ctx, tx, t, q)
}

// sum is what a job's pages say together.
type sum struct {
	seen     map[[hashSize]byte]struct{}
	received int64 // records, of pages that came twice once
}

func (s *Service) sumUp(ctx context.Context, tx bun.Tx, j *Job) (sum, error) {
	out := sum{seen: make(map[[hashSize]byte]struct{}, j.Rows)}
	pages := map[string]bool{}
	found, err := tx.QueryContext(ctx, "SELECT hash, seen, received FROM job_pages WHERE job = ?", j.ID)
	err = listing.Each(found, err, func() error {
		var hash, seen []byte
		var received int64
		if err := found.Scan(&hash, &seen, &received); err != nil {
			return wrap("read pages", err)
		}
		if !pages[string(hash)] {
			pages[string(hash)] = true
			out.received += received
		}
		for h := range slices.Chunk(seen, hashSize) {
			out.seen[[hashSize]byte(h)] = struct{}{}
		}
		return nil
	})
	return out, err
}

// unseen lists the candidates that a job did not see and nobody wrote since it began.
func (s *Service) unseen(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job, seen map[[hashSize]byte]struct{}) ([]string, error) {
	t, q, err := s.sighted(ctx, tx.Tx, def, j)
	if err != nil {
		return nil, err
	}
	text, args, err := t.Select(t.Columns, t.Name, t.Restrict, t.Args, q)
	if err != nil {
		return nil, err
	}
	var missing []string
	var hash []byte
	found, err := tx.QueryContext(ctx, text, args...)
	err = listing.Each(found, err, func() error {
		var name string
		if err := found.Scan(&name); err != nil {
			return wrap("list documents", err)
		}
		hash = appendHash(hash[:0], name)
		if _, ok := seen[[hashSize]byte(hash)]; !ok {
			missing = append(missing, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.untouched(ctx, tx, j, missing)
}

// untouched leaves out the documents that were written since the job began.
func (s *Service) untouched(ctx context.Context, tx *documents.Tx, j *Job, names []string) ([]string, error) {
	written, err := s.docs.Log().Changed(ctx, tx.Tx, j.DocType, names, j.Began)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(n string) bool { return written[n] }), nil
}

// remove trashes what a full job did not see, or holds it back.
func (s *Service) remove(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
	brakes, err := s.brakes(ctx, tx.Tx, def, j)
	if err != nil {
		return err
	}
	pages, err := s.sumUp(ctx, tx.Tx, j)
	if err != nil {
		return err
	}
	missing, err := s.unseen(ctx, tx, def, j, pages.seen)
	if err != nil || len(missing) == 0 {
		return err
	}
	misses, err := s.misses(ctx, tx.Tx, j)
	if err != nil {
		return err
	}
	var due, early []string
	for _, name := range missing {
		if misses[name]+1 >= brakes.Misses {
			due = append(due, name)
		} else {
			early = append(early, name)
		}
	}
	if len(due) > 0 {
		j.Brake = brake(brakes, j, &pages, int64(len(due)))
	}
	if j.Brake != "" {
		j.Held = int64(len(due))
		if err := s.saveAbsences(ctx, tx.Tx, j, due, misses, absence{held: true, due: true}); err != nil {
			return err
		}
		return s.saveAbsences(ctx, tx.Tx, j, early, misses, absence{held: true})
	}
	if err := s.trash(ctx, tx, j, due, 0); err != nil {
		return err
	}
	return s.saveAbsences(ctx, tx.Tx, j, early, misses, absence{missed: 1})
}

// trash removes documents on behalf of the job.
func (s *Service) trash(ctx context.Context, tx *documents.Tx, j *Job, names []string, page int64) error {
	if len(names) == 0 {
		return nil
	}
	run := documents.Run{Job: j.ID, Scraper: j.Scraper, Page: page, Quiet: j.Baseline}
	n, err := s.docs.TrashAll(ctx, j.DocType, names, run)
	if err != nil {
		return err
	}
	j.Counts.Removed += int64(n)
	return s.deleteNamed(ctx, tx.Tx, "absences", j.DocType, names)
}

func (s *Service) brakes(ctx context.Context, tx bun.Tx, def *doctype.Definition, j *Job) (doctype.Removal, error) {
	of, err := scrapers.Load(ctx, tx, j.Scraper)
	switch {
	case doctype.CodeOf(err) == doctype.CodeNotFound: // deleted meanwhile
		return doctype.ParseRemoval(def.Removal)
	case err != nil:
		return doctype.Removal{}, err
	case len(of.Removal) > 0:
		return doctype.ParseRemoval(of.Removal)
	}
	return doctype.ParseRemoval(def.Removal)
}

// brake says which brake holds n removals back, "" when none does.
func brake(b doctype.Removal, j *Job, pages *sum, n int64) string {
	records, live := float64(len(pages.seen)), float64(j.Live)
	switch {
	case b.HoldOnZero && len(pages.seen) == 0:
		return BrakeZero
	case j.Expect != nil && pages.received < *j.Expect:
		return BrakeExpect
	case b.MinRatio != nil && records < *b.MinRatio*live:
		return BrakeMinRatio
	case b.MaxRemovals != nil && n > *b.MaxRemovals:
		return BrakeMaxRemovals
	case b.MaxRatio != nil && float64(n) >= *b.MaxRatio*live:
		return BrakeMaxRatio
	}
	return ""
}

// misses are how often finished full jobs of the scraper missed documents, those that are held apart.
func (s *Service) misses(ctx context.Context, tx bun.Tx, j *Job) (map[string]int64, error) {
	out := map[string]int64{}
	found, err := tx.QueryContext(ctx, "SELECT name, misses FROM absences WHERE doctype = ? AND scraper = ?", j.DocType, j.Scraper)
	err = listing.Each(found, err, func() error {
		var name string
		var n int64
		if err := found.Scan(&name, &n); err != nil {
			return wrap("read absences", err)
		}
		out[name] = n
		return nil
	})
	return out, err
}

// absence is how saveAbsences marks documents.
type absence struct {
	missed    int64 // added to the misses
	held, due bool  // by the job, to be removed
}

func (s *Service) saveAbsences(ctx context.Context, tx bun.Tx, j *Job, names []string, misses map[string]int64, a absence) error {
	n := len(names)
	doctypes, by, counts, held, due := make([]string, n), make([]string, n), make([]int64, n), make([]*string, n), make([]int64, n)
	for i, name := range names {
		doctypes[i], by[i], counts[i] = j.DocType, j.Scraper, misses[name]+a.missed
		if a.held {
			held[i] = &j.ID
		}
		if a.due {
			due[i] = 1
		}
	}
	_, err := rows.Insert(ctx, tx, "absences", []rows.Column{
		{Name: "doctype", Values: doctypes}, {Name: "name", Values: names}, {Name: "scraper", Values: by},
		{Name: "misses", Values: counts}, {Name: "held", Values: held}, {Name: "due", Values: due},
	}, "ON CONFLICT (doctype, name, scraper) DO UPDATE SET misses = excluded.misses, held = excluded.held, due = excluded.due")
	return wrap("record absences", err)
}

// Approve removes what a held job did not see, as far as it is still live, unseen and unwritten, and logs the updates it held
// back. Errors: conflict when it holds nothing.
func (s *Service) Approve(ctx context.Context, id string) (Job, error) {
	return s.change(ctx, id, verbApprove, func(ctx context.Context, tx *documents.Tx, _ *doctype.Definition, j *Job) error {
		page := -1 - rand.Int64N(1<<62) //nolint:gosec // tells writes apart, no secret
		due, err := s.heldNames(ctx, tx.Tx, j.ID, 1)
		if err != nil {
			return err
		}
		early, err := s.heldNames(ctx, tx.Tx, j.ID, 0)
		if err != nil {
			return err
		}
		misses, err := s.misses(ctx, tx.Tx, j)
		if err != nil {
			return err
		}
		if err := s.releaseUpdates(ctx, tx, j, page); err != nil {
			return err
		}
		names, err := s.untouched(ctx, tx, j, slices.Clone(due))
		if err != nil {
			return err
		}
		if err := s.trash(ctx, tx, j, names, page); err != nil {
			return err
		}
		if err := s.forget(ctx, tx.Tx, j); err != nil {
			return err
		}
		j.decide(Approved)
		return s.saveAbsences(ctx, tx.Tx, j, early, misses, absence{missed: 1})
	})
}

// Discard forgets what a held job held back: nothing is removed, and the job does not count as one that missed anything.
func (s *Service) Discard(ctx context.Context, id string) (Job, error) {
	return s.change(ctx, id, verbDiscard, func(ctx context.Context, tx *documents.Tx, _ *doctype.Definition, j *Job) error {
		return s.discard(ctx, tx, j)
	})
}

func (s *Service) discard(ctx context.Context, tx *documents.Tx, j *Job) error {
	if err := s.forget(ctx, tx.Tx, j); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM held_updates WHERE job = ?", j.ID); err != nil {
		return wrap("forget updates", err)
	}
	j.decide(Discarded)
	return nil
}

func (j *Job) decide(decision string) {
	j.Decision, j.Held, j.HeldUpdate = decision, 0, 0
	if j.Status == Held {
		j.Status = Finished
	}
}

// discardOlder discards what an earlier job of the scraper still holds: a newer one knows better.
func (s *Service) discardOlder(ctx context.Context, tx *documents.Tx, j *Job) error {
	older, err := s.jobs(ctx, tx.Tx, "doctype = ? AND scraper = ? AND status = 'held' AND name <> ?", j.DocType, j.Scraper, j.ID)
	if err != nil {
		return err
	}
	for i := range older {
		if err := s.discard(ctx, tx, &older[i]); err != nil {
			return err
		}
		if err := older[i].store(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// forget takes a job's hold off its absences; those that only it missed go.
func (s *Service) forget(ctx context.Context, tx bun.Tx, j *Job) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM absences WHERE held = ? AND misses = 0", j.ID); err != nil {
		return wrap("forget absences", err)
	}
	_, err := tx.ExecContext(ctx, "UPDATE absences SET held = NULL, due = 0 WHERE held = ?", j.ID)
	return wrap("forget absences", err)
}

func (s *Service) heldNames(ctx context.Context, tx bun.Tx, id string, due int) ([]string, error) {
	var out []string
	found, err := tx.QueryContext(ctx, "SELECT name FROM absences WHERE held = ? AND due = ? ORDER BY name", id, due)
	err = listing.Each(found, err, func() error {
		var name string
		err := found.Scan(&name)
		out = append(out, name)
		return wrap("read absences", err)
	})
	return out, err
}

// Removals lists what a held job would remove, by name, and how many documents that are.
func (s *Service) Removals(ctx context.Context, id string, start, limit int) (names []string, total int64, err error) {
	if _, err := s.Get(ctx, id); err != nil {
		return nil, 0, err
	}
	if err := s.db.Read.QueryRowContext(ctx, "SELECT count(*) FROM absences WHERE held = ? AND due = 1", id).Scan(&total); err != nil {
		return nil, 0, eventlog.Unavailable(wrap("count absences", err))
	}
	found, err := s.db.Read.QueryContext(ctx, "SELECT name FROM absences WHERE held = ? AND due = 1 ORDER BY name LIMIT ? OFFSET ?", id, limit, start)
	err = listing.Each(found, err, func() error {
		var name string
		err := found.Scan(&name)
		names = append(names, name)
		return wrap("read absences", err)
	})
	return names, total, eventlog.Unavailable(err)
}

// endUpdates logs the events of updates that a job kept back, or holds them when too much changed.
func (s *Service) endUpdates(ctx context.Context, tx *documents.Tx, j *Job) error {
	if j.MaxUpdates == nil {
		return nil
	}
	var n int64
	if err := tx.QueryRowContext(ctx, "SELECT count(DISTINCT name) FROM held_updates WHERE job = ?", j.ID).Scan(&n); err != nil {
		return wrap("count updates", err)
	}
	if float64(n) > *j.MaxUpdates*float64(j.Live) {
		j.HeldUpdate = n
		if j.Brake == "" {
			j.Brake = BrakeMaxUpdates
		}
		return nil
	}
	return s.releaseUpdates(ctx, tx, j, 0)
}

// releaseUpdates logs the updates of a job as its documents stand now: between then and now, somebody may have written them.
func (s *Service) releaseUpdates(ctx context.Context, tx *documents.Tx, j *Job, page int64) error {
	from := map[string][]record.Change{}
	var names []string
	found, err := tx.QueryContext(ctx, "SELECT name, changed FROM held_updates WHERE job = ? ORDER BY page, name", j.ID)
	err = listing.Each(found, err, func() error {
		var name string
		var changed []byte
		if err := found.Scan(&name, &changed); err != nil {
			return wrap("read updates", err)
		}
		changes, err := record.ParseChanges(changed)
		if err != nil {
			return wrap("read updates", err)
		}
		if from[name] == nil {
			names = append(names, name)
		}
		for _, c := range changes { // the first change of a field knows what it was
			if !slices.ContainsFunc(from[name], func(b record.Change) bool { return b.Name == c.Name }) {
				from[name] = append(from[name], c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(names, 500) {
		if err := s.logUpdates(ctx, tx, j, page, chunk, from); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM held_updates WHERE job = ?", j.ID)
	return wrap("forget updates", err)
}

func (s *Service) logUpdates(ctx context.Context, tx *documents.Tx, j *Job, page int64, names []string, from map[string][]record.Change) error {
	docs, err := s.docs.Live(ctx, j.DocType, names)
	if err != nil {
		return err
	}
	for i := range docs {
		d := &docs[i]
		var changes []record.Change
		for _, c := range from[d.Name] {
			if c.To = json.RawMessage(record.Member(d.Record, c.Name)); !record.Equal(orNull(c.From), orNull(c.To)) || (c.From == nil) != (c.To == nil) {
				changes = append(changes, c)
			}
		}
		if len(changes) == 0 { // back to what it was
			continue
		}
		tx.Log(doctype.Event{
			ID: eventlog.NewID(), At: tx.Now(), DocType: j.DocType, Name: d.Name, Event: doctype.OnUpdate, Version: d.Version, Data: d.Record,
			Changed: record.AppendChanges(nil, changes), Job: j.ID, Page: page, Scraper: j.Scraper,
			Owner: d.Owner, Creation: d.Creation, ModifiedBy: d.ModifiedBy, KeyID: j.KeyID,
		})
	}
	return nil
}

func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}
