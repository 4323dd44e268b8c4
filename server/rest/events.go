package rest

import (
	"math"
	"net/http"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

// How many events one answer holds.
const (
	defaultEvents = 100
	maxEvents     = 1000
)

// Events answers GET /api/events?after=<pos>&doctype=&limit=: the log after a
// position, in order.
func (h *Handlers) Events(c *gin.Context) error {
	ctx := c.Request.Context()
	v, err := parameters(c)
	if err != nil {
		return err
	}
	after, err := count(v, "after", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := count(v, "limit", defaultEvents, maxEvents)
	if err != nil {
		return err
	}
	dt := v.Get("doctype")
	if dt != "" {
		col, err := h.set.Open(ctx, dt, collection.Read)
		if err != nil {
			return err
		}
		if col.Builtin() {
			return web.Errorf("not_found", "doctype", "a %s has no events", dt)
		}
	} else if key := web.Principal(ctx); !key.Covers(dt) {
		return web.Errorf("forbidden", "doctype", "the API key %s is limited to some DocTypes: say doctype=", key.Name)
	}
	events, err := h.Documents.Log().Events(ctx, eventlog.Range{After: after, DocType: dt, Limit: int(limit)})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, "data", eventList(events))
}

func eventList(events []doctype.Event) []byte {
	out := []byte{'['}
	for i := range events {
		if i > 0 {
			out = append(out, ',')
		}
		out = events[i].AppendJSON(out)
	}
	return append(out, ']')
}
