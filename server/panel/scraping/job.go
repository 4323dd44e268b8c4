package scraping

import (
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/jobs"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

const (
	listedResults  = 25
	listedRemovals = 50
	fewRemovals    = 10
	listedEvents   = 20
)

// shownJob is a job as it is shown.
type shownJob struct {
	jobs.Job
	Why      []string // it is held, in words
	BrakeIn  string   // the brake in short
	Removals []string // the first of those that wait
	Waiting  int64    // removals, as things stand
	Events   []told
	Results  *table
	Expired  bool // the results are no longer kept
	Pager    *page.Pager
	Statuses []page.Option
}

// Open reports whether pages may come.
func (j *shownJob) Open() bool { return j.Status.Open() }

// Expected and Limit are what was said when it was made; they are for jobs that have them.
func (j *shownJob) Expected() int64 { return *j.Expect }

// Limit is the part of the documents that may change.
func (j *shownJob) Limit() string { return percent(*j.MaxUpdates) }

// Text is the status.
func (j *shownJob) Text() string { return string(j.Status) }

// Took is how long it ran; 0 = it has not ended.
func (j *shownJob) Took() time.Duration {
	if j.StartedAt == nil || j.FinishedAt == nil {
		return 0
	}
	return j.FinishedAt.Sub(*j.StartedAt)
}

// Undecided reports whether something waits for a person.
func (j *shownJob) Undecided() bool { return j.Job.Waiting() && !j.Status.Open() }

// told is an event of a job.
type told struct {
	At         time.Time
	Event      string
	Page, Rows string
	Pos        int64
}

func (p *Pages) job(c *gin.Context) error {
	j, err := p.found(c)
	if err != nil {
		return err
	}
	return p.showJob(c, &j, page.NewForm(nil))
}

// showJob shows a job; form is the one that ends it.
func (p *Pages) showJob(c *gin.Context, j *jobs.Job, form *page.Form) error {
	ctx := c.Request.Context()
	v := shownJob{Job: *j, BrakeIn: brakeNames[j.Brake], Pager: page.NewPager(c, listedResults), Statuses: []page.Option{
		{Value: string(jobs.Finished), Label: "finished: it has brought what there is"}, {Value: string(jobs.Failed), Label: "failed"}, {Value: string(jobs.Stopped), Label: "stopped"},
	}}
	if form.Get("status") == "" {
		form.Set("status", string(jobs.Finished))
	}
	if v.Undecided() {
		if err := p.explain(c, &v); err != nil {
			return err
		}
	}
	col, err := p.set.Open(ctx, jobName, collection.Read)
	if err != nil {
		return err
	}
	events, err := col.History(ctx, j.ID, math.MaxInt64, listedEvents)
	if err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		v.Events = append(v.Events, told{e.At, e.Event, string(record.Member(e.Data, "page")), string(record.Member(e.Data, "rows")), e.Pos})
	}
	rows, total, err := p.set.Jobs.Rows(ctx, j.ID, int64(v.Pager.Offset()), listedResults)
	switch {
	case err != nil && web.Classify(err).Code == "expired":
		v.Expired = true
	case err != nil:
		return err
	default:
		v.Pager.Total, v.Pager.Shown = total, len(rows)
		def, err := p.set.Documents.Definition(ctx, j.DocType)
		if err != nil {
			if web.Classify(err).Code != "not_found" {
				return err
			}
			def = nil // it is gone
		}
		v.Results = newTable(rows, def)
	}
	title := "Job of " + j.Scraper
	return p.pages.Render(c, form.Status(), "scraping/job", page.View{Title: title, Crumbs: []page.Crumb{home(), scraperCrumb(j.Scraper)}, Form: form, Data: &v})
}

// explain fills in what is held back and why.
func (p *Pages) explain(c *gin.Context, v *shownJob) error {
	ctx := c.Request.Context()
	var err error
	if v.Removals, v.Waiting, err = p.set.Jobs.Removals(ctx, v.ID, 0, fewRemovals); err != nil {
		return err
	}
	s, err := p.set.Scrapers.Get(ctx, v.Scraper)
	if err != nil {
		if web.Classify(err).Code != "not_found" {
			return err
		}
		s = scrapers.Stored{Scraper: scrapers.Scraper{Feeds: v.DocType}} // it is gone
	}
	r, _, err := p.effective(c, &s)
	if err != nil {
		return err
	}
	v.Why = held(&v.Job, &r)
	return nil
}

// live is the piece of the page that changes while the job runs, for scripts.
func (p *Pages) live(c *gin.Context) error {
	j, err := p.found(c)
	if err != nil {
		return err
	}
	return p.pages.Fragment(c, http.StatusOK, "scraping/job", "live", page.View{Data: &shownJob{Job: j, BrakeIn: brakeNames[j.Brake]}})
}

