package jobs

import (
	"context"
	"database/sql"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs/results"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/doctype/scrapers"
)

// candidates are the documents that a job may find missing: live, last seen by its scraper, in its scope.
func (s *Service) candidates(def *doctype.Definition, j *Job) (listing.Table, query.Query, error) {
	t := listing.New(s.db.Postgres(), "documents", "name", def.Knows)
	t.Restrict = "doctype = ? AND trashed_at IS NULL AND scraper = ?"
	t.Args = []any{j.DocType, j.Scraper}
	q := query.Query{Limit: query.All}
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

// unseen lists the candidates that a job did not see and nobody wrote since it began.
func (s *Service) unseen(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job, seen *results.Seen) ([]string, error) {
	t, q, err := s.sighted(ctx, tx.Tx, def, j)
	if err != nil {
		return nil, err
	}
	text, args, err := t.Unordered(t.Columns, t.Name, t.Restrict, t.Args, q)
	if err != nil {
		return nil, err
	}
	var missing []string
	err = listing.Query(ctx, tx, func(found *sql.Rows) error {
		var name sql.RawBytes
		if err := found.Scan(&name); err != nil {
			return wrap("list documents", err)
		}
		if !seen.Has(name) {
			missing = append(missing, string(name))
		}
		return nil
	}, text, args...)
	if err != nil {
		return nil, err
	}
	slices.Sort(missing) // documents are removed in order of name
	return s.untouched(ctx, tx, j, missing)
}

// texts are the values of a query's one column.
func texts(ctx context.Context, db bun.IDB, query string, args ...any) ([]string, error) {
	var out []string
	err := listing.Query(ctx, db, func(found *sql.Rows) error {
		var text string
		err := found.Scan(&text)
		out = append(out, text)
		return wrap("read row", err)
	}, query, args...)
	return out, err
}

// untouched leaves out the documents that were written since the job began, and keeps the others from being written until the
// transaction ends. The log knows exactly, but not of what jobs stored without a word, nor for ever.
func (s *Service) untouched(ctx context.Context, tx *documents.Tx, j *Job, names []string) ([]string, error) {
	var still []string
	for chunk := range slices.Chunk(names, 500) {
		text := "SELECT name FROM documents WHERE doctype = ? AND name IN (?) AND trashed_at IS NULL AND modified <= ? ORDER BY name"
		if s.db.Postgres() {
			text += " FOR UPDATE"
		}
		free, err := texts(ctx, tx, text, j.DocType, bun.List(chunk), j.BeganAt)
		if err != nil {
			return nil, err
		}
		still = append(still, free...)
	}
	written, err := s.docs.Log().Changed(ctx, tx.Tx, j.DocType, still, j.Began)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(still, func(n string) bool { return written[n] }), nil
}

// alone waits until no page of a job of the DocType is being written, and lets none begin until the transaction ends: a page that
// changes nothing leaves no other trace of what it saw before its end. It comes before the job's own lock, as beside does, so that
// they cannot lock each other out. SQLite has one writer anyway.
func (s *Service) alone(ctx context.Context, tx bun.Tx, docType string) error {
	return s.lockDocType(ctx, tx, "pg_advisory_xact_lock", docType)
}

// beside is for the pages: they wait for those that are alone only.
func (s *Service) beside(ctx context.Context, tx bun.Tx, docType string) error {
	return s.lockDocType(ctx, tx, "pg_advisory_xact_lock_shared", docType)
}

func (s *Service) lockDocType(ctx context.Context, tx bun.Tx, function, docType string) error {
	if !s.db.Postgres() {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT "+function+"(x'6a6f6273'::int, hashtext(?))", docType) // "jobs"
	return wrap("lock DocType", err)
}

// remove trashes what a full job did not see, or holds it back.
func (s *Service) remove(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
	brakes, err := s.brakes(ctx, tx.Tx, def, j)
	if err != nil {
		return err
	}
	pages, err := results.SeenBy(ctx, tx.Tx, j.ID, j.Rows)
	if err != nil {
		return err
	}
	missing, err := s.unseen(ctx, tx, def, j, &pages)
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
	run := doctype.Run{
		Accepted: int64(pages.Accepted), Received: pages.Received, Nameless: j.Nameless, Expect: j.Expect, Live: j.Live, Due: int64(len(due)),
	}
	if len(due) > 0 {
		j.Brake = brakes.Brake(run)
	} else if brakes.MaxRatio, brakes.MaxRemovals = nil, nil; brakes.Brake(run) != "" {
		return nil // nothing to hold, but a run like that says of no document that it is gone
	}
	if j.Brake != "" {
		j.Held = int64(len(due))
		if err := s.saveAbsences(ctx, tx.Tx, j, due, absence{before: misses, held: true, due: true}); err != nil {
			return err
		}
		return s.saveAbsences(ctx, tx.Tx, j, early, absence{before: misses, held: true})
	}
	if err := s.trash(ctx, tx, j, due, 0); err != nil {
		return err
	}
	return s.saveAbsences(ctx, tx.Tx, j, early, absence{before: misses, missed: 1})
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
