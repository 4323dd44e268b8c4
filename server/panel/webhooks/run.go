package webhooks

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype/record"
	"dochook/hooks"
	"dochook/hooks/replay"
	"dochook/server/panel/page"
	"dochook/server/panel/webhooks/draft"
)

// asking is what the page shows that leads to a replay or backfill.
type asking struct {
	Name, Kind, DocType string
	Enabled             bool
	Sources, Statuses   []page.Option
	Events, Operators   []page.Option
	Rows                []draft.Place // of filters
	Paths               []string
	Count               *replay.Preview // nil: it was not asked for, or could not be told
	Fields              hiddenFields    // what the confirmed request is made of
}

// hiddenFields are the values of hidden fields.
type hiddenFields map[string]string

func (p *Pages) askReplay(c *gin.Context) error   { return p.ask(c, replay.Replay) }
func (p *Pages) askBackfill(c *gin.Context) error { return p.ask(c, replay.Backfill) }

func (p *Pages) startReplay(c *gin.Context) error   { return p.start(c, replay.Replay) }
func (p *Pages) startBackfill(c *gin.Context) error { return p.start(c, replay.Backfill) }

// ask is the form of what to send again; with ?count= it says how much that is.
func (p *Pages) ask(c *gin.Context, kind string) error {
	w, err := p.stored(c)
	if err != nil {
		return err
	}
	form := page.NewForm(c.Request.URL.Query())
	return p.asked(c, form, w, kind)
}

// asked shows the form, and unless it is one that nobody has filled in, the count.
func (p *Pages) asked(c *gin.Context, form *page.Form, w *hooks.Stored, kind string) error {
	ctx := c.Request.Context()
	form.Alias = map[string]string{"expect": "", "webhook": "", "kind": "", draft.FilterRows: draft.Cell(draft.FilterRows, 0, "value")}
	r := requestOf(form, w.Name, kind)
	d := asking{
		Name: w.Name, Kind: kind, DocType: w.WebhookDocType, Enabled: bool(w.Enabled),
		Sources: []page.Option{
			{Value: replay.Deliveries, Label: "what was tried already"}, {Value: replay.Log, Label: "all events of the log it listens to, tried or not"},
		},
		Statuses: []page.Option{
			{Value: "", Label: "any end"}, {Value: "dead", Label: "dead: given up"}, {Value: "delivered", Label: "delivered"}, {Value: "skipped", Label: "skipped"},
		},
		Events:    append([]page.Option{{Value: "", Label: "any"}}, tryEvents()[1:]...),
		Operators: page.Choices("=", "!=", ">", ">=", "<", "<=", "like", "not like", "is"),
	}
	if form.Checked("count") {
		count, err := p.runs.Count(ctx, r)
		switch {
		case err == nil:
			d.Count, d.Fields = &count, hidden(form, kind, count.Count)
		case !failed(form, err):
			return err
		}
	}
	if kind == replay.Backfill {
		found, err := p.suggest(ctx, w.WebhookDocType, "", false)
		if err != nil {
			return err
		}
		d.Paths = slices.DeleteFunc(found.Paths, func(path string) bool { return strings.ContainsAny(path, `.\#`) })
	}
	d.Rows = draft.Places(form, draft.FilterRows, draft.SpareRows)
	title := map[string]string{replay.Replay: "Replay", replay.Backfill: "Backfill"}[kind]
	return p.pages.Render(c, form.Status(), "webhooks/"+kind, page.View{Title: title, Crumbs: crumbs(w.Name), Form: form, Data: d})
}

// names of the fields of a request, by kind.
func fieldsOf(kind string) []string {
	if kind == replay.Backfill {
		return []string{"document"}
	}
	return []string{"source", "status", "from", "to", "job", "event", "document"}
}

// requestOf is what the form asks for.
func requestOf(form *page.Form, webhook, kind string) replay.Request {
	r := replay.Request{Webhook: webhook, Kind: kind}
	at := map[string]*string{
		"source": &r.Source, "status": &r.Status, "from": &r.From, "to": &r.To, "job": &r.Job, "event": &r.Event, "document": &r.Document,
	}
	for _, field := range fieldsOf(kind) {
		*at[field] = strings.TrimSpace(form.Get(field))
	}
	if r.Source == replay.Log {
		r.Status = "" // events have none
	}
	if kind != replay.Backfill {
		return r
	}
	filters := []byte("[")
	for i, row := range draft.TakeRows(form, draft.FilterRows) {
		if i > 0 {
			filters = append(filters, ',')
		}
		for j, text := range []string{strings.TrimSpace(row[0]), row[1], row[2]} {
			filters = append(filters, "[,,"[j])
			filters = record.AppendQuote(filters, text)
		}
		filters = append(filters, ']')
	}
	if len(filters) > 1 {
		r.Filters = append(filters, ']')
	}
	return r
}

