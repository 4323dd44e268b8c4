package documents

import (
	"context"

	"dochook/doctype/stored"
)

// A page of news, as those of a first scrape are, looks up documents for nothing. Where the pages before were news, one is taken for news
// too, unless a few of its names are known. Each document that is written must be as it was read, so it is seen if one was there after
// all; then nothing was written, and the page is written again as any other.
const newsProbed = 16 // names at least, of a page that has as many

// probe reports whether the page may be taken for news: all its records are whole ones, and of a few of them no document is there.
func (p *prepared) probe(ctx context.Context, s *Service) (bool, error) {
	var names []string
	for i, w := range p.writes {
		switch {
		case w == nil:
			continue
		case w.hash == nil: // it is to be removed, or merged
			return false, nil
		}
		if i%max(1, len(p.writes)/newsProbed) == 0 {
			names = append(names, w.name)
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	table := stored.Table{DB: s.db.Read.DB, Postgres: s.db.Postgres(), DocType: p.def.Name}
	some, err := table.Any(ctx, names)
	return !some, unavailable(err)
}
