package server

import (
	"github.com/gin-gonic/gin"

	"dochook/hooks/activity"
	"dochook/hooks/requestlog"
	"dochook/server/panel/deliveries"
	"dochook/server/panel/doctypes"
	"dochook/server/panel/documents"
	"dochook/server/panel/keys"
	"dochook/server/panel/overview"
	"dochook/server/panel/page"
	"dochook/server/panel/scraping"
	"dochook/server/panel/session"
	"dochook/server/panel/system"
	"dochook/server/panel/webhooks"
	"dochook/server/rest/bulk"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

// services are what the faces are made of.
func (a *App) services() collection.Services {
	return collection.Services{
		Documents: a.Documents, Webhooks: a.Webhooks, Ledger: a.Ledger, Couriers: a.Couriers, Keys: a.Keys,
		Scrapers: a.Scrapers, Jobs: a.Jobs,
	}
}

// panel is the HTML face: its routes, and what guards them.
type panel struct {
	gate   *session.Gate
	open   []page.Route // guard themselves
	routes []page.Route // behind a session
}

// panel makes the pages. A journey is a line here.
func (a *App) panel() (*panel, error) {
	pages, err := page.New(page.Options{Version: a.config.Version})
	if err != nil {
		return nil, err
	}
	gate, err := session.New(a.Keys, pages, session.Options{PublicURL: a.config.PublicURL})
	if err != nil {
		return nil, err
	}
	p := &panel{gate: gate, open: pages.Routes()}
	set := collection.New(a.services())
	for _, build := range []func() (journey, error){
		func() (journey, error) {
			return overview.New(set, activity.New(a.db), pages, overview.Options{Feed: a.feed, BaseURL: a.config.PublicURL})
		},
		func() (journey, error) {
			return webhooks.New(webhooks.Sources{Set: set, Activity: activity.New(a.db), Runs: a.Replays}, pages, webhooks.Options{})
		},
		func() (journey, error) { return deliveries.New(set, requestlog.New(a.db), a.Replays, pages) },
		func() (journey, error) { return doctypes.New(set, pages) },
		func() (journey, error) {
			return documents.New(set, bulk.New(a.Documents, a.Jobs, bulk.Options{Page: a.page}), pages)
		},
		func() (journey, error) { return scraping.New(set, pages) },
		func() (journey, error) { return keys.New(a.Keys, pages) },
		func() (journey, error) {
			return system.New(system.Sources{DB: a.db, Stuck: a.Couriers.Stuck, Config: a.config.Masked()}, pages, system.Options{Version: a.config.Version})
		},
	} {
		made, err := build()
		if err != nil {
			return nil, err
		}
		p.routes = append(p.routes, made.Routes()...)
	}
	return p, nil
}

// A journey is what people come to do, as one package of pages.
type journey interface{ Routes() []page.Route }

// mount puts the panel into the router.
func (p *panel) mount(e *gin.Engine, r *web.Responder) {
	face := r.Face(p.gate.Face())
	add := func(row page.Route, handle web.Handler) {
		handler := face.Route(row.Access, row.Limits, handle)
		e.Handle(row.Method, row.Path, page.Headers, handler)
		if row.Path == page.Root {
			e.Handle(row.Method, row.Path+"/", page.Headers, handler)
		}
	}
	for _, row := range append(p.gate.Routes(r.Login), p.open...) {
		add(row, row.Handle)
	}
	for _, row := range p.routes {
		add(row, p.gate.Protect(row.Handle))
	}
	inside := func(ours, others gin.HandlerFunc) gin.HandlerFunc {
		return func(c *gin.Context) {
			if !page.Covers(c.Request.URL.Path) {
				others(c)
				return
			}
			page.Headers(c)
			ours(c)
		}
	}
	e.NoRoute(inside(face.NoRoute(), r.NoRoute()))
	e.NoMethod(inside(face.NoMethod(), r.NoMethod()))
}

// all are the rows of the panel, as the table of routes has them.
func (p *panel) all() []route {
	var rows []route
	for _, list := range [][]page.Route{p.gate.Routes(nil), p.open, p.routes} {
		for _, r := range list {
			rows = append(rows, route{r.Method, r.Path, r.Access, r.Limits, r.Handle})
		}
	}
	return rows
}
