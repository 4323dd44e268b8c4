package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/doctype/listing"
	"dochook/doctype/query"
	"dochook/migrations"
)

// Hooks makes the webhook that a job brings along.
type Hooks interface {
	// InsertInline stores the webhook of a job, a JSON object {url, events, headers}, in the transaction that makes the job.
	InsertInline(ctx context.Context, tx bun.Tx, job, docType string, webhook []byte) error
	// Announce tells that such a webhook was stored.
	Announce()
}

// Options of a Service; the zero value is ready for use.
type Options struct {
	// Hooks stores inline webhooks. Default: a job with one is refused.
	Hooks Hooks
	// BaseURL stands before the paths of results in events. Default: they are relative.
	BaseURL string
	// Idle is how long an open job may go without a page before it fails. Default 1 hour.
	Idle time.Duration
}

// Service keeps jobs. Its methods may be called from any goroutine.
type Service struct {
	db    *migrations.DB
	docs  *documents.Service
	hooks Hooks
	base  string
	idle  time.Duration
}

const defaultIdle = time.Hour

// New returns a Service on db, which writes documents by docs and hears from it which were seen; it starts nothing.
func New(db *migrations.DB, docs *documents.Service, o Options) *Service {
	s := &Service{db: db, docs: docs, hooks: o.Hooks, base: strings.TrimRight(o.BaseURL, "/"), idle: o.Idle}
	if s.idle <= 0 {
		s.idle = defaultIdle
	}
	docs.OnSeen(s.sawAll)
	return s
}

const selected = "name, data, owner, creation, modified, modified_by"

func scan(r interface{ Scan(dest ...any) error }) (Job, error) {
	var j Job
	var name, data string
	var creation, modified int64
	if err := r.Scan(&name, &data, &j.Owner, &creation, &modified, &j.ModifiedBy); err != nil {
		return j, wrap("read job", err)
	}
	if err := json.Unmarshal([]byte(data), &j); err != nil {
		return j, wrap("stored job "+name, err)
	}
	j.Creation, j.Modified = time.UnixMicro(creation).UTC(), time.UnixMicro(modified).UTC()
	return j, nil
}

func notFound(id string) error {
	return doctype.Errorf(doctype.CodeNotFound, "", "Scrape Job %q not found", id)
}

func load(ctx context.Context, db bun.IDB, where string, id string) (Job, error) {
	if doctype.CheckName(id) != nil {
		return Job{}, notFound(id)
	}
	j, err := scan(db.QueryRowContext(ctx, "SELECT "+selected+" FROM jobs WHERE "+where, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Job{}, notFound(id)
	}
	return j, eventlog.Unavailable(err)
}

// lock reads a job for the rest of the transaction: its pages and its end come one after the other.
func (s *Service) lock(ctx context.Context, tx *documents.Tx, id string) (Job, error) {
	if s.db.Postgres() {
		return load(ctx, tx.Tx, "name = ? FOR UPDATE", id)
	}
	return load(ctx, tx.Tx, "name = ?", id)
}

func (j *Job) store(ctx context.Context, tx *documents.Tx) error {
	data, err := j.encode()
	if err != nil {
		return err
	}
	j.Modified, j.ModifiedBy = tx.Now(), doctype.UserOf(ctx).Name
	_, err = tx.ExecContext(ctx, "UPDATE jobs SET status = ?, data = ?, modified = ?, modified_by = ? WHERE name = ?",
		string(j.Status), string(data), j.Modified.UnixMicro(), j.ModifiedBy, j.ID)
	return wrap("update job", err)
}

// Get returns a job; not_found if there is none.
func (s *Service) Get(ctx context.Context, id string) (Job, error) {
	return load(ctx, s.docs.Reader(ctx), "name = ?", id)
}

// Known reports whether lists may name a member of a job.
func Known(field string) bool {
	switch field {
	case "scraper", "doctype", "status", "mode", "scope", "baseline", "expect", "max_updates", "input", "stats", "reason",
		"dataRowsCount", "counts", "live", "held", "held_updates", "brake", "decision", "title", "table", "startedAt", "finishedAt":
		return true
	}
	return false
}

func (s *Service) table() listing.Table {
	t := listing.New(s.db.Postgres(), "jobs", selected, Known)
	for _, column := range []string{"scraper", "status", "mode"} {
		t.Source.Columns[column] = query.Column{SQL: "jobs." + column, Kind: query.Text}
	}
	return t
}

// List returns the jobs that pass the query, in its order.
func (s *Service) List(ctx context.Context, q query.Query) ([]Job, error) {
	return listing.List(ctx, s.docs.Reader(ctx), s.table(), q, func(r *sql.Rows) (Job, error) { return scan(r) })
}

// Count counts the jobs that pass the query's filters.
func (s *Service) Count(ctx context.Context, q query.Query) (int64, error) {
	return listing.Count(ctx, s.docs.Reader(ctx), s.table(), q)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
