package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype/record"
	"dochook/migrations"
	"dochook/server/docs"
	"dochook/server/graph"
	"dochook/server/openapi"
	"dochook/server/rest"
	"dochook/server/rest/bulk"
	"dochook/server/rest/export"
	"dochook/server/rest/replays"
	"dochook/server/rest/scraping"
	"dochook/server/trace"
	"dochook/server/web"
)

// route is one row of the table of routes. A path whose last part is not a
// catch-all is also answered with a slash at its end.
type route struct {
	method string
	path   string
	access web.Access // the least; a handler may ask for more, by DocType
	limits web.Limits
	handle web.Handler
}

// Limits of the routes.
const (
	documentBytes = record.MaxSize + 1<<20 // a record and the fields around it
	smallBytes    = 64 << 10               // queries
	actionTime    = 5 * time.Minute        // a job's end may remove many documents; a test waits for somebody else's answer
)

// handlers are the faces of the service.
type handlers struct {
	*rest.Handlers

	scraping *scraping.Handlers
	replays  *replays.Handlers
	graph    *graph.Handler
	export   *export.Handlers
	openapi  *openapi.Handlers
	docs     *docs.Handlers
}

// table is every route of the service.
func (a *App) table(h *handlers) []route {
	read := web.Limits{Body: smallBytes}
	write := web.Limits{Body: documentBytes}
	act := web.Limits{Body: documentBytes, Timeout: actionTime}
	stream := web.Limits{Body: smallBytes, Stream: true}
	bulk := web.Limits{Stream: true}
	end := web.Limits{Body: smallBytes, Timeout: actionTime}
	routes := []route{
		{"GET", "/", web.Public, read, h.Root},
		{"GET", "/healthz", web.Public, read, h.Healthz},
		{"GET", "/readyz", web.Public, read, h.Readyz},
		{"GET", "/metrics", a.metricsAccess(), read, a.metrics.Serve},
		{"GET", "/openapi.json", web.Public, read, h.openapi.Document},
		{"HEAD", "/openapi.json", web.Public, read, h.openapi.Document},
		{"GET", "/docs/api", web.Public, read, h.openapi.Page},
		{"GET", "/docs/api.css", web.Public, read, h.openapi.Stylesheet},
		{"GET", "/docs", web.Public, read, h.docs.Index},
		{"GET", "/docs/:page", web.Public, read, h.docs.Page},
		{"GET", "/llms.txt", web.Public, read, h.docs.LLMs},

		{"POST", "/api/ingest/:doctype", web.Writer, bulk, h.Ingest},
		{"GET", "/api/events", web.Reader, stream, h.Events},
		{"GET", "/api/export/deliveries", web.Admin, stream, h.export.Deliveries},

		{"GET", "/api/replays", web.Admin, read, h.replays.List},
		{"POST", "/api/replays", web.Admin, web.Limits{Body: 2 << 20, Timeout: actionTime}, h.replays.Create},
		{"GET", "/api/replays/:id", web.Admin, read, h.replays.Get},
		{"DELETE", "/api/replays/:id", web.Admin, end, h.replays.Cancel},

		{"POST", "/graphql", web.Admin, web.Limits{Body: 256 << 10}, h.graph.Serve},
		{"GET", "/graphql", web.Admin, read, h.graph.Serve},

		{"GET", "/api/method/ping", web.Public, read, h.Ping},
		{"POST", "/api/method/ping", web.Public, read, h.Ping},
		{"GET", "/api/method/:method", web.Reader, read, h.Method},
		{"POST", "/api/method/:method", web.Reader, write, h.Method},

		{"GET", "/api/v2/doctype/:doctype/meta", web.Reader, read, h.Meta},
		{"GET", "/api/v2/doctype/:doctype/count", web.Reader, read, h.Count},
		{"GET", "/api/v2/document/:doctype", web.Reader, read, h.ListV2},
		{"POST", "/api/v2/document/:doctype", web.Writer, write, h.Create},
		{"GET", "/api/v2/document/:doctype/*name", web.Reader, read, h.GetV2},
		{"POST", "/api/v2/document/:doctype/*name", web.Writer, act, h.CallV2},
		{"PUT", "/api/v2/document/:doctype/*name", web.Writer, write, h.Update},
		{"PATCH", "/api/v2/document/:doctype/*name", web.Writer, write, h.Update},
		{"DELETE", "/api/v2/document/:doctype/*name", web.Writer, read, h.Delete},
	}
	for _, v := range []string{"/api/resource", "/api/v1/resource"} {
		routes = append(routes,
			route{"GET", v + "/:doctype", web.Reader, read, h.List},
			route{"POST", v + "/:doctype", web.Writer, write, h.Create},
			route{"GET", v + "/:doctype/*name", web.Reader, read, h.Get},
			route{"POST", v + "/:doctype/*name", web.Writer, write, h.Create},
			route{"PUT", v + "/:doctype/*name", web.Writer, write, h.Update},
			route{"DELETE", v + "/:doctype/*name", web.Writer, read, h.Delete},
		)
	}
	scrapers, job := h.scraping, "/scrapers/jobs/:id"
	return append(routes, []route{
		{"GET", "/scrapers", web.Reader, read, scrapers.List},
		{"GET", "/scrapers/:scraper", web.Reader, read, scrapers.Get},
		{"GET", "/scrapers/:scraper/jobs", web.Reader, read, scrapers.OfScraper},
		{"POST", "/scrapers/:scraper/jobs", web.Writer, write, scrapers.Create},

		{"GET", "/scrapers/jobs", web.Reader, read, scrapers.AllJobs},
		{"GET", job, web.Reader, read, scrapers.Job},
		{"DELETE", job, web.Writer, end, scrapers.Stop},
		{"POST", job + "/start", web.Writer, read, scrapers.Start},
		{"POST", job + "/finish", web.Writer, act, scrapers.Finish},
		{"POST", job + "/approve", web.Writer, end, scrapers.Approve},
		{"POST", job + "/discard", web.Writer, end, scrapers.Discard},
		{"GET", job + "/removals", web.Reader, read, scrapers.Removals},
		{"POST", job + "/results", web.Writer, bulk, scrapers.Feed},
		{"GET", job + "/results", web.Reader, read, scrapers.Results},
		{"GET", job + "/results.json", web.Reader, stream, scrapers.ResultsJSON},
		{"GET", job + "/results.ndjson", web.Reader, stream, scrapers.ResultsNDJSON},
		{"GET", job + "/results.csv", web.Reader, stream, scrapers.ResultsCSV},
	}...)
}

