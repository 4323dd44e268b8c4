package jobs

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/columns"
	"dochook/doctype/documents"
	"dochook/doctype/jobs/results"
	"dochook/doctype/scrapers"
	"dochook/migrations/rows"
)

// WritePage writes a page of a job: its documents, its place in the job's results and its events, in one transaction. A pending
// job begins with it. Errors: not_found, conflict when the job has ended; else as [documents.Service.WritePage].
func (s *Service) WritePage(ctx context.Context, id string, p documents.Page) (documents.PageResult, error) {
	j, err := s.Get(ctx, id)
	if err != nil {
		return documents.PageResult{}, err
	}
	def, err := s.docs.Definition(ctx, j.DocType)
	if err != nil {
		return documents.PageResult{}, err
	}
	var result documents.PageResult
	err = s.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
		result, err = s.writePage(ctx, tx, def, id, p)
		return err
	})
	return result, err
}

func (s *Service) writePage(ctx context.Context, tx *documents.Tx, def *doctype.Definition, id string, p documents.Page) (documents.PageResult, error) {
	if err := s.beside(ctx, tx.Tx, def.Name); err != nil {
		return documents.PageResult{}, err
	}
	j, err := s.lock(ctx, tx, id)
	if err != nil {
		return documents.PageResult{}, err
	}
	p.Scope = j.ID + "\x00" + p.Scope
	if refused := j.allow(verbPage); refused != nil {
		// One that was written before the end, and whose answer got lost, may still ask for it.
		if result, err := s.docs.Answered(ctx, p); err != nil || result.Repeated {
			return result, err
		}
		return documents.PageResult{}, refused
	}
	if j.Status == Pending {
		if err := s.begin(ctx, tx, def, &j); err != nil {
			return documents.PageResult{}, err
		}
	}
	j.Hops = max(j.Hops, doctype.UserOf(ctx).Hops)
	number := j.Counts.Pages + 1
	p.Run = documents.Run{Job: j.ID, Scraper: j.Scraper, Page: number, Quiet: j.Baseline, Defer: j.MaxUpdates != nil}
	packing := results.Pack(p)
	result, err := s.docs.WritePage(ctx, j.DocType, p)
	if err != nil || result.Repeated {
		return result, err
	}
	brings := packing.Page(&result)
	if err := s.sight(ctx, tx, &j, &result); err != nil {
		return result, err
	}
	if err := s.sawAll(ctx, tx.Tx, j.DocType, brings.Refused); err != nil {
		return result, err
	}
	if err := s.deferUpdates(ctx, tx, &j, number); err != nil {
		return result, err
	}
	if err := brings.Store(ctx, tx.Tx, results.Place{Job: j.ID, Number: number, First: j.Rows, At: tx.Now()}); err != nil {
		return result, err
	}
	j.count(&result, &brings)
	if brings.Accepted > 0 {
		learnt, err := columns.Learnt(ctx, tx.Tx, j.DocType)
		if err != nil {
			return result, err
		}
		tx.Log(s.event(&j, doctype.JobData, tx.Now(), brought{number, brings.Accepted, columns.Merge(def, learnt)}))
	}
	return result, j.store(ctx, tx)
}

// begin makes a pending job one in progress.
func (s *Service) begin(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
	if err := s.measure(ctx, tx, def, j); err != nil {
		return err
	}
	now := tx.Now()
	j.Status, j.StartedAt, j.Hops = InProgress, &now, max(j.Hops, doctype.UserOf(ctx).Hops)
	tx.Log(s.event(j, doctype.JobStarted, now, brought{}))
	return nil
}

// measure notes what was there when the job began.
func (s *Service) measure(ctx context.Context, tx *documents.Tx, def *doctype.Definition, j *Job) error {
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(pos), 0) FROM events").Scan(&j.Began); err != nil {
		return wrap("read the log's end", err)
	}
	j.BeganAt = tx.Now().UnixMicro()
	if j.Mode != scrapers.Full && j.MaxUpdates == nil {
		return nil
	}
	var err error
	j.Live, err = s.live(ctx, tx.Tx, def, j)
	return err
}

func (j *Job) count(r *documents.PageResult, p *results.Page) {
	j.Rows += p.Accepted
	j.Nameless += p.Nameless
	c := &j.Counts
	c.Pages++
	c.Received += int64(r.Received)
	c.Inserted += int64(r.Inserted)
	c.Updated += int64(r.Updated)
	c.Unchanged += int64(r.Unchanged)
	c.Duplicates += int64(r.Duplicates)
	c.Trashed += int64(r.Trashed)
	c.Rejected += int64(r.Rejected)
}

