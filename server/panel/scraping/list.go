package scraping

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/doctype/scrapers"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/rest/request"
	"dochook/server/web"
)

const (
	listedScrapers = 30
	listedJobs     = 25
	charted        = 40
	maxSearch      = 140 // bytes of a keyword: no name is longer
)

// summary is a scraper in the list, with its last job.
type summary struct {
	scrapers.Stored
	Last *jobs.Job
}

func (p *Pages) list(c *gin.Context) error {
	ctx := c.Request.Context()
	if _, err := p.set.Open(ctx, scraperName, collection.Read); err != nil {
		return err
	}
	form, pager := page.NewForm(c.Request.URL.Query()), page.NewPager(c, listedScrapers)
	keyword := form.Get("search")
	v := struct {
		Scrapers []summary
		Held     []jobs.Job
		Search   string
		Pager    *page.Pager
	}{Search: keyword, Pager: pager}
	if len(keyword) > maxSearch {
		form.Wrong("search", "a keyword has at most %d bytes", maxSearch)
		return p.pages.Render(c, form.Status(), "scraping/list", page.View{Title: "Scrapers", Form: form, Data: v})
	}
	q := query.Query{Order: []query.Order{{Field: "name"}}, Start: pager.Offset(), Limit: pager.Size + 1}
	found, err := p.set.Scrapers.List(ctx, request.Narrow(ctx, scrapers.Search(q, keyword), "feeds"))
	if err != nil {
		return err
	}
	pager.More = len(found) > pager.Size
	found = found[:min(len(found), pager.Size)]
	pager.Shown = len(found)
	for i := range found {
		last, err := p.jobs(c, found[i].Name, 0, 1)
		if err != nil {
			return err
		}
		s := summary{Stored: found[i]}
		if len(last) > 0 {
			s.Last = &last[0]
		}
		v.Scrapers = append(v.Scrapers, s)
	}
	v.Held, err = p.set.Jobs.List(ctx, request.Narrow(ctx, query.Query{
		Filters: []query.Filter{query.NewFilter("status", query.Equal, string(jobs.Held))}, Order: newest(), Limit: listedJobs,
	}, "doctype"))
	if err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "scraping/list", page.View{Title: "Scrapers", Form: form, Data: v})
}

func newest() []query.Order { return []query.Order{{Field: "creation", Desc: true}, {Field: "name"}} }

// jobs are those of a scraper that the key may see, the newest first.
func (p *Pages) jobs(c *gin.Context, scraper string, start, limit int) ([]jobs.Job, error) {
	ctx := c.Request.Context()
	q := query.Query{Filters: []query.Filter{query.NewFilter("scraper", query.Equal, scraper)}, Order: newest(), Start: start, Limit: limit}
	return p.set.Jobs.List(ctx, request.Narrow(ctx, q, "doctype")) // it may have fed another one then
}

// shownScraper is what the page of a scraper shows.
type shownScraper struct {
	scrapers.Stored
	Jobs   []jobs.Job
	Chart  *chart
	Brakes []brake
	Pager  *page.Pager
}

func (p *Pages) show(c *gin.Context) error {
	s, err := p.scraper(c)
	if err != nil {
		return err
	}
	v := shownScraper{Stored: s, Pager: page.NewPager(c, listedJobs)}
	if v.Jobs, err = p.jobs(c, s.Name, v.Pager.Offset(), listedJobs+1); err != nil {
		return err
	}
	v.Pager.More = len(v.Jobs) > listedJobs
	v.Jobs = v.Jobs[:min(len(v.Jobs), listedJobs)]
	v.Pager.Shown = len(v.Jobs)
	last, err := p.jobs(c, s.Name, 0, charted)
	if err != nil {
		return err
	}
	v.Chart = newChart(last)
	if v.Brakes, err = p.brakes(c, &s); err != nil {
		return err
	}
	title := s.Title
	if title == "" {
		title = s.Name
	}
	return p.pages.Render(c, http.StatusOK, "scraping/show", page.View{Title: title, Crumbs: []page.Crumb{home()}, Data: &v})
}

func (p *Pages) remove(c *gin.Context) error {
	s, err := p.scraper(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	col, err := p.collection(ctx, scraperName)
	if err != nil {
		return err
	}
	err = col.Delete(ctx, s.Name)
	if err == nil {
		return page.Redirect(c, page.Path("scrapers"), page.Done("Deleted the scraper "+s.Name+". Its jobs and documents stay."))
	}
	if said := web.Classify(err); said.Code == "immutable" {
		return page.Redirect(c, page.Path("scrapers", "scraper", s.Name), &page.Flash{Tone: "bad", Text: said.Message + "."})
	}
	return err
}
