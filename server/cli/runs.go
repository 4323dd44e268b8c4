package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/fixtures/peer"
)

// run is a job as it is answered.
type run struct {
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

	raw json.RawMessage // all of it
}

func parseRun(raw []byte, err error) (run, error) {
	r := run{raw: raw}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil || r.ID == "" {
		return r, failf("the answer is no job").because(err)
	}
	return r, nil
}

// waiting reports whether something of the job waits for a person.
func (r *run) waiting() bool { return r.Removal.Held > 0 || r.Removal.Updates > 0 }

// What is done to jobs.
const (
	verbShow    = "show"
	verbFinish  = "finish"
	verbStop    = "stop"
	verbApprove = "approve"
	verbDiscard = "discard"
)

// runs is where the jobs of a place are kept.
type runs interface {
	// createRun makes a job from {mode, expect, …} and inputs.
	createRun(ctx context.Context, scraper string, body []byte) (run, error)
	// onRun does a verb to a job; body is for finish.
	onRun(ctx context.Context, verb, id string, body []byte) (run, error)
	// findRuns lists jobs, newest first; "" is any scraper and any status.
	findRuns(ctx context.Context, scraper, status string, limit int) ([]run, error)
}

// remoteRuns are those of a service.
type remoteRuns struct{ client *peer.Client }

func (r remoteRuns) createRun(ctx context.Context, scraper string, body []byte) (run, error) {
	return parseRun(r.client.Post(ctx, "/scrapers/"+url.PathEscape(scraper)+"/jobs", http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(body)))
}

func (r remoteRuns) onRun(ctx context.Context, verb, id string, body []byte) (run, error) {
	path := "/scrapers/jobs/" + url.PathEscape(id)
	switch verb {
	case verbShow:
		return parseRun(r.client.Do(ctx, peer.Call{Method: http.MethodGet, Path: path}))
	case verbStop:
		return parseRun(r.client.Do(ctx, peer.Call{Method: http.MethodDelete, Path: path}))
	default:
		return parseRun(r.client.Do(ctx, peer.Call{Method: http.MethodPost, Path: path + "/" + verb, Body: bytes.NewReader(body)}))
	}
}

func (r remoteRuns) findRuns(ctx context.Context, scraper, status string, limit int) ([]run, error) {
	filters := [][]string{}
	for field, value := range map[string]string{"scraper": scraper, "status": status} {
		if value != "" {
			filters = append(filters, []string{field, "=", value})
		}
	}
	text, err := json.Marshal(filters)
	if err != nil {
		return nil, err
	}
	found, err := r.client.List(ctx, "Scrape Job", url.Values{
		"fields": {`["name"]`}, "filters": {string(text)}, "order_by": {"creation desc"}, "limit_page_length": {strconv.Itoa(limit)},
	})
	if err != nil {
		return nil, err
	}
	var names []struct{ Name string }
	if err := json.Unmarshal(found, &names); err != nil {
		return nil, failf("the answer is no list").because(err)
	}
	out := make([]run, len(names))
	for i, n := range names {
		if out[i], err = r.onRun(ctx, verbShow, n.Name, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// localRuns are those of a database this process has open.
type localRuns struct{ jobs *jobs.Service }

func (l localRuns) createRun(ctx context.Context, scraper string, body []byte) (run, error) {
	return ofJob(l.jobs.Create(ctx, scraper, body))
}

func (l localRuns) onRun(ctx context.Context, verb, id string, body []byte) (run, error) {
	switch verb {
	case verbStop:
		return ofJob(l.jobs.Stop(ctx, id))
	case verbApprove:
		return ofJob(l.jobs.Approve(ctx, id))
	case verbDiscard:
		return ofJob(l.jobs.Discard(ctx, id))
	case verbFinish:
		e, err := jobs.ParseEnding(body)
		if err != nil {
			return run{}, err
		}
		return ofJob(l.jobs.Finish(ctx, id, e))
	default:
		return ofJob(l.jobs.Get(ctx, id))
	}
}

func (l localRuns) findRuns(ctx context.Context, scraper, status string, limit int) ([]run, error) {
	q := query.Query{Limit: limit, Order: []query.Order{{Field: "creation", Desc: true}}}
	for field, value := range map[string]string{"scraper": scraper, "status": status} {
		if value != "" {
			q.Filters = append(q.Filters, query.NewFilter(field, query.Equal, value))
		}
	}
	found, err := l.jobs.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]run, len(found))
	for i := range found {
		if out[i], err = ofJob(found[i], nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func ofJob(j jobs.Job, err error) (run, error) {
	if err != nil {
		return run{}, err
	}
	return parseRun(j.JSON(), nil)
}

// heldNames are the first documents that a job would remove.
func (at *opened) heldNames(ctx context.Context, id string, limit int) ([]string, error) {
	if at.client == nil {
		names, _, err := at.jobs.Removals(ctx, id, 0, limit)
		return names, err
	}
	answer, err := at.client.Do(ctx, peer.Call{
		Method: http.MethodGet, Path: "/scrapers/jobs/" + url.PathEscape(id) + "/removals", Query: url.Values{"limit": {strconv.Itoa(limit)}},
	})
	if err != nil {
		return nil, err
	}
	var list struct{ Data []string }
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, failf("the answer is no list").because(err)
	}
	return list.Data, nil
}
