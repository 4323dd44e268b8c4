package browse

import (
	"context"
	"slices"

	"dochook/doctype"
	"dochook/doctype/query"
)

// Lister lists documents of one DocType, as documents.Service does.
type Lister func(ctx context.Context, q query.Query) ([]doctype.Document, error)

// How many documents a page looks at where no index answers: the first one answers
// at once, those after it have been asked for.
const (
	Window = 1000
	Deeper = 20_000
)

// Ask is what a page shows.
type Ask struct {
	Filters []query.Filter // all must hold
	// Sort is the order: modified or name by index, any other field within a
	// window. The zero value is by modified, newest first.
	Sort query.Order
	Size int    // rows on a page
	At   string // a cursor of an earlier Page; what is none is the beginning
	// Everything takes the window away: the database looks through all documents,
	// which may take long.
	Everything bool
	// All lists the documents that windows are counted in, where the Lister leaves
	// out some; nil: it does not.
	All Lister
}

// Page is a part of the list.
type Page struct {
	Documents []doctype.Document
	First     int64 // number of the first row, from 1
	// Previous, Next and Further are cursors, "" where there is nothing. Further
	// is where looking goes on when a window ended and the page is not full.
	Previous, Next, Further string
	// Windowed says that there are documents beyond the window, which was of so
	// many.
	Windowed bool
	Window   int
}

// indexed reports whether an index has the order.
func (a *Ask) indexed() bool { return a.Sort.Field == "modified" || a.Sort.Field == "name" }

// narrowed reports whether not every document is shown.
func (a *Ask) narrowed() bool { return len(a.Filters) > 0 || a.All != nil }

// List reads a page. Errors are those of the Lister.
func List(ctx context.Context, list Lister, a Ask) (Page, error) {
	if a.Sort.Field == "" {
		a.Sort = query.Order{Field: "modified", Desc: true}
	}
	c := parseCursor(a.At)
	switch {
	case !a.indexed():
		return a.sorted(ctx, list, c)
	case c.kind == before && !a.narrowed():
		return a.backward(ctx, list, c)
	case c.kind == offset || c.kind == before:
		c = cursor{}
	}
	return a.forward(ctx, list, c)
}

// order is that of an index: the names of documents of one time go the other way
// than the times, or nothing could read it from both ends.
func order(field string, desc bool) []query.Order {
	if field == "name" {
		return []query.Order{{Field: "name", Desc: desc}}
	}
	return []query.Order{{Field: "modified", Desc: desc}, {Field: "name", Desc: !desc}}
}

func (a *Ask) forward(ctx context.Context, list Lister, c cursor) (Page, error) {
	p := Page{First: max(c.row, 1), Window: Window}
	if c.kind == behind {
		p.Window = Deeper
	}
	var edge *doctype.Document
	var err error
	if a.narrowed() && !a.Everything {
		if edge, err = a.edge(ctx, list, c, p.Window); err != nil {
			return p, err
		}
	}
	if p.Documents, err = a.read(ctx, list, c, a.Sort.Desc, edge); err != nil {
		return p, err
	}
	p.Windowed = edge != nil
	more := len(p.Documents) > a.Size
	if more {
		p.Documents = p.Documents[:a.Size]
	}
	next := p.First + int64(len(p.Documents))
	switch {
	case more:
		p.Next = beside(after, next, &p.Documents[a.Size-1]).String()
	case edge != nil:
		p.Further = beside(behind, next, edge).String()
	}
	if c.kind != 0 && !a.narrowed() && len(p.Documents) > 0 {
		p.Previous = beside(before, p.First, &p.Documents[0]).String()
	}
	return p, nil
}

func (a *Ask) backward(ctx context.Context, list Lister, c cursor) (Page, error) {
	docs, err := a.read(ctx, list, cursor{after, c.row, c.modified, c.name}, !a.Sort.Desc, nil)
	if err != nil {
		return Page{}, err
	}
	if len(docs) <= a.Size { // the beginning: a whole page of it
		return a.forward(ctx, list, cursor{})
	}
	docs = docs[:a.Size]
	slices.Reverse(docs)
	p := Page{Documents: docs, First: max(c.row-int64(a.Size), 2)}
	p.Previous = beside(before, p.First, &docs[0]).String()
	p.Next = beside(after, p.First+int64(len(docs)), &docs[len(docs)-1]).String()
	return p, nil
}