// metricsAccess is who may scrape: names of webhooks stand in the metrics.
func (a *App) metricsAccess() web.Access {
	if a.config.MetricsPublic {
		return web.Public
	}
	return web.Reader
}

// handlers makes the faces of the service.
func (a *App) handlers() *handlers {
	intake := bulk.New(a.Documents, a.Jobs, bulk.Options{Page: a.page})
	return &handlers{
		Handlers: rest.New(rest.Services{
			Services: a.services(),
			Bulk:     intake,
			Schema:   func(ctx context.Context) error { return migrations.Check(ctx, a.db) },
		}, rest.Options{Version: a.config.Version, Feed: a.feed}),
		replays:  replays.New(a.Replays),
		scraping: scraping.New(scraping.Services{Scrapers: a.Scrapers, Jobs: a.Jobs, Bulk: intake}, scraping.Options{BaseURL: a.config.PublicURL}),
		graph:    graph.New(graph.Services{Webhooks: a.Webhooks, Scrapers: a.Scrapers}, graph.Options{Logger: a.log}),
		export:   export.New(a.Ledger),
		openapi:  openapi.New(openapi.Options{Version: a.config.Version}),
		docs:     docs.New(docs.Options{BaseURL: a.config.PublicURL}),
	}
}

// routes is the router. Paths stay escaped up to the handlers: the router's own
// unescaping would make a blank of a plus sign and lose which slashes belong to
// a name.
func (a *App) routes() (http.Handler, error) {
	panel, err := a.panel()
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode) // the other mode writes to standard output
	e := gin.New()
	e.UseEscapedPath = true
	e.UnescapePathValues = false
	e.RedirectTrailingSlash = false // a redirected POST loses its body
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = false
	log := a.log
	e.Use(a.metrics.Requests())
	if a.tracer != nil {
		e.Use(a.tracer.Requests())
		log = slog.New(trace.Handler(log.Handler()))
	}
	r := web.NewResponder(a.Keys, web.Options{Logger: log})
	panel.mount(e, r)
	for _, row := range a.table(a.handlers()) {
		handler := r.Route(row.access, row.limits, row.handle)
		e.Handle(row.method, row.path, handler)
		if row.path != "/" && !strings.Contains(row.path, "*") && !strings.HasSuffix(row.path, ":doctype") || strings.HasPrefix(row.path, "/api/ingest/") {
			e.Handle(row.method, row.path+"/", handler)
		}
	}
	return e, nil
}
