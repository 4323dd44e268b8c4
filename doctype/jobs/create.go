package jobs

import (
	"context"
	"database/sql"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs/request"
	"dochook/doctype/listing"
	"dochook/doctype/scrapers"
	"dochook/migrations"
)

// Create makes a pending job of a scraper from the body of the request: the scraper's inputs, and among them webhook {url, events,
// headers}, mode, scope (a list filter), expect, baseline and max_updates. Errors: not_found for the scraper, conflict if it has
// an open full job already.
func (s *Service) Create(ctx context.Context, scraper string, body []byte) (Job, error) {
	r, err := request.Read(body)
	if err != nil {
		return Job{}, err
	}
	var j Job
	err = s.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
		j, err = s.create(ctx, tx, scraper, r)
		return err
	})
	if err == nil && r.Webhook != nil {
		s.hooks.Announce()
	}
	return j, err
}

func (s *Service) create(ctx context.Context, tx *documents.Tx, scraper string, r request.Request) (Job, error) {
	of, err := scrapers.Load(ctx, tx.Tx, scraper)
	if err != nil {
		return Job{}, err
	}
	def, err := s.docs.Definition(ctx, of.Feeds)
	if err != nil {
		return Job{}, err
	}
	j := Job{
		ID: uuid.NewString(), Scraper: of.Name, DocType: of.Feeds, Status: Pending, Mode: r.Mode, Scope: r.Scope, Baseline: r.Baseline,
		Expect: r.Expect, MaxUpdates: r.MaxUpdates, Input: r.Input, Title: of.Title, Table: of.Table,
	}
	if j.Mode == "" {
		j.Mode = of.Mode
	}
	if j.Title == "" {
		j.Title = of.Name
	}
	if j.Table == "" {
		if j.Table = def.Table; j.Table == "" {
			j.Table = def.Name
		}
	}
	if _, _, err := s.candidates(def, &j); err != nil { // is the scope one?
		return Job{}, err
	}
	user := doctype.UserOf(ctx)
	j.Owner, j.ModifiedBy, j.KeyID, j.Creation, j.Modified = user.Name, user.Name, user.KeyID, tx.Now(), tx.Now()
	if err := s.refuseSecond(ctx, tx.Tx, &j); err != nil {
		return Job{}, err
	}
	data, err := j.encode()
	if err != nil {
		return Job{}, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO jobs (name, scraper, doctype, status, mode, data, owner, creation, modified, modified_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		j.ID, j.Scraper, j.DocType, string(j.Status), j.Mode, string(data), j.Owner, j.Creation.UnixMicro(), j.Modified.UnixMicro(), j.ModifiedBy)
	if migrations.IsConflict(err) { // somebody was quicker
		return Job{}, doctype.Errorf(doctype.CodeConflict, "mode", "Scraper %s has an open full job already", j.Scraper)
	}
	if err != nil || r.Webhook == nil {
		return j, wrap("insert job", err)
	}
	if s.hooks == nil {
		return Job{}, doctype.Errorf(doctype.CodeInvalid, "webhook", "jobs cannot bring webhooks here")
	}
	return j, s.hooks.InsertInline(ctx, tx.Tx, j.ID, j.DocType, r.Webhook)
}

// refuseSecond refuses a full job beside an open one: neither could tell what the other has not seen.
func (s *Service) refuseSecond(ctx context.Context, tx bun.Tx, j *Job) error {
	if j.Mode != scrapers.Full {
		return nil
	}
	open, err := texts(ctx, tx, "SELECT name FROM jobs WHERE scraper = ? AND mode = 'full' AND status IN ('pending', 'in_progress')", j.Scraper)
	if err != nil || len(open) == 0 {
		return err
	}
	return doctype.Errorf(doctype.CodeConflict, "mode",
		"Scraper %s has an open full job, %[2]s: finish it with POST /scrapers/jobs/%[2]s/finish, or stop it with DELETE /scrapers/jobs/%[2]s", j.Scraper, open[0])
}

// Join returns the job of a DocType that another system knows under an id of its own, or that has this id here. A new one is made
// as a partial job of the DocType's scraper, or of the only one that feeds it.
func (s *Service) Join(ctx context.Context, docType, foreign string) (Job, error) {
	if doctype.CheckName(foreign) != nil || len(foreign) > 140 {
		return Job{}, doctype.Errorf(doctype.CodeInvalid, "jobId", "must be a text of at most 140 bytes")
	}
	j, err := s.Get(ctx, foreign)
	if doctype.CodeOf(err) != doctype.CodeNotFound {
		if err == nil && j.DocType != docType {
			return j, otherDocType(&j, docType)
		}
		return j, err
	}
	err = s.docs.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
		scraper, err := s.feeder(ctx, tx.Tx, docType)
		if err != nil {
			return err
		}
		// The scraper's row is the lock under which two first pages make one job.
		lock := ""
		if s.db.Postgres() {
			lock = " FOR UPDATE"
		}
		if _, err := tx.ExecContext(ctx, "SELECT name FROM scrapers WHERE name = ?"+lock, scraper); err != nil {
			return wrap("lock Scraper", err)
		}
		found, err := s.jobs(ctx, tx.Tx, "scraper = ? AND doctype = ? AND "+s.member("foreign")+" = ? ORDER BY creation DESC LIMIT 1", scraper, docType, foreign)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			j = found[0]
			return nil
		}
		if j, err = s.create(ctx, tx, scraper, request.Request{Mode: scrapers.Partial, Input: []byte("{}")}); err != nil {
			return err
		}
		if j.DocType != docType {
			return doctype.Errorf(doctype.CodeLink, "jobId", "the Scraper %s of the DocType %s feeds %s", scraper, docType, j.DocType)
		}
		j.Foreign = foreign
		return j.store(ctx, tx)
	})
	return j, err
}

// member is the SQL of a text in a job's data.
func (s *Service) member(name string) string {
	if s.db.Postgres() {
		return "(data::jsonb ->> '" + name + "')"
	}
	return "(data ->> '$." + name + "')"
}

func (s *Service) jobs(ctx context.Context, db bun.IDB, where string, args ...any) ([]Job, error) {
	var out []Job
	err := listing.Query(ctx, db, func(found *sql.Rows) error {
		j, err := scan(found)
		out = append(out, j)
		return err
	}, "SELECT "+selected+" FROM jobs WHERE "+where, args...)
	return out, err
}

// feeder is the scraper that pages of a DocType without a word about it come from.
func (s *Service) feeder(ctx context.Context, tx bun.Tx, docType string) (string, error) {
	def, err := s.docs.Definition(ctx, docType)
	if err != nil {
		return "", err
	}
	if def.Scraper != "" {
		return def.Scraper, nil
	}
	names, err := texts(ctx, tx, "SELECT name FROM scrapers WHERE "+s.member("feeds")+" = ? LIMIT 2", docType)
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", doctype.Errorf(doctype.CodeLink, "jobId", "which scraper's job is it? Name one in the member scraper of the DocType %s", docType)
	}
	return names[0], nil
}

func otherDocType(j *Job, docType string) error {
	return doctype.Errorf(doctype.CodeInvalid, "job", "job %s feeds %s, not %s", j.ID, j.DocType, docType)
}
