package webhooks

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/server/panel/page"
	"dochook/server/panel/standing"
	"dochook/server/rest/collection"
)

const (
	perPage    = 50
	maxKeyword = 140 // runes: no name is longer
)

// listed is what the list shows.
type listed struct {
	Search, State string
	States        []page.Option
	Rows          []row
	Pager         *page.Pager
	Any           bool // there are webhooks, whether they pass the filter or not
}

// row is a webhook and how it stands.
type row struct {
	*hooks.Stored

	Standing standing.Webhook
}

func (p *Pages) list(c *gin.Context) error {
	ctx := c.Request.Context()
	if _, err := p.open(ctx, collection.Read); err != nil {
		return err
	}
	d := listed{
		Search: shorten(c.Query("search")), State: c.Query("state"), Pager: page.NewPager(c, perPage),
		States: []page.Option{{Value: "", Label: "any"}, {Value: "enabled", Label: "enabled"}, {Value: "disabled", Label: "disabled"}},
	}
	q := query.Query{Order: []query.Order{{Field: "name"}}, Start: d.Pager.Offset(), Limit: perPage}
	if d.Search != "" {
		like := "%" + query.EscapeLike(d.Search) + "%"
		for _, field := range []string{"name", "webhook_doctype", "scraper", "request_url", "description"} {
			q.OrFilters = append(q.OrFilters, query.NewFilter(field, query.Like, like))
		}
	}
	switch d.State {
	case "enabled":
		q.Filters = append(q.Filters, query.NewFilter("enabled", query.Equal, "1"))
	case "disabled":
		q.Filters = append(q.Filters, query.NewFilter("enabled", query.Equal, "0"))
	}
	stored, err := p.set.Webhooks.List(ctx, q)
	if err != nil {
		return err
	}
	if d.Pager.Total, err = p.set.Webhooks.Count(ctx, q); err != nil {
		return err
	}
	d.Pager.Shown, d.Any = len(stored), len(stored) > 0 || d.Search != "" || d.State != "" || d.Pager.Number > 1
	all, err := p.standings(ctx, stored)
	if err != nil {
		return err
	}
	for i := range stored {
		d.Rows = append(d.Rows, row{&stored[i], all[i]})
	}
	form := page.NewForm(map[string][]string{"search": {d.Search}, "state": {d.State}})
	return p.pages.Render(c, http.StatusOK, "webhooks/list", page.View{Title: "Webhooks", Form: form, Data: d})
}

// shorten makes of what was typed a keyword.
func shorten(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "")
	if text := []rune(s); len(text) > maxKeyword {
		return string(text[:maxKeyword])
	}
	return s
}
