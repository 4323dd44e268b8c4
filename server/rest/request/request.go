package request

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
	"dochook/server/web"
)

// Context is the request's ctx, whose writes are done on behalf of its key.
func Context(c *gin.Context) context.Context {
	ctx := c.Request.Context()
	key := web.Principal(ctx)
	hops, err := strconv.ParseInt(c.GetHeader(hooks.HopsHeader), 10, 32)
	if err != nil || hops < 0 {
		hops = 0 // nobody's chain is cut by junk
	}
	return doctype.WithUser(ctx, doctype.User{KeyID: key.Name, Name: key.Owner, Hops: hops})
}

// Segment is a part of the path that the router left escaped, without the
// slash a catch-all begins with and the one a client may have put at the end.
func Segment(c *gin.Context, param string) string {
	return strings.TrimSuffix(strings.TrimPrefix(c.Param(param), "/"), "/")
}

// Unescape decodes a part of the path.
func Unescape(raw string) (string, error) {
	s, err := url.PathUnescape(raw)
	if err != nil {
		return "", web.Errorf("bad_request", "", "the path is not escaped correctly")
	}
	return s, nil
}

// Name is a part of the path, decoded.
func Name(c *gin.Context, param string) (string, error) { return Unescape(Segment(c, param)) }

// Parameters are those of the URL. What cannot be read, or is there twice,
// would be obeyed in part at best.
func Parameters(c *gin.Context) (url.Values, error) {
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

// Only is Parameters, refusing those that are not named: one that nobody knows
// is a typing mistake.
func Only(c *gin.Context, names ...string) (url.Values, error) {
	v, err := Parameters(c)
	if err != nil {
		return nil, err
	}
	for name := range v {
		if slices.Contains(names, name) {
			continue
		}
		if len(names) == 0 {
			return nil, web.Errorf("invalid", name, "there is no parameter %.60q: this takes none", name)
		}
		return nil, web.Errorf("invalid", name, "there is no parameter %.60q: known are %s", name, strings.Join(names, ", "))
	}
	return v, nil
}

// Number reads a number parameter between least and most, absent as given.
func Number(v url.Values, param string, absent, least, most int64) (int64, error) {
	s := v.Get(param)
	if s == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least {
		return 0, web.Errorf("invalid", param, "%s must be a number from %d on", param, least)
	}
	if n > most {
		return 0, web.Errorf("invalid", param, "%s is at most %d", param, most)
	}
	return n, nil
}

// Object reads a body that is one JSON object, by itself or as the form field
// "data". It is checked as records are; an empty body is an empty object.
func Object(c *gin.Context) ([]byte, error) {
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
	case trimmed[0] == '<':
		return nil, web.Errorf("not_json", "", "the body is HTML or XML, not JSON")
	case kind == "application/x-www-form-urlencoded" && !bytes.ContainsRune(trimmed, '='):
		return nil, web.Errorf("not_json", "", "the body is neither a JSON object nor a form")
	case kind == "application/x-www-form-urlencoded":
		if data, err = formObject(data); err != nil {
			return nil, err
		}
	case kind == "multipart/form-data":
		return nil, web.Errorf("unsupported", "", "send the document as JSON, not as multipart/form-data")
	}
	return data, record.Check(data)
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

// formObject is the field data of a form, or an object of all its fields.
func formObject(body []byte) ([]byte, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, web.Errorf("bad_request", "", "the form is not encoded correctly")
	}
	if values.Has("data") {
		return []byte(values.Get("data")), nil
	}
	var w record.Writer
	for _, name := range slices.Sorted(maps.Keys(values)) {
		w.Text(name, values.Get(name))
	}
	return w.Bytes(), nil
}

// Narrow keeps a list to what the request's key may see; field is the one that
// holds a DocType.
func Narrow(ctx context.Context, q query.Query, field string) query.Query {
	if key := web.Principal(ctx); !key.Covers("") { // which is no DocType: the key is limited to some
		q.Filters = append(slices.Clip(q.Filters), query.NewFilter(field, query.In, key.DocTypes...))
	}
	return q
}
