package documents

import (
	"context"
	"sync"

	"dochook/doctype/stored"
)

// A page of news, as those of a first scrape are, looks up documents for nothing. Where the pages before were news, one is taken for news
// too, unless a few of its names are known. Each document that is written must be as it was read, so it is seen if one was there after
// all; then nothing was written, and the page is written again as any other.
const (
	newsAfter  = 2   // pages of news
	newsMost   = 8   // that count
	newsWrong  = -16 // what a page counts for that was not
	newsProbed = 16  // names
)

// outlook counts for each DocType how many of the last pages were news. The zero value is ready; its methods may be called from any
// goroutine.
type outlook struct {
	mu    sync.Mutex
	pages map[string]int
}

// expects reports whether the next page of a DocType may be news.
func (o *outlook) expects(docType string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pages[docType] >= newsAfter
}

// saw takes in what a page was; wrong says that it was taken for news and was not.
func (o *outlook) saw(docType string, news, wrong bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pages == nil {
		o.pages = make(map[string]int)
	}
	switch n := o.pages[docType]; {
	case news: // also where the transaction had to run again for something else
		o.pages[docType] = min(n+1, newsMost)
	case wrong:
		o.pages[docType] = newsWrong
	default:
		o.pages[docType] = min(n, 0)
	}
}

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
