package hooks

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/mapping"
)

func as[T any](err error, target *T) bool { return errors.As(err, target) }

// Wants reports whether the webhook listens to the event: its DocType, the kind
// of event and, on updates, the monitored fields. The condition comes later: it
// may fail, and that belongs to the delivery.
func (c *Compiled) Wants(e *doctype.Event) bool {
	if e.DocType != c.WebhookDocType || !slices.Contains(c.Events, e.Event) && !slices.Contains(c.Events, doctype.OnChange) {
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
	d := e.Document()
	return c.condition.Holds(Facts{Doc: d.AppendView(nil), Old: e.Old(), Changed: e.Changed, Event: e.Event, Job: e.Job})
}

// Render makes the request an event leads to. The same webhook and event always
// make the same bytes. An error (render_failed, too_large) is final.
func (c *Compiled) Render(e *doctype.Event) (Request, error) {
	v := view{event: e}
	r := Request{Method: c.RequestMethod, URL: c.RequestURL, Header: make(http.Header, len(c.headers)+2)}
	if c.url != nil {
		u, err := c.url.Append(nil, v.root)
		if err != nil {
			return r, inField("request_url", err)
		}
		r.URL = string(u)
	}
	for _, h := range c.headers {
		text, err := h.value.Append(nil, v.root)
		if err != nil {
			return r, inField("webhook_headers: "+h.key, err)
		}
		r.Header[h.key] = append(r.Header[h.key], string(text))
	}
	r.Header[HopsHeader] = []string{strconv.FormatInt(e.Hops+1, 10)}
	if err := c.renderBody(&r, &v); err != nil {
		return r, err
	}
	return r, nil
}

func (c *Compiled) renderBody(r *Request, v *view) error {
	var err error
	contentType := "application/json"
	switch {
	case c.mapping != nil:
		if r.Body, err = c.mapping.Append(make([]byte, 0, 512), v.root("doc")); err != nil {
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

// view makes the root variables of templates from an event, each once.
type view struct {
	event *doctype.Event
	doc   []byte
}

func (v *view) root(name string) []byte {
	e := v.event
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
	case "event", "eventType":
		return quote(e.Event)
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
