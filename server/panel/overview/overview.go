package overview

import (
	"embed"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/activity"
	"dochook/server/panel/page"
	"dochook/server/panel/standing"
	"dochook/server/rest/collection"
	"dochook/server/rest/feed"
	"dochook/server/web"
)

//go:embed all:templates
var templates embed.FS

// Options of Pages; the zero value is ready for use.
type Options struct {
	// Feed wakes the live strip. Default: it looks for itself, every two seconds.
	Feed *feed.Broadcast
	// BaseURL is under which others reach the service, for the examples. Default
	// http://127.0.0.1:8000.
	BaseURL string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Pages are the pages of the overview.
type Pages struct {
	set      *collection.Set
	activity *activity.Store
	pages    *page.Set
	options  Options
	recent   recent
}

// New returns Pages; it starts nothing.
func New(set *collection.Set, deliveries *activity.Store, pages *page.Set, o Options) (*Pages, error) {
	if o.Feed == nil {
		o.Feed = &feed.Broadcast{}
	}
	if o.BaseURL == "" {
		o.BaseURL = "http://127.0.0.1:8000"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Pages{set: set, activity: deliveries, pages: pages, options: o}, pages.Add("overview", templates)
}

// Routes are those of the overview, for everybody who is signed in: what each may
// not see is left out.
func (p *Pages) Routes() []page.Route {
	return []page.Route{
		page.Get(page.Root, web.Reader, p.show),
		page.Stream(page.Path("live"), web.Reader, p.live),
	}
}

// view is what the page shows.
type view struct {
	Steps    []step // what to do first; nil once all is done
	DocTypes int64
	Sum      activity.Minute // of the last hour
	Chart    chart
	Todo     []todo
	Webhooks []standing.Webhook
	Lag      int64 // events, of the webhook that is furthest behind
	Live     []item
}

func (p *Pages) show(c *gin.Context) error {
	ctx, now := c.Request.Context(), p.options.Now()
	key, admin := web.Principal(ctx), web.Check(ctx, web.Admin) == nil
	r, err := p.recent.get(ctx, p, now)
	if err != nil {
		return err
	}
	var v view
	if v.DocTypes, err = p.set.Documents.CountDocTypes(ctx, query.Query{}); err != nil {
		return err
	}
	v.Chart, v.Sum = newChart(r.minutes)
	v.Todo = waiting(r, key)
	if admin {
		var stored []hooks.Stored
		if stored, err = p.set.Webhooks.List(ctx, query.Query{Limit: query.All}); err != nil {
			return err
		}
		if v.Webhooks, err = p.standings(ctx, stored, r, now); err != nil {
			return err
		}
		v.Todo = append(v.Todo, troubles(stored, r)...)
		for _, w := range v.Webhooks {
			v.Lag = max(v.Lag, w.Events)
		}
	}
	head, err := p.set.Documents.Log().Head(ctx)
	if err != nil {
		return err
	}
	if v.Live, _, err = p.items(ctx, max(head-stripBack, 0), now.Add(-stripTime)); err != nil {
		return err
	}
	if admin {
		first, err := p.set.Documents.DocTypes(ctx, query.Query{Limit: 1, Order: []query.Order{{Field: "creation"}}})
		if err != nil {
			return err
		}
		names := make([]string, len(first))
		for i := range first {
			names[i] = first[i].Name
		}
		v.Steps = steps(p.options.BaseURL, names, len(v.Webhooks) > 0, head > 0)
	}
	return p.pages.Render(c, http.StatusOK, "overview/show", page.View{Title: "Overview", Data: v})
}
