package scraping

import (
	"context"
	"embed"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	rest "dochook/server/rest/scraping"
	"dochook/server/web"
)

//go:embed all:templates assets
var embedded embed.FS

// Pages are the pages about scrapers and jobs.
type Pages struct {
	set   *collection.Set
	pages *page.Set
	files *rest.Handlers // results as files
}

// New returns Pages; it starts nothing.
func New(set *collection.Set, pages *page.Set) (*Pages, error) {
	files := rest.New(rest.Services{Scrapers: set.Scrapers, Jobs: set.Jobs}, rest.Options{})
	return &Pages{set, pages, files}, pages.Add("scraping", embedded)
}

// A job's end may remove many documents.
const actionTime = 5 * time.Minute

// Routes are those of the pages. A key that is limited to some DocTypes sees what feeds them, and no more.
func (p *Pages) Routes() []page.Route {
	root := page.Root + "/scrapers"
	one, job := root+"/scraper/:name", root+"/job/:id"
	return []page.Route{
		page.Get(root, web.Reader, p.list),
		page.Get(root+"/new", web.Admin, p.blank),
		page.Post(root+"/new", web.Admin, p.create),
		page.Get(one, web.Reader, p.show),
		page.Get(one+"/edit", web.Admin, p.edit),
		page.Post(one+"/edit", web.Admin, p.save),
		page.Post(one+"/delete", web.Admin, p.remove),
		page.Get(one+"/start", web.Writer, p.order),
		page.Post(one+"/start", web.Writer, p.begin),
		page.Get(job, web.Reader, p.job),
		page.Get(job+"/live", web.Reader, p.live),
		page.Get(job+"/removals", web.Reader, p.removals),
		page.Post(job+"/start", web.Writer, p.start),
		page.Post(job+"/finish", web.Writer, p.finish).Within(0, actionTime),
		page.Post(job+"/approve", web.Writer, p.approve).Within(0, actionTime),
		page.Post(job+"/discard", web.Writer, p.discard).Within(0, actionTime),
		page.Stream(job+"/results.json", web.Reader, p.files.ResultsJSON),
		page.Stream(job+"/results.ndjson", web.Reader, p.files.ResultsNDJSON),
		page.Stream(job+"/results.csv", web.Reader, p.files.ResultsCSV),
	}
}

const (
	scraperName = "Scraper"
	jobName     = "Scrape Job"
)

func home() page.Crumb { return page.Crumb{Title: "Scrapers", URL: page.Path("scrapers")} }

func scraperCrumb(name string) page.Crumb {
	return page.Crumb{Title: name, URL: page.Path("scrapers", "scraper", name)}
}

// scraper is the one in the path, if the key may see it.
func (p *Pages) scraper(c *gin.Context) (scrapers.Stored, error) {
	ctx := c.Request.Context()
	name, err := page.Param(c, "name")
	if err != nil {
		return scrapers.Stored{}, err
	}
	if _, err := p.set.Open(ctx, scraperName, collection.Read); err != nil {
		return scrapers.Stored{}, err
	}
	s, err := p.set.Scrapers.Get(ctx, name)
	if err != nil {
		return s, missing(err, "there is no scraper of that name")
	}
	return s, web.CheckDocType(ctx, s.Feeds)
}

// found is the job in the path, if the key may see it.
func (p *Pages) found(c *gin.Context) (jobs.Job, error) {
	ctx := c.Request.Context()
	id, err := page.Param(c, "id")
	if err != nil {
		return jobs.Job{}, err
	}
	if _, err := p.set.Open(ctx, jobName, collection.Read); err != nil {
		return jobs.Job{}, err
	}
	j, err := p.set.Jobs.Get(ctx, id)
	if err != nil {
		return j, err
	}
	return j, web.CheckDocType(ctx, j.DocType)
}

// missing says of what is not there no more than that: the services say how to make it with the API.
func missing(err error, text string) error {
	if web.Classify(err).Code == "not_found" {
		return web.Errorf("not_found", "", "%s", text)
	}
	return err
}

// collection opens one for what the pages do to it.
func (p *Pages) collection(ctx context.Context, name string) (*collection.Collection, error) {
	return p.set.Open(ctx, name, collection.Write)
}
