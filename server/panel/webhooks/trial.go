package webhooks

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"dochook/server/panel/page"
	"dochook/server/panel/webhooks/draft"
	"dochook/server/rest/collection"
	"dochook/server/rest/export"
)

// trial is what a webhook would do with a real document, and what came of trying.
type trial struct {
	Problem         string // why it cannot be told; "" = it can
	Fires           bool
	Why             string
	Event, Document string
	Request         *request
	Answer          *answer // of a request that was sent, or nil
	Suggested       suggested
	JobsAlone       bool // it is tried with jobs, not with documents
}

// request is the exact request.
type request struct {
	Method, URL string
	Headers     []header
	Body        string
	JSON        bool // the body can be set out
	Binary      bool // it is no text
	Cut         bool // there is more of it
	Bytes       int
}

type header struct{ Name, Value string }

// answer is what an endpoint said to a request that was sent for trial.
type answer struct {
	Problem string // why nothing was sent
	export.Attempt

	Shown []header
	Cut   bool
}

// Delivered reports whether the endpoint took it.
func (a *answer) Delivered() bool { return a.Problem == "" && a.Reason == "" }

const shownBytes = 64 << 10 // of a body on a page

// subject says what a webhook is tried with.
type subject struct {
	Document string          `json:"document"`
	Event    string          `json:"event"`
	Page     int64           `json:"page,omitempty"`
	Webhook  json.RawMessage `json:"webhook,omitempty"`
}

// subjectOf reads the fields that say what to try with.
func subjectOf(form *page.Form) (subject, string) {
	s := subject{Document: strings.TrimSpace(form.Get("try_document")), Event: form.Get("try_event")}
	text := strings.TrimSpace(form.Get("try_page"))
	if text == "" {
		return s, ""
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return s, "The number of the page is a whole number from 1 on."
	}
	s.Page = n
	return s, ""
}

// look makes a trial; with send the request goes out, too.
func (p *Pages) look(ctx context.Context, name string, s subject, send bool) (trial, error) {
	var t trial
	col, err := p.open(ctx, collection.Write)
	if err != nil {
		return t, err
	}
	body, err := json.Marshal(s)
	if err != nil {
		return t, err
	}
	raw, err := col.Call(ctx, name, "preview", body)
	if field, text, ok := problem(err); ok {
		t.Problem = called(field, text)
		return t, nil
	}
	if err != nil {
		return t, err
	}
	if err := t.read(raw); err != nil || !send {
		return t, err
	}
	t.Answer = &answer{}
	raw, err = col.Call(ctx, name, "test", body)
	if field, text, ok := problem(err); ok {
		t.Answer.Problem = called(field, text)
		return t, nil
	}
	if err == nil {
		err = t.Answer.read(raw)
	}
	return t, err
}

func (t *trial) read(raw []byte) error {
	var in struct {
		Fires    bool        `json:"fires"`
		Why      string      `json:"why"`
		Event    string      `json:"event"`
		Document string      `json:"document"`
		Method   string      `json:"method"`
		URL      string      `json:"url"`
		Headers  http.Header `json:"headers"`
		Body     *string     `json:"body"`
		Base64   string      `json:"body_base64"`
		Bytes    int         `json:"bytes"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	t.Fires, t.Why, t.Event, t.Document = in.Fires, in.Why, in.Event, in.Document
	if in.Method == "" {
		return nil
	}
	r := &request{Method: in.Method, URL: in.URL, Headers: sorted(in.Headers), Bytes: in.Bytes, Binary: in.Base64 != ""}
	if in.Body != nil {
		r.Body, r.Cut = cut(*in.Body)
		r.JSON = !r.Cut && json.Valid([]byte(r.Body))
	}
	t.Request = r
	return nil
}

func (a *answer) read(raw []byte) error {
	if err := json.Unmarshal(raw, &a.Attempt); err != nil {
		return err
	}
	a.Body, a.Cut = cut(a.Body)
	a.Shown = sorted(a.Headers)
	return nil
}

func sorted(headers map[string][]string) []header {
	var out []header
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, v := range headers[name] {
			out = append(out, header{name, v})
		}
	}
	return out
}

func cut(body string) (string, bool) {
	if len(body) <= shownBytes {
		return body, false
	}
	end := shownBytes
	for end > 0 && !utf8.RuneStart(body[end]) {
		end--
	}
	return body[:end], true
}

// try is the page on which a stored webhook is tried.
func (p *Pages) try(c *gin.Context) error {
	form := page.NewForm(nil)
	for _, field := range []string{"try_document", "try_event", "try_page"} {
		form.Set(field, c.Query(field))
	}
	return p.tried(c, form, false)
}

// send sends the request that the page of a trial shows.
func (p *Pages) send(c *gin.Context) error {
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	return p.tried(c, form, form.Get("do") == "test")
}

func (p *Pages) tried(c *gin.Context, form *page.Form, send bool) error {
	ctx := c.Request.Context()
	name, err := page.Param(c, "name")
	if err != nil {
		return err
	}
	w, err := p.set.Webhooks.Get(ctx, name)
	if err != nil {
		return err
	}
	s, wrong := subjectOf(form)
	t := trial{Problem: wrong}
	if wrong == "" {
		if t, err = p.look(ctx, name, s, send); err != nil {
			return err
		}
	}
	t.JobsAlone = w.OnlyJobEvents()
	if t.Suggested, err = p.suggest(ctx, w.WebhookDocType, w.Scraper, t.JobsAlone); err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "webhooks/try", page.View{
		Title: "Try " + name, Crumbs: crumbs(name), Form: form,
		Data: struct {
			Name   string
			Events []page.Option
			Trial  trial
		}{name, tryEvents(), t},
	})
}

// tryEvents are the events to choose from for a trial.
func tryEvents() []page.Option {
	out := []page.Option{{Value: "", Label: "the newest it listens to"}}
	for _, e := range draft.Events() {
		if e.Value == "on_change" || strings.HasPrefix(e.Value, "Task ") {
			continue
		}
		out = append(out, page.Option{Value: e.Value, Label: e.Value})
	}
	return out
}