// hidden are the fields of the form of a request whose count was told.
func hidden(form *page.Form, kind string, count int64) hiddenFields {
	out := hiddenFields{"expect": strconv.FormatInt(count, 10), "count": "1"}
	for _, field := range fieldsOf(kind) {
		out[field] = form.Get(field)
	}
	if kind != replay.Backfill {
		return out
	}
	for _, at := range draft.Places(form, draft.FilterRows, 0) {
		for _, column := range draft.Columns(draft.FilterRows) {
			out[draft.Cell(draft.FilterRows, at.N, column)] = form.Get(draft.Cell(draft.FilterRows, at.N, column))
		}
	}
	return out
}

// start begins what was counted; if there is more or less of it by now the new
// count is shown.
func (p *Pages) start(c *gin.Context, kind string) error {
	w, err := p.stored(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	form.Alias = map[string]string{"expect": "", "webhook": ""}
	r := requestOf(form, w.Name, kind)
	expect, err := strconv.ParseInt(form.Get("expect"), 10, 64)
	if err != nil {
		form.Wrong("", "Count first: what is sent should be what was seen.")
		form.Set("count", "1")
		return p.asked(c, form, w, kind)
	}
	r.Expect = &expect
	run, err := p.runs.Start(c.Request.Context(), r)
	switch {
	case err == nil:
		return page.Redirect(c, page.Path("webhooks", "run", run.ID), page.Done("Begun: "+strconv.FormatInt(run.Total, 10)+" to send."))
	case failed(form, err):
		return p.asked(c, form, w, kind)
	default:
		return err
	}
}

// running is what the page of a run shows.
type running struct {
	replay.Run

	Words string // what it is about
}

func (p *Pages) run(c *gin.Context) (*running, error) {
	id, err := page.Param(c, "id")
	if err != nil {
		return nil, err
	}
	r, err := p.runs.Get(c.Request.Context(), id)
	return &running{r, words(&r)}, err
}

// words says what a run is about.
func words(r *replay.Run) string {
	f, out := &r.Filter, []string{}
	add := func(label, value string) {
		if value != "" {
			out = append(out, label+" "+value)
		}
	}
	first := "deliveries"
	switch {
	case r.Kind == replay.Backfill:
		first = "documents of " + r.DocType
	case f.Source == replay.Log:
		first = "events of the log"
	}
	add("that were", f.Status)
	add("from", f.From)
	add("before", f.To)
	add("of job", f.Job)
	add("of event", f.Event)
	add("of document", f.Document)
	if len(f.Filters) > 0 && string(f.Filters) != "null" {
		add("that pass", string(f.Filters))
	}
	if len(out) == 0 {
		return "all " + first
	}
	return first + " " + strings.Join(out, ", ")
}

func (p *Pages) showRun(c *gin.Context) error {
	d, err := p.run(c)
	if err != nil {
		return err
	}
	name := map[string]string{replay.Replay: "Replay", replay.Backfill: "Backfill"}[d.Kind]
	return p.pages.Render(c, http.StatusOK, "webhooks/run", page.View{Title: name + " of " + d.Webhook, Crumbs: crumbs(d.Webhook), Data: d})
}

// progress is the piece of the page of a run that changes.
func (p *Pages) progress(c *gin.Context) error {
	d, err := p.run(c)
	if err != nil {
		return err
	}
	return p.pages.Fragment(c, http.StatusOK, "webhooks/run", "progress", page.View{Data: d})
}

func (p *Pages) cancel(c *gin.Context) error {
	id, err := page.Param(c, "id")
	if err != nil {
		return err
	}
	at := page.Path("webhooks", "run", id)
	if _, err := p.runs.Cancel(c.Request.Context(), id); err != nil {
		return told(c, at, err)
	}
	return page.Redirect(c, at, page.Done("Canceled. What was not sent yet is not going to be."))
}
