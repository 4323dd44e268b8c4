package place

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/fixtures/peer"
)

// Run is a job as it is answered.
type Run struct {
	ID      string `json:"id"`
	Scraper string `json:"scraper"`
	DocType string `json:"doctype"`
	Status  string `json:"status"`
	Mode    string `json:"mode"`
	Rows    int64  `json:"dataRowsCount"`
	Counts  struct {
		Pages, Received, Inserted, Updated, Unchanged, Duplicates, Rejected, Trashed, Removed int64
	} `json:"counts"`
	Removal struct {
		Live, Held int64
		Updates    int64 `json:"held_updates"`
		Brake      string
		Decision   string
	} `json:"removal"`
	Reason   string  `json:"reason"`
	Created  string  `json:"createdAt"`
	Started  *string `json:"startedAt"`
	Finished *string `json:"finishedAt"`

	JSON json.RawMessage `json:"-"` // all of it, as it was answered
}

func parseRun(raw []byte, err error) (Run, error) {
	r := Run{JSON: raw}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil || r.ID == "" {
		return r, senseless("job", err)
	}
	return r, nil
}

// Waiting reports whether something of the job waits for a person.
func (r *Run) Waiting() bool { return r.Removal.Held > 0 || r.Removal.Updates > 0 }

// What is done to jobs.
const (
	Show    = "show"
	Finish  = "finish"
	Stop    = "stop"
	Approve = "approve"
	Discard = "discard"
)

// CreateRun makes a job from {mode, expect, …} and inputs.
func (o *Opened) CreateRun(ctx context.Context, scraper string, body []byte) (Run, error) {
	if o.client == nil {
		return ofJob(o.jobs.Create(ctx, scraper, body))
	}
	return parseRun(o.client.Do(ctx, peer.Call{
		Method: http.MethodPost, Path: "/scrapers/" + url.PathEscape(scraper) + "/jobs", Body: bytes.NewReader(body),
	}))
}

// OnRun does one of the above to a job; body is for Finish.
func (o *Opened) OnRun(ctx context.Context, verb, id string, body []byte) (Run, error) {
	if o.client == nil {
		return o.onLocal(ctx, verb, id, body)
	}
	switch verb {
	case Show:
		return parseRun(o.client.Do(ctx, peer.Call{Method: http.MethodGet, Path: jobPath(id)}))
	case Stop:
		return parseRun(o.client.Do(ctx, peer.Call{Method: http.MethodDelete, Path: jobPath(id)}))
	default:
		return parseRun(o.client.Do(ctx, peer.Call{Method: http.MethodPost, Path: jobPath(id) + "/" + verb, Body: bytes.NewReader(body)}))
	}
}

func (o *Opened) onLocal(ctx context.Context, verb, id string, body []byte) (Run, error) {
	switch verb {
	case Stop:
		return ofJob(o.jobs.Stop(ctx, id))
	case Approve:
		return ofJob(o.jobs.Approve(ctx, id))
	case Discard:
		return ofJob(o.jobs.Discard(ctx, id))
	case Finish:
		e, err := jobs.ParseEnding(body)
		if err != nil {
			return Run{}, err
		}
		return ofJob(o.jobs.Finish(ctx, id, e))
	default:
		return ofJob(o.jobs.Get(ctx, id))
	}
}

// FindRuns lists jobs, newest first; "" is any scraper, and any status.
func (o *Opened) FindRuns(ctx context.Context, scraper, status string, limit int) ([]Run, error) {
	wanted := map[string]string{"scraper": scraper, "status": status}
	maps.DeleteFunc(wanted, func(_, value string) bool { return value == "" })
	if o.client != nil {
		return o.findRemote(ctx, wanted, limit)
	}
	q := query.Query{Limit: limit, Order: []query.Order{{Field: "creation", Desc: true}}}
	for field, value := range wanted {
		q.Filters = append(q.Filters, query.NewFilter(field, query.Equal, value))
	}
	found, err := o.jobs.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Run, len(found))
	for i := range found {
		if out[i], err = ofJob(found[i], nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o *Opened) findRemote(ctx context.Context, wanted map[string]string, limit int) ([]Run, error) {
	filters, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	found, err := o.client.List(ctx, "Scrape Job", url.Values{
		"fields": {`["name"]`}, "filters": {string(filters)}, "order_by": {"creation desc"}, "limit_page_length": {strconv.Itoa(limit)},
	})
	if err != nil {
		return nil, err
	}
	var names []struct{ Name string }
	if err := json.Unmarshal(found, &names); err != nil {
		return nil, senseless("list", err)
	}
	out := make([]Run, len(names))
	for i, n := range names {
		if out[i], err = o.OnRun(ctx, Show, n.Name, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func ofJob(j jobs.Job, err error) (Run, error) {
	if err != nil {
		return Run{}, err
	}
	return parseRun(j.JSON(), nil)
}
