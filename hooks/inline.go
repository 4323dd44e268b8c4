package hooks

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"dochook/doctype/record"
	"dochook/hooks/definition"
)

// inlineName is the name of the webhook that a job brings along.
func inlineName(job string) string { return "job-" + job }

// InsertInline stores the webhook that a job brings along, {url, events, headers}, in the transaction that makes the job. Its errors name
// the member, as webhook.url.
func (s *Service) InsertInline(ctx context.Context, tx bun.Tx, job, docType string, data []byte) error {
	w, err := definition.ParseInline(data)
	if err != nil {
		return err
	}
	w.Name, w.Job, w.WebhookDocType = inlineName(job), job, docType
	w.Description = "of job " + job
	r, err := s.newRow(ctx, w)
	if err != nil {
		return inMember(err)
	}
	r.owner, r.creation, r.secretsOld, r.version = r.modifiedBy, r.modified, "[]", r.modified
	return s.store(ctx, tx, &r)
}

// Announce tells that webhooks were made outside this Service's own transactions.
func (s *Service) Announce() { s.changed() }

// inMember says where in the job's webhook a mistake stands that was found in ours.
func inMember(err error) error {
	own, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	moved := *own
	switch field := own.Field; {
	case field == "request_url":
		moved.Field = "webhook.url"
	case strings.HasPrefix(field, "webhook_headers"):
		moved.Field = "webhook.headers"
	default:
		moved.Field = "webhook." + field
	}
	return &moved
}

// Inline lists the webhooks that jobs brought along, by job.
func (s *Service) Inline(ctx context.Context) (map[string]Stored, error) {
	rows, err := s.rows(ctx, "SELECT "+columns+" FROM webhooks WHERE name LIKE 'job-%'")
	if err != nil {
		return nil, err
	}
	out := map[string]Stored{}
	for i := range rows {
		stored, err := s.stored(&rows[i])
		if err != nil {
			return nil, err
		}
		if stored.Job != "" && stored.Name == inlineName(stored.Job) {
			out[stored.Job] = stored
		}
	}
	return out, nil
}

// scraperDocType fills in which DocType a webhook of a scraper is about, and refuses one about another.
func scraperDocType(ctx context.Context, db bun.IDB, w *Webhook) error {
	if w.Scraper == "" {
		return nil
	}
	var data []byte
	if err := db.QueryRowContext(ctx, "SELECT coalesce((SELECT data FROM scrapers WHERE name = ?), '')", w.Scraper).Scan(&data); err != nil {
		return wrap("look for the Scraper", err)
	}
	if len(data) == 0 {
		return errorf(CodeLink, "scraper", "there is no Scraper %s", strconv.Quote(w.Scraper))
	}
	feeds := record.Unquote(record.Member(data, "feeds"))
	if w.WebhookDocType == "" {
		w.WebhookDocType = feeds
	}
	if w.WebhookDocType != feeds {
		return errorf(CodeInvalid, "webhook_doctype", "Scraper %s feeds %s, not %s", w.Scraper, feeds, w.WebhookDocType)
	}
	return nil
}
