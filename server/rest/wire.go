package rest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/hooks"
	"dochook/server/rest/collection"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// MaxRows is the most documents one list answers; who wants more asks for
// them in pages.
const MaxRows = 10_000

// withUser is the request's ctx, whose writes are done on behalf of its key.
func withUser(c *gin.Context) context.Context {
	ctx := c.Request.Context()
	key := web.Principal(ctx)
	hops, err := strconv.ParseInt(c.GetHeader(hooks.HopsHeader), 10, 32)
	if err != nil || hops < 0 {
		hops = 0 // nobody's chain is cut by junk
	}
	return doctype.WithUser(ctx, doctype.User{KeyID: key.Name, Name: key.Owner, Hops: hops})
}

// segment is a part of the path that the router left escaped, without the
// slash a catch-all begins with and the one a client may have put at the end.
func segment(c *gin.Context, param string) string {
	return strings.TrimSuffix(strings.TrimPrefix(c.Param(param), "/"), "/")
}

// unescape decodes a part of the path.
func unescape(raw string) (string, error) {
	s, err := url.PathUnescape(raw)
	if err != nil {
		return "", web.Errorf("bad_request", "", "the path is not escaped correctly")
	}
	return s, nil
}

// readAll reads the whole body; the route bounds it.
func readAll(c *gin.Context) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(c.Request.ContentLength, 0), 1<<20)) + bytes.MinRead)
	if _, err := b.ReadFrom(c.Request.Body); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return b.Bytes(), nil
}

// readObject reads a body that is one JSON object, by itself or as the form
// field "data". It is checked as records are; an empty body is an empty object.
func readObject(c *gin.Context) ([]byte, error) {
	data, err := readAll(c)
	if err != nil {
		return nil, err
	}
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	switch {
	case len(trimmed) == 0:
		return []byte("{}"), nil
	case trimmed[0] == '{': // curl -d calls everything a form
	case kind == "application/x-www-form-urlencoded":
		if data, err = formObject(data); err != nil {
			return nil, err
		}
	case kind == "multipart/form-data":
		return nil, web.Errorf("unsupported", "", "send the document as JSON, not as multipart/form-data")
	}
	return data, record.Check(data)
}

// formObject is the field data of a form, or an object of all its fields.
func formObject(body []byte) ([]byte, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, web.Errorf("bad_request", "", "the form is not encoded correctly")
	}
	if values.Has("data") {
		return []byte(values.Get("data")), nil
	}
	var w rawjson.Object
	for _, name := range slices.Sorted(maps.Keys(values)) {
		w.Member(name, rawjson.Quote(values.Get(name)))
	}
	return w.Bytes(), nil
}

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
	ctx := withUser(c)
	name, err := unescape(segment(c, "doctype"))
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

// parameters are those of the URL. What cannot be read, or is there twice,
// would be obeyed in part at best.
func parameters(c *gin.Context) (url.Values, error) {
	v, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, web.Errorf("bad_request", "", "the parameters in the URL are not escaped correctly")
	}
	for name, values := range v {
		if len(values) > 1 {
			return nil, web.Errorf("bad_request", name, "the parameter %.60q is there %d times", name, len(values))
		}
	}
	return v, nil
}

// count reads a number parameter between 0 and limit, absent as given.
func count(v url.Values, param string, absent, limit int64) (int64, error) {
	s := v.Get(param)
	if s == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, web.Errorf("invalid", param, "%s must be a number from 0 on", param)
	}
	if n > limit {
		return 0, web.Errorf("invalid", param, "%s is at most %d", param, limit)
	}
	return n, nil
}