// sight writes down which documents the scraper was now the last to see, where their rows do not say so.
func (s *Service) sight(ctx context.Context, tx *documents.Tx, j *Job, r *documents.PageResult) error {
	var ours, others []string
	for i := range r.Lines {
		l := &r.Lines[i]
		switch {
		case l.Outcome != documents.Inserted && l.Outcome != documents.Updated && l.Outcome != documents.Unchanged:
		case l.Scraper == j.Scraper:
			ours = append(ours, l.Name)
		default:
			others = append(others, l.Name)
		}
	}
	any, err := exists(ctx, tx.Tx, "sightings", j.DocType)
	if err != nil {
		return err
	}
	if any && len(ours) > 0 {
		if err := s.lockSightings(ctx, tx.Tx, j.DocType, slices.Concat(ours, others)); err != nil {
			return err
		}
		if err := s.deleteNamed(ctx, tx.Tx, "sightings", j.DocType, ours); err != nil {
			return err
		}
	}
	if len(others) == 0 {
		return nil
	}
	slices.Sort(others) // as above
	doctypes, by := make([]string, len(others)), make([]string, len(others))
	for i := range others {
		doctypes[i], by[i] = j.DocType, j.Scraper
	}
	_, err = rows.Insert(ctx, tx.Tx, "sightings", []rows.Column{
		{Name: "doctype", Values: doctypes}, {Name: "name", Values: others}, {Name: "scraper", Values: by},
	}, "ON CONFLICT (doctype, name) DO UPDATE SET scraper = excluded.scraper WHERE sightings.scraper <> excluded.scraper")
	return wrap("record sightings", err)
}

// lockSightings takes the rows that a page will delete and change in one order, so that concurrent pages cannot lock each other out.
func (s *Service) lockSightings(ctx context.Context, tx bun.Tx, docType string, names []string) error {
	if !s.db.Postgres() {
		return nil
	}
	slices.Sort(names)
	for chunk := range slices.Chunk(names, 500) {
		_, err := tx.ExecContext(ctx, "SELECT name FROM sightings WHERE doctype = ? AND name IN (?) ORDER BY name FOR UPDATE", docType, bun.List(chunk))
		if err != nil {
			return wrap("lock sightings", err)
		}
	}
	return nil
}

// exists reports whether a table has rows of a DocType.
func exists(ctx context.Context, tx bun.Tx, table, docType string) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+table+" WHERE doctype = ? LIMIT 1) AS t", docType).Scan(&n)
	return n > 0, wrap("look for "+table, err)
}

func (s *Service) deleteNamed(ctx context.Context, tx bun.Tx, table, docType string, names []string) error {
	names = slices.Clone(names)
	slices.Sort(names)
	for chunk := range slices.Chunk(names, 500) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM ? WHERE doctype = ? AND name IN (?)", bun.Ident(table), docType, bun.List(chunk)); err != nil {
			return wrap("delete "+table, err)
		}
	}
	return nil
}

// sawAll forgets that documents were missed, in the transaction of a page that brought them, of whatever job or none.
func (s *Service) sawAll(ctx context.Context, tx bun.Tx, docType string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	any, err := exists(ctx, tx, "absences", docType)
	if err != nil || !any {
		return err
	}
	return s.deleteNamed(ctx, tx, "absences", docType, names)
}

// deferUpdates keeps the events of updates that the page's run left out of the log. Those of documents that the job brought itself
// change nothing that was there, and do not wait.
func (s *Service) deferUpdates(ctx context.Context, tx *documents.Tx, j *Job, page int64) error {
	events := slices.DeleteFunc(tx.Deferred(j.ID), func(e doctype.Event) bool {
		ours := e.Creation.UnixMicro() >= j.BeganAt
		if ours {
			tx.Log(e)
		}
		return ours
	})
	n := len(events)
	if n == 0 {
		return nil
	}
	jobs, pages, names, changed := make([]string, n), make([]int64, n), make([]string, n), make([]string, n)
	for i := range events {
		jobs[i], pages[i], names[i], changed[i] = j.ID, page, events[i].Name, string(events[i].Changed)
	}
	_, err := rows.Insert(ctx, tx.Tx, "held_updates", []rows.Column{
		{Name: "job", Values: jobs}, {Name: "page", Values: pages}, {Name: "name", Values: names}, {Name: "changed", Values: changed},
	}, "")
	return wrap("keep updates", err)
}
