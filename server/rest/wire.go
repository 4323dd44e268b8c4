package rest

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/server/rest/collection"
	"dochook/server/rest/rawjson"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// MaxRows is the most documents one list answers; who wants more asks for
// them in pages.
const MaxRows = 10_000

// answer writes {"<member>": value} and further members as they are given.
func answer(c *gin.Context, status int, member string, value []byte, more ...string) error {
	b := make([]byte, 0, len(value)+len(member)+64)
	b = append(append(append(append(b, `{"`...), member...), `":`...), value...)
	for _, m := range more {
		b = append(append(b, ','), m...)
	}
	return web.Raw(c, status, append(b, '}'))
}

// rows writes documents as a list: the fields asked for, or all, each document
// as an object or as a list of values.
func rows(views [][]byte, q query.Query) []byte {
	all := slices.Contains(q.Fields, "*")
	out := []byte{'['}
	for i, view := range views {
		if i > 0 {
			out = append(out, ',')
		}
		switch {
		case all && !q.AsLists:
			out = append(out, view...)
		case q.AsLists:
			out = appendValues(out, view, q.Fields, all)
		default:
			var o rawjson.Object
			for _, f := range q.Fields {
				o.Member(f, valueOf(view, f))
			}
			out = append(out, o.Bytes()...)
		}
	}
	return append(out, ']')
}

func appendValues(out, view []byte, fields []string, all bool) []byte {
	out = append(out, '[')
	n := len(out)
	add := func(value []byte) {
		if len(out) > n {
			out = append(out, ',')
		}
		out = append(out, value...)
	}
	if all {
		for _, value := range rawjson.Members(view) {
			add(value)
		}
	} else {
		for _, f := range fields {
			add(valueOf(view, f))
		}
	}
	return append(out, ']')
}

// valueOf is a field of a document; record.x is its own member x where a
// standard field of that name stands before it. Absent is null.
func valueOf(view []byte, field string) []byte {
	if v := record.Member(view, field); v != nil {
		return v
	}
	if own, ok := strings.CutPrefix(field, "record."); ok {
		shadowed := record.Member(view, "record")
		if v := record.Member(shadowed, own); v != nil && doctype.IsStandardField(own) {
			return v
		}
	}
	return []byte("null")
}

// listQuery reads the list parameters and bounds the answer.
func listQuery(v url.Values, col *collection.Collection) (query.Query, error) {
	q, err := query.Parse(v)
	if err != nil {
		return q, err
	}
	q.Fields = distinct(q.Fields)
	for _, f := range q.Fields {
		own := strings.TrimPrefix(f, "record.")
		if f != "*" && !doctype.IsStandardField(own) && !col.Known(f) {
			return q, web.Errorf("invalid", "fields", "Field not permitted in query: %.100s", f)
		}
	}
	if q.Limit == query.All || q.Limit > MaxRows {
		q.Limit = MaxRows + 1
	}
	return q, nil
}

// fetch lists documents; more than MaxRows is refused rather than cut.
func fetch(ctx context.Context, col *collection.Collection, q query.Query) ([][]byte, error) {
	views, err := col.List(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(views) > MaxRows {
		return nil, web.Errorf("invalid", "limit", "there are more than %d rows: ask for them in pages, with limit_start and limit_page_length", MaxRows)
	}
	return views, nil
}

// openPath opens the collection of the DocType in the path; ctx acts for the
// key.
func (h *Handlers) openPath(c *gin.Context, p collection.Purpose) (context.Context, *collection.Collection, error) {
	ctx := request.Context(c)
	name, err := request.Unescape(request.Segment(c, "doctype"))
	if err != nil {
		return ctx, nil, err
	}
	col, err := h.set.Open(ctx, name, p)
	return ctx, col, err
}

// distinct keeps the first of each.
func distinct(fields []string) []string {
	seen := make(map[string]bool, len(fields))
	return slices.DeleteFunc(fields, func(f string) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}
