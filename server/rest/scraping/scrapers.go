package scraping

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// How many scrapers one answer lists.
const (
	defaultScrapers = 20
	maxScrapers     = 100
)

const maxSearch = 140 // bytes of a keyword: no name is longer

// List answers GET /scrapers?search=&limit=&start=: the scrapers with the
// keyword in their name, title or description, by name, as
// {data: [scraper], has_next_page}. A scraper is {name, title, description,
// feeds, table, mode, removal, createdAt, updatedAt, lastJob}, its lastJob
// {id, status, createdAt} or null.
func (h *Handlers) List(c *gin.Context) error {
	ctx := request.Context(c)
	v, err := request.Only(c, "search", "limit", "start")
	if err != nil {
		return err
	}
	keyword := v.Get("search")
	if len(keyword) > maxSearch {
		return web.Errorf("invalid", "search", "search is at most %d bytes", maxSearch)
	}
	limit, err := request.Number(v, "limit", defaultScrapers, 1, maxScrapers)
	if err != nil {
		return err
	}
	start, err := request.Number(v, "start", 0, 0, maxStart)
	if err != nil {
		return err
	}
	// One more tells whether there is a next page.
	q := query.Query{Order: []query.Order{{Field: "name"}}, Start: int(start), Limit: int(limit) + 1}
	found, err := h.Scrapers.List(ctx, request.Narrow(ctx, scrapers.Search(q, keyword), "feeds"))
	if err != nil {
		return err
	}
	more := len(found) > int(limit)
	items := make([][]byte, 0, len(found))
	for i := range found[:min(len(found), int(limit))] {
		one, err := h.view(ctx, &found[i])
		if err != nil {
			return err
		}
		items = append(items, one)
	}
	var w record.Writer
	w.Raw("data", array(items))
	w.Raw("has_next_page", strconv.AppendBool(nil, more))
	return web.Raw(c, http.StatusOK, w.Bytes())
}

// Get answers GET /scrapers/{scraper} with the scraper, as in List.
func (h *Handlers) Get(c *gin.Context) error {
	ctx := request.Context(c)
	s, err := h.scraper(ctx, c)
	if err != nil {
		return err
	}
	view, err := h.view(ctx, &s)
	if err != nil {
		return err
	}
	return web.Raw(c, http.StatusOK, view)
}

func (h *Handlers) view(ctx context.Context, s *scrapers.Stored) ([]byte, error) {
	newest := query.Query{
		Filters: []query.Filter{query.NewFilter("scraper", query.Equal, s.Name)},
		Order:   byCreation, Limit: 1,
	}
	found, err := h.Jobs.List(ctx, request.Narrow(ctx, newest, "doctype")) // it may have fed another one then
	if err != nil {
		return nil, err
	}
	last := []byte("null")
	if len(found) > 0 {
		last = brief(&found[0])
	}
	var w record.Writer
	w.All(s.JSON())
	w.Text("createdAt", stamp(s.Creation))
	w.Text("updatedAt", stamp(s.Modified))
	w.Raw("lastJob", last)
	return w.Bytes(), nil
}

// byCreation lists the newest first.
var byCreation = []query.Order{{Field: "creation", Desc: true}}

func brief(j *jobs.Job) []byte {
	var w record.Writer
	w.Text("id", j.ID)
	w.Text("status", string(j.Status))
	w.Text("createdAt", stamp(j.Creation))
	return w.Bytes()
}

// array joins JSON values.
func array(items [][]byte) []byte {
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(slices.Clip(out), ']')
}
