package rest

import (
	"context"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/server/rest/collection"
	"dochook/server/rest/feed"
	"dochook/server/rest/request"
	"dochook/server/web"
)

const (
	defaultEvents = 100  // how many one answer holds
	maxEvents     = 1000 // at most
	maxEventsTime = 30 * time.Second
)

// Events answers GET /api/events?after=<pos>&doctype=&job=&limit=: the log after
// a position, in order. Who accepts text/event-stream gets what comes from then
// on too, each event as id (its pos), event (its name) and data (its JSON);
// there the start is the header Last-Event-ID, else after, else the log's end.
func (h *Handlers) Events(c *gin.Context) error {
	ctx := c.Request.Context()
	v, err := request.Only(c, "after", "doctype", "job", "limit")
	if err != nil {
		return err
	}
	r, err := h.reader(ctx, v)
	if err != nil {
		return err
	}
	if acceptsStream(c.Request.Header.Values("Accept")) {
		return h.follow(c, v, r)
	}
	after, err := request.Number(v, "after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	r.After = max(after, r.After)
	limit, err := request.Number(v, "limit", defaultEvents, 0, maxEvents)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxEventsTime) // the route, a stream's, has none
	defer cancel()
	var events []doctype.Event
	for rest := int(limit); rest > 0; rest = int(limit) - len(events) {
		next, err := r.Next(ctx, rest)
		if err != nil {
			return err
		}
		if len(next) == 0 {
			break
		}
		events = append(events, next...)
	}
	if err := h.kept(ctx, "after", after); err != nil { // asked last: what was removed meanwhile was not read
		return err
	}
	return answer(c, http.StatusOK, "data", eventList(events))
}

// reader checks that the caller may read the events asked for. Those of a job
// cannot come before its beginning.
func (h *Handlers) reader(ctx context.Context, v url.Values) (feed.Reader, error) {
	r := feed.Reader{Log: h.Documents.Log(), DocType: v.Get("doctype"), Job: v.Get("job")}
	if r.Job != "" {
		j, err := h.Jobs.Get(ctx, r.Job)
		if err != nil {
			return r, err
		}
		if r.DocType != "" && r.DocType != j.DocType {
			return r, web.Errorf("invalid", "doctype", "job %s feeds %s", j.ID, j.DocType)
		}
		r.DocType, r.After = j.DocType, j.Began
	}
	if r.DocType == "" {
		if key := web.Principal(ctx); !key.Covers("") {
			return r, web.Errorf("forbidden", "doctype", "the API key %s is limited to some DocTypes: say doctype=", key.Name)
		}
		return r, nil
	}
	col, err := h.set.Open(ctx, r.DocType, collection.Read)
	if err == nil && col.Builtin() {
		return r, web.Errorf("not_found", "doctype", "a %s has no events", r.DocType)
	}
	return r, err
}

// follow streams events until the client or the service ends.
func (h *Handlers) follow(c *gin.Context, v url.Values, r feed.Reader) error {
	ctx := c.Request.Context()
	// Before the end of the log is looked at: what is committed then is not missed.
	wakes, cancel, err := h.options.Feed.Subscribe()
	if err != nil {
		return err
	}
	defer cancel()
	began := r.After
	head, err := r.Log.Head(ctx)
	if err != nil {
		return err
	}
	for _, from := range []struct{ name, value string }{{"Last-Event-ID", c.GetHeader("Last-Event-ID")}, {"after", v.Get("after")}} {
		if r.After, err = request.Number(url.Values{from.name: {from.value}}, from.name, head, 0, math.MaxInt64); err != nil {
			return err
		}
		if r.After > head { // of another database, or of one that was set back: it would skip events
			return web.Errorf("invalid", from.name, "the log ends at position %d", head)
		}
		if from.value != "" {
			if err := h.kept(ctx, from.name, r.After); err != nil {
				return err
			}
			break
		}
	}
	r.After = max(r.After, began)
	name, made := web.Principal(ctx).Name, web.Principal(ctx).Creation
	header := c.Writer.Header()
	header.Set("Content-Type", feed.Type)
	header.Set("X-Accel-Buffering", "no") // proxies that know it pass events on at once
	c.Status(http.StatusOK)
	return feed.NewStream(r, wakes, c.Writer, feed.Options{Allowed: func(ctx context.Context) bool {
		key, err := h.Keys.Get(ctx, name)
		if err != nil {
			return web.Classify(err).Code == "unavailable"
		}
		return key.Enabled && key.Covers(r.DocType) && key.Creation.Equal(made)
	}}).Run(ctx)
}

// kept refuses a position behind which events have been removed: who goes on there would miss them without knowing.
func (h *Handlers) kept(ctx context.Context, field string, after int64) error {
	if after == 0 { // from the beginning, whatever that is
		return nil
	}
	first, err := h.Documents.Log().First(ctx)
	if err != nil || after >= first-1 {
		return err
	}
	return web.Errorf("expired", field, "events before position %d have been removed: go on with after=%d", first, first-1)
}

// acceptsStream reports whether a client asks for server-sent events: it names
// them, as every one does that can read them.
func acceptsStream(accept []string) bool {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if kind, _, err := mime.ParseMediaType(part); err == nil && kind == feed.Type {
			return true
		}
	}
	return false
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
