package deliveries

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
	"dochook/server/panel/page"
	"dochook/server/web"
)

// order is the page that asks what is to be sent again, and counts it.
type order struct {
	Webhooks, Statuses, Sources, Events []page.Option
	Counted                             *replay.Preview // nil: nothing was asked for yet, or it is wrong
	Fields                              [][2]string     // what was counted, as the form that begins has to say it
}

// ordered are the members of a request, as fields of the form.
var ordered = []string{"webhook", "source", "status", "from", "to", "event", "document", "job"} //nolint:gochecknoglobals // a table

func request(form *page.Form) replay.Request {
	return replay.Request{Webhook: form.Get("webhook"), Kind: replay.Replay, Filter: replay.Filter{
		Source: form.Get("source"), Status: form.Get("status"), From: form.Get("from"), To: form.Get("to"),
		Event: form.Get("event"), Document: form.Get("document"), Job: form.Get("job"),
	}}
}

// again asks what is to be sent again. With a webhook in the address it counts; nothing is changed.
func (p *Pages) again(c *gin.Context) error {
	form := page.NewForm(c.Request.URL.Query())
	if form.Get("status") == ledger.Retrying {
		form.Set("status", "")
	}
	return p.order(c, form)
}

func (p *Pages) order(c *gin.Context, form *page.Form) error {
	ctx := c.Request.Context()
	if err := web.Check(ctx, web.Admin); err != nil {
		return err
	}
	if form.Get("source") == "" {
		form.Set("source", replay.Deliveries)
	}
	names, err := p.webhooks(c)
	if err != nil {
		return err
	}
	v := order{
		Webhooks: append([]page.Option{{Label: "choose one"}}, page.Choices(names...)...), Statuses: statuses("delivered, dead or skipped"), Events: events(),
		Sources: []page.Option{{Value: replay.Deliveries, Label: "what was tried"}, {Value: replay.Log, Label: "all of the log it listens to, tried or not"}},
	}
	v.Statuses = append(v.Statuses[:1:1], v.Statuses[2:]...) // what waits is sent by itself
	if form.Get("webhook") != "" {
		counted, err := p.runs.Count(ctx, request(form))
		switch {
		case form.Failed(err):
		case err != nil && web.Classify(err).Code == "not_found":
			form.Wrong("webhook", "%s", web.Classify(err).Message)
		case err != nil:
			return err
		default:
			v.Counted = &counted
		}
		for _, name := range ordered {
			if value := form.Get(name); value != "" {
				v.Fields = append(v.Fields, [2]string{name, value})
			}
		}
	}
	return p.pages.Render(c, form.Status(), "deliveries/again", page.View{Title: "Send again", Crumbs: []page.Crumb{home()}, Form: form, Data: v})
}

func events() []page.Option {
	out := []page.Option{{Label: "any"}}
	return append(out, page.Choices(doctype.OnInsert, doctype.OnUpdate, doctype.OnTrash, doctype.JobStarted, doctype.JobData, doctype.JobFinished, doctype.JobFailed, doctype.JobStopped)...)
}

// startRun begins what was counted, if that is still as many.
func (p *Pages) startRun(c *gin.Context) error {
	ctx := c.Request.Context()
	if err := web.Check(ctx, web.Admin); err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	r := request(form)
	if n, err := strconv.ParseInt(form.Get("expect"), 10, 64); err == nil {
		r.Expect = &n
	} else {
		form.Wrong("", "count first how many there are")
		return p.order(c, form)
	}
	run, err := p.runs.Start(ctx, r)
	if err == nil {
		return page.Redirect(c, page.Path("deliveries", "run", run.ID), page.Done("The replay goes on by itself; you need not stay."))
	}
	if web.Classify(err).Code == "not_found" {
		form.Wrong("webhook", "%s", web.Classify(err).Message)
		form.Set("webhook", "")
		return p.order(c, form)
	}
	form.Alias = map[string]string{"expect": ""}
	if !form.Failed(err) {
		return err
	}
	return p.order(c, form)
}

// shown is a run as it is shown.
type shown struct {
	replay.Run
	Members []fact
	Log     string // its deliveries
}

type fact struct{ Name, Value string }

// Part is how much of it is done, of 100.
func (s *shown) Part() int64 {
	if s.Total == 0 {
		return 0
	}
	return s.Done * 100 / s.Total
}

// Backfill reports whether it sends documents and not events.
func (s *shown) Backfill() bool { return s.Kind == replay.Backfill }

func newShown(r replay.Run) shown {
	s := shown{Run: r, Log: page.Path("deliveries") + "?" + url.Values{"run": {r.ID}}.Encode()}
	for _, m := range []fact{
		{"Source", r.Filter.Source},
		{"Status", r.Filter.Status},
		{"From", r.Filter.From},
		{"Before", r.Filter.To},
		{"Event", r.Filter.Event},
		{"Document", r.Filter.Document},
		{"Job", r.Filter.Job},
		{"Filters", string(r.Filter.Filters)},
	} {
		if m.Value != "" {
			s.Members = append(s.Members, m)
		}
	}
	return s
}

const shownRuns = 100

func (p *Pages) listRuns(c *gin.Context) error {
	list, err := p.runs.List(c.Request.Context(), c.Query("webhook"), shownRuns)
	if err != nil {
		return err
	}
	out := make([]shown, len(list))
	for i := range list {
		out[i] = newShown(list[i])
	}
	return p.pages.Render(c, http.StatusOK, "deliveries/runs", page.View{Title: "Replays and backfills", Crumbs: []page.Crumb{home()}, Data: struct {
		Runs    []shown
		Most    int
		Webhook string
	}{out, shownRuns, c.Query("webhook")}})
}

func (p *Pages) run(c *gin.Context) (*shown, error) {
	id, err := page.Param(c, "id")
	if err != nil {
		return nil, err
	}
	r, err := p.runs.Get(c.Request.Context(), id)
	if err != nil {
		return nil, err
	}
	s := newShown(r)
	return &s, nil
}

func (p *Pages) showRun(c *gin.Context) error {
	s, err := p.run(c)
	if err != nil {
		return err
	}
	title := "Replay"
	if s.Backfill() {
		title = "Backfill"
	}
	return p.pages.Render(c, http.StatusOK, "deliveries/run", page.View{
		Title: title, Crumbs: []page.Crumb{home(), {Title: "Replays and backfills", URL: page.Path("deliveries", "runs")}}, Data: s,
	})
}

// progress is the piece of the page that changes, for scripts.
func (p *Pages) progress(c *gin.Context) error {
	s, err := p.run(c)
	if err != nil {
		return err
	}
	return p.pages.Fragment(c, http.StatusOK, "deliveries/run", "progress", page.View{Data: s})
}

func (p *Pages) cancelRun(c *gin.Context) error {
	ctx := c.Request.Context()
	id, err := page.Param(c, "id")
	if err != nil {
		return err
	}
	r, err := p.runs.Cancel(ctx, id)
	to := page.Path("deliveries", "run", id)
	if err != nil {
		if said := web.Classify(err); said.Status == http.StatusConflict {
			return page.Redirect(c, to, page.Warn(said.Message+"."))
		}
		return err
	}
	sent, _ := page.Number(r.Done) // an int64 is one
	return page.Redirect(c, to, page.Done("Canceled. "+sent+" had been sent or passed over by then."))
}
