package outlook

import "sync"

const (
	after = 2   // pages of news the next one is expected to be
	most  = 8   // that count
	wrong = -16 // what a page counts for that was taken for news and was not
)

// Outlook counts for each DocType how many of the last pages were news. The zero value is ready; its methods may be called from any
// goroutine.
type Outlook struct {
	mu    sync.Mutex
	pages map[string]int
}

// News reports whether the next page of a DocType is expected to be news.
func (o *Outlook) News(docType string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pages[docType] >= after
}

// Saw takes in whether a page was news; missed says that it was taken for news, and had to be written again.
func (o *Outlook) Saw(docType string, news, missed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pages == nil {
		o.pages = make(map[string]int)
	}
	switch n := o.pages[docType]; {
	case news: // also where the transaction had to run again for something else
		o.pages[docType] = min(n+1, most)
	case missed:
		o.pages[docType] = wrong
	default:
		o.pages[docType] = min(n, 0)
	}
}
