package deliveries

import (
	"embed"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
	"dochook/hooks/requestlog"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/rest/export"
	"dochook/server/web"
)

//go:embed all:templates assets
var embedded embed.FS

// Pages are the pages about deliveries.
type Pages struct {
	set   *collection.Set
	log   *requestlog.Store
	runs  *replay.Service
	pages *page.Set
}

// New returns Pages; it starts nothing.
func New(set *collection.Set, log *requestlog.Store, runs *replay.Service, pages *page.Set) (*Pages, error) {
	return &Pages{set, log, runs, pages}, pages.Add("deliveries", embedded)
}

// What somebody else's answer, or the writing of a long list, may take.
const actionTime = 5 * time.Minute

// Routes are those of the pages, all for admins: parts of requests and answers stand in them.
func (p *Pages) Routes() []page.Route {
	root := page.Root + "/deliveries"
	one, run := root+"/delivery/:id", root+"/run/:id"
	return []page.Route{
		page.Get(root, web.Admin, p.list),
		page.Stream(root+"/export", web.Admin, export.New(p.set.Ledger).Deliveries),
		page.Get(one, web.Admin, p.show),
		page.Post(one+"/resend", web.Admin, p.resend).Within(0, actionTime),
		page.Get(root+"/again", web.Admin, p.again).Within(0, actionTime),
		page.Get(root+"/runs", web.Admin, p.listRuns),
		page.Post(root+"/runs", web.Admin, p.startRun).Within(0, actionTime),
		page.Get(run, web.Admin, p.showRun),
		page.Get(run+"/progress", web.Admin, p.progress),
		page.Post(run+"/cancel", web.Admin, p.cancelRun).Within(0, actionTime),
	}
}

func home() page.Crumb { return page.Crumb{Title: "Deliveries", URL: page.Path("deliveries")} }

const pageRows = 50

// listed is what the list shows.
type listed struct {
	Filter   filter
	Tabs     []tab
	Webhooks []string
	Statuses []page.Option
	Page     requestlog.Page
	Rows     []row
	Waits    []requestlog.Wait // of what waits, where that is asked for
	Most     int64             // up to where retries are counted

	Newer, Older, Newest string // addresses; "" = there is none
}

// row is a delivery in the list.
type row struct{ ledger.Logged }

// JobEvent reports whether it is about a job and not a document.
func (r *row) JobEvent() bool { return doctype.IsJobEvent(r.Event) }

// Took is how long the last attempt took.
func (r *row) Took() time.Duration { return micros(r.DurationUS) }

// tab is a link to what has one status.
type tab struct {
	Title, URL string
	Current    bool
}

func (p *Pages) list(c *gin.Context) error {
	ctx := c.Request.Context()
	if _, err := p.set.Open(ctx, "Webhook Request Log", collection.Read); err != nil {
		return err
	}
	form := page.NewForm(c.Request.URL.Query())
	f := readFilter(form)
	v := listed{Filter: f, Tabs: f.tabs(), Statuses: statuses("any"), Most: requestlog.RetriesMost}
	var err error
	if v.Webhooks, err = p.webhooks(c); err != nil {
		return err
	}
	if len(form.Errors) == 0 {
		v.Page, err = p.page(c, f)
		if err != nil && !form.Failed(err) {
			return err
		}
	}
	for i := range v.Page.Rows {
		v.Rows = append(v.Rows, row{v.Page.Rows[i]})
	}
	if f.Status == ledger.Retrying {
		if v.Waits, err = p.log.Waits(ctx); err != nil {
			return err
		}
	}
	if at := v.Page.Newer; !at.IsZero() {
		v.Newer, v.Newest = f.url(parameter{"newer", at.String()}), f.url()
	}
	if at := v.Page.Older; !at.IsZero() {
		v.Older = f.url(parameter{"older", at.String()})
	}
	return p.pages.Render(c, form.Status(), "deliveries/list", page.View{Title: "Deliveries", Form: form, Data: v})
}

// page is the one that the address asks for. The way to the newest ends with a full page, so that nobody looks at the last two rows alone.
func (p *Pages) page(c *gin.Context, f filter) (requestlog.Page, error) {
	ctx := c.Request.Context()
	older, err := requestlog.ParsePlace(c.Query("older"))
	if err != nil {
		return requestlog.Page{}, err
	}
	newer, err := requestlog.ParsePlace(c.Query("newer"))
	if err != nil || newer.IsZero() {
		if err != nil {
			return requestlog.Page{}, err
		}
		return p.log.Older(ctx, f.Filter, older, pageRows)
	}
	found, err := p.log.Newer(ctx, f.Filter, newer, pageRows)
	if err == nil && len(found.Rows) < pageRows && found.Newer.IsZero() {
		return p.log.Older(ctx, f.Filter, requestlog.Place{}, pageRows)
	}
	return found, err
}

// webhooks are the names of all.
func (p *Pages) webhooks(c *gin.Context) ([]string, error) {
	list, err := p.set.Webhooks.List(c.Request.Context(), query.Query{Order: []query.Order{{Field: "name"}}, Limit: 500})
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return names, err
}

func statuses(all string) []page.Option {
	return []page.Option{
		{Value: "", Label: all},
		{Value: ledger.Retrying, Label: "waiting for another attempt"},
		{Value: ledger.Dead, Label: "dead: given up"},
		{Value: ledger.Delivered, Label: "delivered"},
		{Value: ledger.Skipped, Label: "skipped: not sent"},
	}
}

// resend sends a delivery once more and shows how that went.
func (p *Pages) resend(c *gin.Context) error {
	ctx := c.Request.Context()
	id, err := page.Param(c, "id")
	if err != nil {
		return err
	}
	col, err := p.set.Open(ctx, "Webhook Request Log", collection.Write)
	if err != nil {
		return err
	}
	to := page.Path("deliveries", "delivery", id)
	if _, err := col.Call(ctx, id, "resend", nil); err != nil {
		if said := web.Classify(err); said.Status == http.StatusConflict || said.Code == "render_failed" || said.Code == "not_found" {
			if _, _, missing := p.set.Ledger.Get(ctx, id); missing != nil {
				return missing
			}
			return page.Redirect(c, to, &page.Flash{Tone: "bad", Text: "Nothing was sent: " + said.Message + "."})
		}
		return err
	}
	l, _, err := p.set.Ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	flash := page.Done("Sent again under the same id, and delivered: " + outcome(l.HTTPStatus, l.Reason) + ".")
	if l.Reason != "" || l.HTTPStatus < 200 || l.HTTPStatus > 299 {
		flash = &page.Flash{Tone: "bad", Text: "Sent again under the same id, and not delivered: " + outcome(l.HTTPStatus, l.Reason) + "."}
	}
	return page.Redirect(c, to+"#attempts", flash)
}
