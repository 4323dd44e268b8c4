package scraping

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/server/rest/bulk"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// Create answers POST /scrapers/{scraper}/jobs with 201 and the new job. The
// body is the scraper's inputs and among them our own words: webhook {url,
// events, headers}, mode, scope, expect, baseline and max_updates.
func (h *Handlers) Create(c *gin.Context) error {
	ctx := request.Context(c)
	if _, err := request.Only(c); err != nil {
		return err
	}
	s, err := h.scraper(ctx, c)
	if err != nil {
		return err
	}
	body, err := request.Object(c)
	if err != nil {
		return err
	}
	j, err := h.Jobs.Create(ctx, s.Name, body)
	if err != nil {
		return err
	}
	c.Header("Location", h.base+"/scrapers/jobs/"+url.PathEscape(j.ID))
	return web.Raw(c, http.StatusCreated, j.JSON())
}

// OfScraper answers GET /scrapers/{scraper}/jobs?page=&limit= with {meta, data:
// [job]}, newest first; meta is that of Results.
func (h *Handlers) OfScraper(c *gin.Context) error {
	ctx := request.Context(c)
	s, err := h.scraper(ctx, c)
	if err != nil {
		return err
	}
	return h.list(ctx, c, query.NewFilter("scraper", query.Equal, s.Name))
}

// AllJobs answers GET /scrapers/jobs?page=&limit=: OfScraper for all scrapers.
func (h *Handlers) AllJobs(c *gin.Context) error { return h.list(request.Context(c), c) }

func (h *Handlers) list(ctx context.Context, c *gin.Context, filters ...query.Filter) error {
	v, err := request.Only(c, "page", "limit")
	if err != nil {
		return err
	}
	p, err := readPaging(v)
	if err != nil {
		return err
	}
	q := query.Query{Filters: filters, Order: byCreation, Start: int(p.start()), Limit: int(p.limit)}
	q = request.Narrow(ctx, q, "doctype")
	total, err := h.Jobs.Count(ctx, q)
	if err != nil {
		return err
	}
	found, err := h.Jobs.List(ctx, q)
	if err != nil {
		return err
	}
	items := make([][]byte, len(found))
	for i := range found {
		items[i] = found[i].JSON()
	}
	return web.Raw(c, http.StatusOK, p.answer(c, h.base, total, items))
}

// Job answers GET /scrapers/jobs/{id} with the job.
func (h *Handlers) Job(c *gin.Context) error {
	j, err := h.job(request.Context(c), c)
	if err != nil {
		return err
	}
	return web.Raw(c, http.StatusOK, j.JSON())
}

// Start answers POST /scrapers/jobs/{id}/start.
func (h *Handlers) Start(c *gin.Context) error { return h.act(c, h.Jobs.Start) }

// Stop answers DELETE /scrapers/jobs/{id}; what the job brought stays.
func (h *Handlers) Stop(c *gin.Context) error { return h.act(c, h.Jobs.Stop) }

// Approve answers POST /scrapers/jobs/{id}/approve.
func (h *Handlers) Approve(c *gin.Context) error { return h.act(c, h.Jobs.Approve) }

// Discard answers POST /scrapers/jobs/{id}/discard.
func (h *Handlers) Discard(c *gin.Context) error { return h.act(c, h.Jobs.Discard) }

// Finish answers POST /scrapers/jobs/{id}/finish; the body is {status, reason,
// stats}, and none is finished.
func (h *Handlers) Finish(c *gin.Context) error {
	body, err := request.Object(c)
	if err != nil {
		return err
	}
	e, err := jobs.ParseEnding(body)
	if err != nil {
		return err
	}
	return h.act(c, func(ctx context.Context, id string) (jobs.Job, error) { return h.Jobs.Finish(ctx, id, e) })
}

// act does something to the job of the path and answers the job.
func (h *Handlers) act(c *gin.Context, do func(ctx context.Context, id string) (jobs.Job, error)) error {
	ctx := request.Context(c)
	j, err := h.job(ctx, c)
	if err != nil {
		return err
	}
	if j, err = do(ctx, j.ID); err != nil {
		return err
	}
	return web.Raw(c, http.StatusOK, j.JSON())
}

// Feed answers POST /scrapers/jobs/{id}/results: the records of the body are
// the job's next pages, see [bulk.Intake.Take].
func (h *Handlers) Feed(c *gin.Context) error {
	ctx := request.Context(c)
	j, err := h.job(ctx, c)
	if err != nil {
		return err
	}
	v, err := request.Parameters(c)
	if err != nil {
		return err
	}
	return h.Bulk.Take(ctx, c, bulk.Target{DocType: j.DocType, Job: &j}, v)
}

// How many names of removals one answer lists.
const (
	defaultRemovals = 100
	maxRemovals     = 1000
)

// Removals answers GET /scrapers/jobs/{id}/removals?start=&limit= with {data:
// [name], total}: what a held job would remove.
func (h *Handlers) Removals(c *gin.Context) error {
	ctx := request.Context(c)
	v, err := request.Only(c, "start", "limit")
	if err != nil {
		return err
	}
	start, err := request.Number(v, "start", 0, 0, maxStart)
	if err != nil {
		return err
	}
	limit, err := request.Number(v, "limit", defaultRemovals, 1, maxRemovals)
	if err != nil {
		return err
	}
	j, err := h.job(ctx, c)
	if err != nil {
		return err
	}
	names, total, err := h.Jobs.Removals(ctx, j.ID, int(start), int(limit))
	if err != nil {
		return err
	}
	items := make([][]byte, len(names))
	for i, name := range names {
		items[i] = record.AppendQuote(nil, name)
	}
	var w record.Writer
	w.Raw("data", array(items))
	w.Raw("total", strconv.AppendInt(nil, total, 10))
	return web.Raw(c, http.StatusOK, w.Bytes())
}
