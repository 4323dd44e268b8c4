package place

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/fixtures/definitions"
	"dochook/fixtures/peer"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
)

// kept are DocTypes, Scrapers and Webhooks.
type kept interface {
	definitions.Place
	definitions.Exporter
}

// Opened is a place in use.
type Opened struct {
	kept

	client *peer.Client // nil in a database
	docs   *documents.Service
	jobs   *jobs.Service
}

// Remote is the service that a client speaks to.
func Remote(client *peer.Client) *Opened { return &Opened{kept: client, client: client} }

// Options of Local; the zero value is ready for use.
type Options struct {
	Logger *slog.Logger // default: discarded
	// PublicURL is where the service is found that the database belongs to; it
	// stands in the events of jobs. Default: paths stand there alone.
	PublicURL string
	// MasterKey is what the secrets of webhooks are encrypted with. Default: they are not.
	MasterKey string
}

// Local is an open database; guard checks the addresses of webhooks.
func Local(db *migrations.DB, guard *sender.Guard, o Options) *Opened {
	docs := documents.New(db, documents.Options{Logger: o.Logger})
	return &Opened{
		kept: &definitions.Local{
			Documents: docs,
			Scrapers:  scrapers.New(db, scrapers.Options{}),
			Webhooks:  hooks.New(db, guard, ledger.New(db), hooks.Options{MasterKey: o.MasterKey}),
		},
		docs: docs, jobs: jobs.New(db, docs, jobs.Options{BaseURL: o.PublicURL}),
	}
}

// Removals are the names of the first documents that a held job would remove.
func (o *Opened) Removals(ctx context.Context, id string, limit int) ([]string, error) {
	if o.client == nil {
		names, _, err := o.jobs.Removals(ctx, id, 0, limit)
		return names, err
	}
	answer, err := o.client.Do(ctx, peer.Call{Method: http.MethodGet, Path: jobPath(id) + "/removals", Query: url.Values{"limit": {strconv.Itoa(limit)}}})
	if err != nil {
		return nil, err
	}
	var list struct{ Data []string }
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, senseless("list", err)
	}
	return list.Data, nil
}

func jobPath(id string) string { return "/scrapers/jobs/" + url.PathEscape(id) }

// senseless is the error of an answer that is not what it should be.
func senseless(what string, err error) error {
	return &peer.Error{CodeWord: peer.CodeFailed, Message: "the answer is no " + what, Err: err}
}