// read reads one more than a page.
func (a *Ask) read(ctx context.Context, list Lister, c cursor, desc bool, edge *doctype.Document) ([]doctype.Document, error) {
	var out []doctype.Document
	for _, stretch := range c.ranges(a.Sort.Field, desc) {
		q := query.Query{Filters: append(stretch, a.Filters...), Order: order(a.Sort.Field, desc), Limit: a.Size + 1 - len(out)}
		if edge != nil {
			within(&q, a.Sort.Field, desc, edge)
		}
		docs, err := list(ctx, q)
		if err != nil {
			return nil, err
		}
		if out = append(out, docs...); len(out) > a.Size {
			break
		}
	}
	return out, nil
}

// within keeps to what comes up to the edge.
func within(q *query.Query, field string, desc bool, edge *doctype.Document) {
	nearer, upto, nameUpto := query.Less, query.LessEqual, query.GreaterEqual
	if desc {
		nearer, upto, nameUpto = query.Greater, query.GreaterEqual, query.LessEqual
	}
	if field == "name" {
		q.Filters = append(q.Filters, query.NewFilter("name", upto, edge.Name))
		return
	}
	time := at(edge.Modified.UnixMicro())
	q.Filters = append(q.Filters, query.NewFilter("modified", upto, time))
	q.OrFilters = []query.Filter{query.NewFilter("modified", nearer, time), query.NewFilter("name", nameUpto, edge.Name)}
}

// edge is the last document of the window after a cursor, nil if the documents end
// before it does. What was modified at the cursor's own time may be one window more.
func (a *Ask) edge(ctx context.Context, list Lister, c cursor, window int) (*doctype.Document, error) {
	if a.All != nil {
		list = a.All
	}
	for _, stretch := range c.ranges(a.Sort.Field, a.Sort.Desc) {
		docs, err := list(ctx, query.Query{Filters: stretch, Order: order(a.Sort.Field, a.Sort.Desc), Start: window - 1, Limit: 2})
		if err != nil || len(docs) == 2 {
			return first(docs), err
		}
	}
	return nil, nil //nolint:nilnil // the documents end
}

func first(docs []doctype.Document) *doctype.Document {
	if len(docs) == 0 {
		return nil
	}
	return &docs[0]
}

// sorted orders the newest documents by a field without an index.
func (a *Ask) sorted(ctx context.Context, list Lister, c cursor) (Page, error) {
	p := Page{First: 1, Window: Window}
	if c.kind == offset && c.row <= maxStart {
		p.First = c.row
	}
	start := int(p.First) - 1
	q := query.Query{Filters: slices.Clone(a.Filters), Order: []query.Order{a.Sort}, Start: start, Limit: a.Size + 1}
	if !a.Everything {
		newest := *a
		newest.Sort = query.Order{Field: "modified", Desc: true}
		edge, err := newest.edge(ctx, list, cursor{}, Window)
		if err != nil {
			return p, err
		}
		if edge != nil {
			p.Windowed = true
			within(&q, "modified", true, edge)
		}
	}
	var err error
	if p.Documents, err = list(ctx, q); err != nil {
		return p, err
	}
	if len(p.Documents) > a.Size {
		p.Documents = p.Documents[:a.Size]
		p.Next = cursor{kind: offset, row: p.First + int64(a.Size)}.String()
	}
	if start > 0 {
		p.Previous = cursor{kind: offset, row: max(p.First-int64(a.Size), 1)}.String()
	}
	return p, nil
}

// Most is how many documents Count counts.
const Most = 1000

// Count counts what list lists, up to Most; beyond it more is true.
func Count(ctx context.Context, list Lister, count func(context.Context, query.Query) (int64, error)) (n int64, more bool, err error) {
	docs, err := list(ctx, query.Query{Order: order("modified", true), Start: Most, Limit: 1})
	if err != nil || len(docs) > 0 {
		return Most, true, err
	}
	n, err = count(ctx, query.Query{})
	return n, false, err
}
