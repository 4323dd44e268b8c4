package overview

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks/activity"
	"dochook/server/panel/page"
	"dochook/server/rest/feed"
	"dochook/server/web"
)

const (
	stripItems = 20
	stripBack  = 200              // positions of the log that are looked through for the first items
	stripTime  = 15 * time.Minute // and how old a delivery may be
	// Deliveries are written some time after they were tried.
	writeTime  = 15 * time.Second
	livePause  = 300 * time.Millisecond
	livePoll   = 2 * time.Second
	keepAlive  = 15 * time.Second
	streamTime = 10 * time.Minute // then the browser comes back, and is asked for its session again
)

// item is a line of the live strip.
type item struct {
	At          time.Time
	Badge, Tone string
	DocType     string
	Name        string
	URL         string // of the document or job
	Section     string // which URL belongs to
	Scraper     string // of a job
	Webhook     string // of a delivery
	Delivery    string // its id
	HTTPStatus  int
	Duration    time.Duration
}

// items are the newest events after a position and, for admins,
// the newest deliveries since a time, together, newest first. next is where the
// events end.
func (p *Pages) items(ctx context.Context, after int64, since time.Time) (out []item, next int64, err error) {
	key, next := web.Principal(ctx), after
	for range 10 { // more than that is too fast to be looked at
		events, err := p.set.Documents.Log().Events(ctx, eventlog.Range{After: next, Limit: 500, Bare: true})
		if err != nil {
			return nil, 0, err
		}
		for i := range events {
			if e := &events[i]; key.Covers(e.DocType) {
				out = append(out, eventItem(e))
			}
			next = events[i].Pos
		}
		if len(events) < 500 {
			break
		}
	}
	if web.Check(ctx, web.Admin) == nil {
		tried, err := p.activity.Latest(ctx, since, stripItems)
		if err != nil {
			return nil, 0, err
		}
		for i := range tried {
			out = append(out, attemptItem(&tried[i]))
		}
	}
	slices.Reverse(out) // of what has the same time the later one comes first
	slices.SortStableFunc(out, func(a, b item) int { return b.At.Compare(a.At) })
	out = out[:min(len(out), stripItems)]
	return out, next, p.judge(ctx, out)
}

// judge marks the jobs that ended and wait for a person.
func (p *Pages) judge(ctx context.Context, items []item) error {
	for i := range items {
		it := &items[i]
		if it.Badge != doctype.JobFinished {
			continue
		}
		job, err := p.set.Jobs.Get(ctx, it.Name)
		if err != nil && web.Classify(err).Status != http.StatusNotFound {
			return err
		}
		if err == nil && job.Waiting() {
			it.Badge, it.Tone = "held", "warn"
		}
	}
	return nil
}

func eventItem(e *doctype.Event) item {
	it := item{At: e.At, Badge: e.Event, Tone: page.Tone(e.Event), DocType: e.DocType, Name: e.Name}
	if doctype.IsJobEvent(e.Event) {
		it.Scraper, it.URL, it.Section = e.Scraper, page.Path("scrapers", "job", e.Name), "scraping"
	} else {
		it.URL, it.Section = page.Path("documents", "doctype", e.DocType, "doc", e.Name), "documents"
	}
	return it
}

func attemptItem(a *activity.Attempt) item {
	return item{
		At: a.At, Badge: a.Status, Tone: page.Tone(a.Status), DocType: a.DocType, Name: a.Name, Webhook: a.Webhook(), Delivery: a.ID,
		URL: page.Path("deliveries", "delivery", a.ID), Section: "deliveries", HTTPStatus: a.HTTPStatus, Duration: a.Duration,
	}
}

// live streams the items that come from now on, as server-sent events named item
// whose data is markup.
func (p *Pages) live(c *gin.Context) error {
	ctx, cancelTime := context.WithTimeout(c.Request.Context(), streamTime)
	defer cancelTime()
	wakes, cancel, err := p.options.Feed.Subscribe()
	if err != nil {
		return err
	}
	defer cancel()
	pos, err := p.set.Documents.Log().Head(ctx)
	if err != nil {
		return err
	}
	header := c.Writer.Header()
	header.Set("Content-Type", feed.Type)
	header.Set("X-Accel-Buffering", "no")
	s := &strip{pages: p, c: c, pos: pos, began: p.options.Now(), seen: map[string]time.Time{}}
	if err := s.write([]byte("retry: 2000\n\n")); err != nil {
		return err
	}
	made := web.Principal(ctx)
	poll, alive := time.NewTicker(livePoll), time.NewTicker(keepAlive)
	defer poll.Stop()
	defer alive.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-wakes:
			if !open {
				return nil
			}
		case <-poll.C:
		case <-alive.C:
			key, err := p.set.Keys.Get(ctx, made.Name)
			if err != nil && web.Classify(err).Code != "unavailable" || err == nil && !(key.Enabled && key.Creation.Equal(made.Creation) && key.Role == made.Role) {
				return nil
			}
			if err := s.write([]byte(": alive\n\n")); err != nil {
				return err
			}
			continue
		}
		if err := s.next(ctx); err != nil {
			if ctx.Err() != nil || web.Classify(err).Code == "unavailable" {
				continue
			}
			return err
		}
		select { // what comes close together is one message
		case <-ctx.Done():
			return nil
		case <-time.After(livePause):
		}
	}
}

// strip is one open stream.
type strip struct {
	pages *Pages
	c     *gin.Context
	pos   int64
	began time.Time
	seen  map[string]time.Time // deliveries that were sent
}

// next sends what is new.
func (s *strip) next(ctx context.Context) error {
	head, err := s.pages.set.Documents.Log().Head(ctx)
	if err != nil {
		return err
	}
	if head-s.pos > 10*stripBack { // nobody reads that fast
		s.pos = head - stripBack
	}
	now := s.pages.options.Now()
	since := now.Add(-writeTime)
	if since.Before(s.began) {
		since = s.began
	}
	found, next, err := s.pages.items(ctx, s.pos, since)
	if err != nil {
		return err
	}
	s.pos = next
	found = slices.DeleteFunc(found, func(it item) bool {
		if it.Delivery == "" {
			return false
		}
		_, sent := s.seen[it.Delivery]
		s.seen[it.Delivery] = it.At
		return sent
	})
	for id, at := range s.seen {
		if at.Before(now.Add(-4 * writeTime)) {
			delete(s.seen, id)
		}
	}
	if len(found) == 0 {
		return nil
	}
	text, err := s.pages.pages.Text(s.c, "overview/show", "items", page.View{Data: found})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("id: " + strconv.FormatInt(s.pos, 10) + "\nevent: item\n")
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			b.WriteString("data: ")
			b.Write(line)
			b.WriteByte('\n')
		}
	}
	b.WriteByte('\n')
	return s.write(b.Bytes())
}

func (s *strip) write(text []byte) error {
	if _, err := s.c.Writer.Write(text); err != nil {
		return err
	}
	s.c.Writer.Flush()
	return nil
}