// removals lists all that a held job would remove.
func (p *Pages) removals(c *gin.Context) error {
	j, err := p.found(c)
	if err != nil {
		return err
	}
	v := shownJob{Job: j, BrakeIn: brakeNames[j.Brake], Pager: page.NewPager(c, listedRemovals)}
	if v.Removals, v.Waiting, err = p.set.Jobs.Removals(c.Request.Context(), j.ID, v.Pager.Offset(), listedRemovals); err != nil {
		return err
	}
	v.Pager.Total, v.Pager.Shown = v.Waiting, len(v.Removals)
	return p.pages.Render(c, http.StatusOK, "scraping/removals", page.View{
		Title: "Removals that wait", Crumbs: []page.Crumb{home(), scraperCrumb(j.Scraper), {Title: "Job", URL: page.Path("scrapers", "job", j.ID)}}, Data: &v,
	})
}

// call does something to the job in the path, as the API does.
func (p *Pages) call(c *gin.Context, method string, body []byte) (jobs.Job, error) {
	ctx := c.Request.Context()
	j, err := p.found(c)
	if err != nil {
		return j, err
	}
	col, err := p.collection(ctx, jobName)
	if err != nil {
		return j, err
	}
	if _, err := col.Call(ctx, j.ID, method, body); err != nil {
		return j, err
	}
	return p.found(c)
}

func (p *Pages) start(c *gin.Context) error {
	j, err := p.call(c, "start", nil)
	return p.answer(c, &j, err, "The job goes on.")
}

// answer goes back to the job, and says what became of it.
func (p *Pages) answer(c *gin.Context, j *jobs.Job, err error, done string) error {
	to := page.Path("scrapers", "job", j.ID)
	if err == nil {
		return page.Redirect(c, to, page.Done(done))
	}
	if said := web.Classify(err); said.Status == http.StatusConflict {
		return page.Redirect(c, to, &page.Flash{Tone: "bad", Text: said.Message + "."})
	}
	return err
}

func (p *Pages) finish(c *gin.Context) error {
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	var w record.Writer
	w.Text("status", form.Get("status"))
	w.Text("reason", strings.TrimSpace(form.Get("reason")))
	w.Raw("stats", object(form, "stats"))
	var j jobs.Job
	if len(form.Errors) == 0 {
		j, err = p.call(c, "finish", w.Bytes())
	} else {
		j, err = p.found(c)
	}
	if err != nil && web.Classify(err).Status == http.StatusConflict {
		return p.answer(c, &j, err, "")
	}
	if err != nil && j.ID != "" && form.Failed(err) || err == nil && len(form.Errors) > 0 {
		if err := web.Check(c.Request.Context(), web.Writer); err != nil {
			return err
		}
		return p.showJob(c, &j, form)
	}
	if err != nil {
		return err
	}
	switch {
	case j.Status == jobs.Held:
		return page.Redirect(c, page.Path("scrapers", "job", j.ID), page.Warn("The job has ended, and is held: look at what it would remove, and decide."))
	case j.Counts.Removed > 0:
		return p.answer(c, &j, nil, "The job has ended, and removed "+label(j.Counts.Removed)+" "+plural(j.Counts.Removed, "document", "documents")+" that it did not bring.")
	}
	return p.answer(c, &j, nil, "The job has ended.")
}

func (p *Pages) approve(c *gin.Context) error {
	before, err := p.found(c)
	if err != nil {
		return err
	}
	j, err := p.call(c, "approve", nil)
	removed := j.Counts.Removed - before.Counts.Removed
	return p.answer(c, &j, err, "Approved: "+label(removed)+" "+plural(removed, "document was", "documents were")+" removed.")
}

func (p *Pages) discard(c *gin.Context) error {
	j, err := p.call(c, "discard", nil)
	return p.answer(c, &j, err, "Discarded: nothing was removed.")
}

// table is records set out for people.
type table struct {
	Columns []string
	More    int // columns that are not shown
	Named   bool
	Rows    []row
}

type row struct {
	Name  string // of the document, or ""
	Cells []string
}

const (
	shownColumns = 8
	shownCell    = 160 // runes
)

// newTable sets out records; def is that of their DocType, or nil.
func newTable(list []jobs.Row, def *doctype.Definition) *table {
	t := &table{Named: def != nil && len(def.KeyFields()) > 0}
	at := map[string]int{}
	for i := range list {
		for name := range record.Members(list[i].Data) {
			if _, known := at[name]; known {
				continue
			}
			at[name] = len(at)
			if len(t.Columns) < shownColumns {
				t.Columns = append(t.Columns, name)
			}
		}
	}
	t.More = len(at) - len(t.Columns)
	for i := range list {
		r := row{Cells: make([]string, len(t.Columns))}
		for name, value := range record.Members(list[i].Data) {
			if n := at[name]; n < len(t.Columns) {
				r.Cells[n] = cell(value)
			}
		}
		if t.Named {
			if name, err := def.NameOf(list[i].Data, ""); err == nil {
				r.Name = name
			}
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// cell is a value as text: strings as they are, the rest as JSON.
func cell(value []byte) string {
	text := string(value)
	if text != "" && text[0] == '"' {
		text = record.Unquote(value)
	}
	if runes := []rune(text); len(runes) > shownCell {
		text = string(runes[:shownCell]) + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
