package jobs

import (
	"context"
	"database/sql"
	"math/rand/v2"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/doctype/record"
	"dochook/migrations/rows"
)

// misses are how often finished full jobs of the scraper missed documents, those that are held apart.
func (s *Service) misses(ctx context.Context, tx bun.Tx, j *Job) (map[string]int64, error) {
	out := map[string]int64{}
	err := listing.Query(ctx, tx, func(found *sql.Rows) error {
		var name string
		var n int64
		if err := found.Scan(&name, &n); err != nil {
			return wrap("read absences", err)
		}
		out[name] = n
		return nil
	}, "SELECT name, misses FROM absences WHERE doctype = ? AND scraper = ?", j.DocType, j.Scraper)
	return out, err
}

// absence is how saveAbsences marks documents.
type absence struct {
	before    map[string]int64 // their misses so far
	missed    int64            // added to these
	held, due bool             // by the job, to be removed
}

func (s *Service) saveAbsences(ctx context.Context, tx bun.Tx, j *Job, names []string, a absence) error {
	n := len(names)
	doctypes, by, counts, held, due := make([]string, n), make([]string, n), make([]int64, n), make([]*string, n), make([]int64, n)
	for i, name := range names {
		doctypes[i], by[i], counts[i] = j.DocType, j.Scraper, a.before[name]+a.missed
		if a.held {
			held[i] = &j.ID
		}
		if a.due {
			due[i] = 1
		}
	}
	_, err := rows.Insert(ctx, tx, "absences", []rows.Column{
		{Name: "doctype", Values: doctypes},
		{Name: "name", Values: names},
		{Name: "scraper", Values: by},
		{Name: "misses", Values: counts},
		{Name: "held", Values: held},
		{Name: "due", Values: due},
	}, "ON CONFLICT (doctype, name, scraper) DO UPDATE SET misses = excluded.misses, held = excluded.held, due = excluded.due")
	return wrap("record absences", err)
}

// Approve removes what a held job did not see, as far as it is still live, unseen and unwritten, and logs the updates it held
// back. Errors: conflict when it holds nothing.
func (s *Service) Approve(ctx context.Context, id string) (Job, error) {
	return s.change(ctx, id, verbApprove, func(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
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
		if err := s.releaseUpdates(ctx, tx, def, j, page); err != nil {
			return err
		}
		names, err := s.untouched(ctx, tx, j, due)
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
		return s.saveAbsences(ctx, tx.Tx, j, early, absence{before: misses, missed: 1})
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
	lock := ""
	if s.db.Postgres() { // somebody may be deciding about it
		lock = " FOR UPDATE"
	}
	older, err := s.jobs(ctx, tx.Tx, "doctype = ? AND scraper = ? AND status = 'held' AND name <> ?"+lock, j.DocType, j.Scraper, j.ID)
	if err != nil {
		return err
	}
	for i := range older {
		if len(j.Scope) > 0 && !record.Equal(j.Scope, older[i].Scope) { // it has not looked where the older one did
			continue
		}
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
	return texts(ctx, tx, "SELECT name FROM absences WHERE held = ? AND due = ? ORDER BY name", id, due)
}

// Removals lists what a held job would remove as things stand, by name, and how many documents that are.
func (s *Service) Removals(ctx context.Context, id string, start, limit int) (names []string, total int64, err error) {
	j, err := s.Get(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	// As untouched says, but for what the log alone knows.
	const from = ` FROM absences AS a JOIN documents AS d ON d.doctype = a.doctype AND d.name = a.name
		WHERE a.held = ? AND a.due = 1 AND d.trashed_at IS NULL AND d.modified <= ?`
	if err := s.docs.Reader(ctx).QueryRowContext(ctx, "SELECT count(*)"+from, id, j.BeganAt).Scan(&total); err != nil {
		return nil, 0, eventlog.Unavailable(wrap("count absences", err))
	}
	names, err = texts(ctx, s.docs.Reader(ctx), "SELECT a.name"+from+" ORDER BY a.name LIMIT ? OFFSET ?", id, j.BeganAt, limit, start)
	return names, total, eventlog.Unavailable(err)
}
