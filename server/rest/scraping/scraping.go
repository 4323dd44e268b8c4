package scraping

import (
	"context"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/server/rest/bulk"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// Services are what the handlers answer for; all are required.
type Services struct {
	Scrapers *scrapers.Service
	Jobs     *jobs.Service
	Bulk     *bulk.Intake
}

// Options of Handlers; the zero value is ready for use.
type Options struct {
	// BaseURL stands before the paths of pages in answers, such as
	// https://hooks.example.com. Default: the paths alone.
	BaseURL string
}

// Handlers are the handlers of the routes, each a web.Handler. Paths arrive
// escaped.
type Handlers struct {
	Services

	base string
}

// New returns Handlers on the services; it starts nothing.
func New(s Services, o Options) *Handlers {
	return &Handlers{Services: s, base: strings.TrimRight(o.BaseURL, "/")}
}

// scraper is the one that the path names.
func (h *Handlers) scraper(ctx context.Context, c *gin.Context) (scrapers.Stored, error) {
	name, err := request.Name(c, "scraper")
	if err != nil {
		return scrapers.Stored{}, err
	}
	s, err := h.Scrapers.Get(ctx, name)
	if err != nil {
		return s, err
	}
	return s, web.CheckDocType(ctx, s.Feeds)
}

// job is the one that the path names.
func (h *Handlers) job(ctx context.Context, c *gin.Context) (jobs.Job, error) {
	id, err := request.Name(c, "id")
	if err != nil {
		return jobs.Job{}, err
	}
	j, err := h.Jobs.Get(ctx, id)
	if err != nil {
		return j, err
	}
	return j, web.CheckDocType(ctx, j.DocType)
}

// stamp spells a time as jobs do.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
