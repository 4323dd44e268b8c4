package rest

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/server/rest/collection"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// What may follow a document's name in /api/v2/document.
const (
	eventsPart = "events"
	methodPart = "method"
)

// split takes what stands after /api/v2/document/{DocType}/ apart, still
// escaped: {name}, {name}/events or {name}/method/{method}.
func split(rest string) (name, part, method string) {
	s := strings.Split(rest, "/")
	switch n := len(s); {
	case n >= 3 && s[n-2] == methodPart:
		return strings.Join(s[:n-2], "/"), methodPart, s[n-1]
	case n >= 2 && s[n-1] == eventsPart:
		return strings.Join(s[:n-1], "/"), eventsPart, ""
	default:
		return rest, "", ""
	}
}

// ListV2 answers GET /api/v2/document/{DocType}, with has_next_page.
func (h *Handlers) ListV2(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Read)
	if err != nil {
		return err
	}
	q, err := pathQuery(c, col)
	if err != nil {
		return err
	}
	limit := q.Limit
	if limit <= MaxRows {
		q.Limit++ // one more tells whether there is a next page
	}
	views, err := col.List(ctx, q)
	if err != nil {
		return err
	}
	more := len(views) > limit
	if limit > MaxRows {
		more = len(views) > MaxRows
		limit = MaxRows
	}
	views = views[:min(len(views), limit)]
	return answer(c, http.StatusOK, "data", rows(views, q), `"has_next_page":`+strconv.FormatBool(more))
}

// GetV2 answers GET /api/v2/document/{DocType}/{name}[/events].
func (h *Handlers) GetV2(c *gin.Context) error {
	rest := request.Segment(c, "name")
	if rest == "" {
		return h.ListV2(c)
	}
	ctx, col, err := h.openPath(c, collection.Read)
	if err != nil {
		return err
	}
	name, part, _ := split(rest)
	switch part {
	case eventsPart:
		return h.history(ctx, c, col, name)
	case methodPart:
		return web.Errorf("method_not_allowed", "", "methods are called with POST")
	default:
		return h.get(ctx, c, col, name)
	}
}

// CallV2 answers POST /api/v2/document/{DocType}/{name}/method/{method}, and
// without a name makes a document.
func (h *Handlers) CallV2(c *gin.Context) error {
	rest := request.Segment(c, "name")
	if rest == "" {
		return h.Create(c)
	}
	escaped, part, method := split(rest)
	if part != methodPart {
		return web.Errorf("method_not_allowed", "", "POST makes documents at /api/v2/document/<DocType>; use PATCH to change one")
	}
	ctx, col, err := h.openPath(c, collection.Write)
	if err != nil {
		return err
	}
	name, err := request.Unescape(escaped)
	if err != nil {
		return err
	}
	body, err := request.Object(c)
	if err != nil {
		return err
	}
	out, err := col.Call(ctx, name, method, body)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", out)
}

// history lists the events of one document that are still in the log, newest
// first; before=<pos> goes on where an answer ended.
func (h *Handlers) history(ctx context.Context, c *gin.Context, col *collection.Collection, escaped string) error {
	name, err := request.Unescape(escaped)
	if err != nil {
		return err
	}
	v, err := request.Parameters(c)
	if err != nil {
		return err
	}
	limit, err := request.Number(v, "limit", defaultEvents, 0, maxEvents)
	if err != nil {
		return err
	}
	before, err := request.Number(v, "before", math.MaxInt64, 1, math.MaxInt64)
	if err != nil {
		return err
	}
	events, err := col.History(ctx, name, before, int(limit))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", eventList(events))
}

// Count answers GET /api/v2/doctype/{DocType}/count.
func (h *Handlers) Count(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Read)
	if err != nil {
		return err
	}
	q, err := pathQuery(c, col)
	if err != nil {
		return err
	}
	n, err := col.Count(ctx, q)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", strconv.AppendInt(nil, n, 10))
}

// Meta answers GET /api/v2/doctype/{DocType}/meta: its definition.
func (h *Handlers) Meta(c *gin.Context) error {
	ctx, col, err := h.openPath(c, collection.Read)
	if err != nil {
		return err
	}
	if col.Builtin() {
		return web.Errorf("not_found", "doctype", "%s is built in and has no definition", col.Name())
	}
	definitions, err := h.set.Open(ctx, "DocType", collection.Read)
	if err != nil {
		return err
	}
	view, err := definitions.Get(ctx, col.Name())
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", view)
}
