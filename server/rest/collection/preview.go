package collection

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"dochook/doctype"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/server/rest/export"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

const previewHistory = 100 // events of a document that are looked through

// tryInput says what a webhook is tried with.
type tryInput struct {
	Document string          `json:"document"` // name, or a job's id; "" is the newest one
	Event    string          `json:"event"`    // "" is the newest the webhook listens to
	Page     int64           `json:"page"`     // of a job; 0 is any
	Webhook  json.RawMessage `json:"webhook"`  // a draft: members over the stored webhook, if there is one
}

// rendered is a request as it is shown.
type rendered struct {
	Method     string      `json:"method"`
	URL        string      `json:"url"`
	Header     http.Header `json:"headers"`
	Body       *string     `json:"body"` // null when it is not text
	BodyBase64 string      `json:"body_base64,omitempty"`
	Bytes      int         `json:"bytes"`
}

func newRendered(r *hooks.Request) *rendered {
	if r == nil {
		return nil
	}
	out := &rendered{Method: r.Method, URL: r.URL, Header: hooks.MaskHeader(r.Header), Bytes: len(r.Body)}
	if utf8.Valid(r.Body) {
		s := string(r.Body)
		out.Body = &s
	} else {
		out.BodyBase64 = base64.StdEncoding.EncodeToString(r.Body)
	}
	return out
}

// preview answers whether a webhook would fire for a real document, why, and
// the exact request. Nothing is sent.
func (set *Set) preview(ctx context.Context, name string, body []byte) ([]byte, error) {
	c, ev, err := set.trial(ctx, name, body)
	if err != nil {
		return nil, err
	}
	p := set.Couriers.Preview(ctx, c, ev)
	out := struct {
		Fires bool   `json:"fires"`
		Why   string `json:"why"`
		Event string `json:"event"`
		ID    string `json:"event_id"`
		Name  string `json:"document"`
		*rendered
	}{p.Fires, p.Why, ev.Event, ev.ID, ev.Name, newRendered(p.Request)}
	return rawjson.Encode(out)
}

// test sends the request of a real document now and answers the attempt, which
// stands in no log.
func (set *Set) test(ctx context.Context, name string, body []byte) ([]byte, error) {
	c, ev, err := set.trial(ctx, name, body)
	if err != nil {
		return nil, err
	}
	a, err := set.Couriers.Try(ctx, c, ev)
	if err != nil {
		return nil, err
	}
	return rawjson.Encode(struct {
		Event string `json:"event"`
		ID    string `json:"event_id"`
		Name  string `json:"document"`
		export.Attempt
	}{ev.Event, ev.ID, ev.Name, export.NewAttempt(&a)})
}

// trial finds the webhook and the event of a preview or test.
func (set *Set) trial(ctx context.Context, name string, body []byte) (*hooks.Compiled, *doctype.Event, error) {
	var in tryInput
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	if in.Event != "" {
		kind, ok := doctype.ParseEventName(in.Event)
		if !ok {
			return nil, nil, web.Errorf("invalid", "event", "there is no event %.60q", in.Event)
		}
		in.Event = kind
	}
	c, err := set.drafted(ctx, name, in.Webhook)
	if err != nil {
		return nil, nil, err
	}
	ev, err := set.sample(ctx, c, in)
	return c, ev, err
}

// drafted is the stored webhook, or what a draft would make of it.
func (set *Set) drafted(ctx context.Context, name string, draft []byte) (*hooks.Compiled, error) {
	if len(draft) == 0 || string(draft) == "null" {
		return set.Webhooks.Compiled(ctx, name)
	}
	base := hooks.Default()
	base.Name = name
	stored, err := set.Webhooks.Get(ctx, name)
	switch {
	case err == nil:
		base = stored.Webhook
	case web.Classify(err).Code != "not_found":
		return nil, err
	}
	w, err := hooks.Parse(base, draft)
	if err != nil {
		return nil, err
	}
	return set.Webhooks.CompileDraft(w)
}

// sample is the event a webhook is tried with: of the log, or, where that has
// none, one made up from the document as it is.
func (set *Set) sample(ctx context.Context, c *hooks.Compiled, in tryInput) (*doctype.Event, error) {
	name, docType := in.Document, c.WebhookDocType
	if c.OnlyJobEvents() {
		job, err := set.sampleJob(ctx, c, name)
		if err != nil {
			return nil, err
		}
		name, docType = job.ID, job.DocType
	}
	if name == "" {
		newest, err := set.Documents.List(ctx, c.WebhookDocType, query.Query{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(newest) == 0 {
			return nil, web.Errorf("not_found", "document", "%s has no document yet to try the webhook with", c.WebhookDocType)
		}
		name = newest[0].Name
	}
	events, err := set.Documents.Log().History(ctx, docType, name, previewHistory)
	if err != nil {
		return nil, err
	}
	for i := range events {
		ev := &events[i]
		if in.Page > 0 && ev.Page != in.Page {
			continue
		}
		if in.Event == ev.Event || in.Event == doctype.OnChange || in.Event == "" && c.Wants(ev) {
			return ev, nil
		}
	}
	if in.Page > 0 {
		return nil, web.Errorf("not_found", "page", "there is no event of page %d of %s among its last ones", in.Page, name)
	}
	if in.Event == "" && len(events) > 0 {
		return &events[0], nil
	}
	if c.OnlyJobEvents() {
		return nil, web.Errorf("not_found", "document", "job %s has no event yet to try the webhook with", name)
	}
	d, err := set.Documents.Get(ctx, docType, name)
	if err != nil {
		return nil, err
	}
	return madeUp(&d, in.Event), nil
}

// sampleJob is the job a webhook for job events is tried with: the newest that concerns it.
func (set *Set) sampleJob(ctx context.Context, c *hooks.Compiled, id string) (jobs.Job, error) {
	if id != "" {
		return set.Jobs.Get(ctx, id)
	}
	q := query.Query{Limit: 1, Filters: []query.Filter{query.NewFilter("status", query.NotEqual, string(jobs.Pending))}}
	for field, value := range map[string]string{"doctype": c.WebhookDocType, "scraper": c.Scraper} {
		if value != "" {
			q.Filters = append(q.Filters, query.NewFilter(field, query.Equal, value))
		}
	}
	newest, err := set.Jobs.List(ctx, q)
	if err == nil && len(newest) == 0 {
		err = web.Errorf("not_found", "document", "there is no job yet to try the webhook with")
	}
	if err != nil {
		return jobs.Job{}, err
	}
	return newest[0], nil
}

func madeUp(d *doctype.Document, kind string) *doctype.Event {
	if kind == "" || kind == doctype.OnChange {
		kind = doctype.OnInsert
	}
	ev := &doctype.Event{
		ID: "preview", At: d.Modified, DocType: d.DocType, Name: d.Name, Event: kind, Version: d.Version, Data: d.Record,
		Owner: d.Owner, Creation: d.Creation, ModifiedBy: d.ModifiedBy,
	}
	if kind == doctype.OnUpdate {
		ev.Changed = []byte("[]")
	}
	return ev
}

func seconds(us int64) float64 { return float64(us) / 1e6 }
