package hooks

import (
	"cmp"
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/hooks/condition"
	"dochook/hooks/resource"
	"dochook/mapping"
)

func as[T any](err error, target *T) bool { return errors.As(err, target) }

// Wants reports whether the webhook listens to the event: its DocType, the kind
// of event and, on updates, the monitored fields. The condition comes later: it
// may fail, and that belongs to the delivery.
func (c *Compiled) Wants(e *doctype.Event) bool {
	if c.WebhookDocType != "" && e.DocType != c.WebhookDocType || c.Scraper != "" && e.Scraper != c.Scraper || c.Job != "" && e.Job != c.Job ||
		!slices.ContainsFunc(c.Events, func(name string) bool { return c.Means(name, e) }) {
		return false
	}
	if e.Event != doctype.OnUpdate || len(c.Fields) == 0 {
		return true
	}
	changes, err := record.ParseChanges(e.Changed)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(changes, func(ch record.Change) bool { return slices.Contains(c.Fields, ch.Name) })
}

// Holds evaluates the condition for an event.
func (c *Compiled) Holds(e *doctype.Event) (bool, error) {
	if c.condition == nil {
		return true, nil
	}
	facts := condition.Facts{Old: e.Old(), Changed: e.Changed, Event: e.Event, Job: e.Job}
	if !doctype.IsJobEvent(e.Event) {
		d := e.Document()
		facts.Doc = d.AppendView(nil)
	}
	holds, err := c.condition.Holds(facts)
	if err != nil {
		err = inField("condition", err)
	}
	return holds, err
}

// Render makes the request an event leads to, of a format that is not batched.
// The same webhook and event always make the same bytes. An error
// (render_failed, too_large) is final.
func (c *Compiled) Render(e *doctype.Event) (Request, error) {
	v := view{event: e, webhook: c}
	r, err := c.envelope(e, &v)
	if err != nil {
		return r, err
	}
	return r, c.renderBody(&r, &v)
}

// envelope is a request without its body.
func (c *Compiled) envelope(e *doctype.Event, v *view) (Request, error) {
	r := Request{Method: c.RequestMethod, URL: c.RequestURL}
	if c.url != nil {
		u, err := c.url.Append(nil, v.root)
		if err != nil {
			return r, inField("request_url", err)
		}
		r.URL = string(u)
	}
	var err error
	r.Header, err = c.header(e, v)
	return r, err
}

// header are the headers of a request that are the same in every attempt, but for those that its body asks for.
func (c *Compiled) header(e *doctype.Event, v *view) (http.Header, error) {
	out := make(http.Header, len(c.headers)+2)
	for _, h := range c.headers {
		text, err := h.value.Append(nil, v.root)
		if err != nil {
			return nil, inField("webhook_headers: "+h.key, err)
		}
		out[h.key] = append(out[h.key], string(text))
	}
	if c.more != nil {
		pairs, err := c.more.Render(v.root)
		if err != nil {
			return nil, inField("headers_template", err)
		}
		for _, p := range pairs {
			if key := textproto.CanonicalMIMEHeaderKey(p.Name); !c.replaces(key) {
				out[key] = []string{p.Value}
			}
		}
	}
	out[HopsHeader] = []string{strconv.FormatInt(e.Hops+1, 10)}
	if c.Format == FormatTemplate {
		out["Webhook"] = []string{headerText(c.Name)}
		out["Webhook-Dispatch-Id"] = []string{cmp.Or(e.Job, e.ID)}
		out["Request-Origin"] = []string{"dochook"}
	}
	return out, nil
}

// headerText is a text as a header can carry it: a webhook may be called anything.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

func (c *Compiled) renderBody(r *Request, v *view) error {
	var err error
	contentType := "application/json"
	switch {
	case c.mapping != nil:
		if r.Body, err = c.mapped(v); err != nil {
			return inField("webhook_data", err)
		}
	case c.body != nil:
		if r.Body, err = c.body.Append(make([]byte, 0, 512), v.root); err != nil {
			return inField("webhook_json", err)
		}
	default: // nothing configured, nothing sent
		delete(r.Header, "Content-Type")
		return nil
	}
	if c.RequestStructure == "Form URL-Encoded" {
		contentType = "application/x-www-form-urlencoded"
		if r.Body, err = mapping.AppendForm(nil, r.Body); err != nil {
			return inField("webhook_data", err)
		}
	}
	if r.Header["Content-Type"] == nil {
		r.Header["Content-Type"] = []string{contentType}
	}
	return nil
}

// mapped is the body of the rows of webhook_data. Most rows take single fields: then the view of the document, which the record is but
// a part of, need not be made.
func (c *Compiled) mapped(v *view) ([]byte, error) {
	body := make([]byte, 0, 512)
	if c.apart == nil || v.doc != nil || doctype.IsJobEvent(v.event.Event) {
		return c.mapping.Append(body, v.root("doc"))
	}
	d := v.event.Document()
	var room [256]byte
	return c.apart.Append(body, d.AppendStandard(room[:0], c.heads), d.Record)
}

// takeApart readies the rows for documents whose record stands by itself. A field "record" is more than the record's own: the view puts
// there what has the name of a standard field.
func (c *Compiled) takeApart() {
	apart := c.mapping.Apart(func(key string) bool { return doctype.IsStandardField(key) || key == "record" })
	if apart == nil || slices.Contains(apart.Heads(), "record") {
		return
	}
	c.apart, c.heads = apart, apart.Heads()
}

// view makes the root variables of templates from an event, each once.
type view struct {
	event   *doctype.Event
	webhook *Compiled
	doc     []byte
}

func (v *view) root(name string) []byte {
	e := v.event
	if doctype.IsJobEvent(e.Event) {
		switch name {
		case "doc", "old":
			return nil
		case "resource":
			return resource.Task(e)
		case "eventData":
			return resource.EventData(e)
		}
	}
	switch name {
	case "doc", "resource":
		if v.doc == nil {
			d := e.Document()
			v.doc = d.AppendView(make([]byte, 0, len(e.Data)+300))
		}
		return v.doc
	case "old":
		return e.Old()
	case "changed":
		if e.Changed == nil {
			return []byte("[]")
		}
		return e.Changed
	case "event":
		return quote(e.Event)
	case "eventType":
		return quote(v.webhook.EventName(e))
	case "job":
		if e.Job == "" {
			return nil
		}
		return quote(e.Job)
	case "globals":
		return []byte(`{"dateISO":"` + v.at() + `","dateUnix":` + strconv.FormatInt(e.At.Unix(), 10) + `}`)
	case "userId":
		return quote(e.KeyID)
	case "userName":
		return quote(e.ModifiedBy)
	case "createdAt":
		return quote(v.at())
	case "eventData":
		return e.AppendJSON(nil)
	default:
		return nil
	}
}

func (v *view) at() string { return v.event.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }
