package webhooks

import (
	"context"
	"slices"

	"dochook/doctype/query"
	"dochook/doctype/scrapers"
	"dochook/server/panel/page"
)

const (
	maxDocTypes  = 500
	maxScrapers  = 20
	maxSuggested = 20 // documents or jobs to choose from
)

// docTypes are those to choose from, and the one chosen.
func (p *Pages) docTypes(ctx context.Context, chosen string) ([]page.Option, error) {
	found, err := p.set.Documents.DocTypes(ctx, query.Query{Limit: maxDocTypes, Order: []query.Order{{Field: "name"}}})
	if err != nil {
		return nil, err
	}
	out := []page.Option{{Value: "", Label: "the scraper’s, or for job events: all"}}
	for i := range found {
		out = append(out, page.Option{Value: found[i].Name, Label: found[i].Name})
	}
	return withChosen(out, chosen), nil
}

// scrapers are those that have a keyword in their name, title or description, the
// first of them by name, and the one chosen.
func (p *Pages) scrapers(ctx context.Context, keyword, chosen string) ([]page.Option, error) {
	q := query.Query{Limit: maxScrapers + 1, Order: []query.Order{{Field: "name"}}}
	found, err := p.set.Scrapers.List(ctx, scrapers.Search(q, keyword))
	if err != nil {
		return nil, err
	}
	first := "any, or none"
	switch {
	case keyword != "" && len(found) == 0:
		first = "nothing found: any, or none"
	case len(found) > maxScrapers:
		first, found = "any, or none (search for more)", found[:maxScrapers]
	}
	out := []page.Option{{Value: "", Label: first}}
	for i := range found {
		s := &found[i]
		label := s.Name
		if s.Title != "" {
			label = s.Title + " (" + s.Name + ")"
		}
		out = append(out, page.Option{Value: s.Name, Label: label + ", feeds " + s.Feeds})
	}
	return withChosen(out, chosen), nil
}

func withChosen(options []page.Option, chosen string) []page.Option {
	if chosen == "" || slices.ContainsFunc(options, func(o page.Option) bool { return o.Value == chosen }) {
		return options
	}
	return append(options, page.Option{Value: chosen, Label: chosen})
}
