package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// told is one event of a stream.
type told struct {
	id, event string
	body      struct {
		Pos                      int64
		Event, DocType, Name, ID string
		Job                      *string
		Data                     json.RawMessage
	}
}

// stream is a client that follows the log.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
	last  string // id
}

// follow opens a stream; headers are "Name: value".
func (s *site) follow(path string, headers ...string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	headers = slices.DeleteFunc(append(headers, "Accept: text/event-stream"), func(h string) bool { return h == "" })
	req := s.request("GET", path, "", headers...).WithContext(ctx)
	res, err := http.DefaultClient.Do(req) //nolint:bodyclose // close does
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	f := &stream{t: s.t, lines: bufio.NewScanner(res.Body), close: func() {
		cancel()
		_ = res.Body.Close() // it was cancelled
	}}
	s.t.Cleanup(f.close)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(res.Body) // to be shown
		s.t.Fatalf("%s: %d %s: %s", path, res.StatusCode, res.Header.Get("Content-Type"), text)
	}
	if block := f.block(); len(block) != 2 || block[0] != "retry: 1000" || !strings.HasPrefix(block[1], "id: ") {
		s.t.Fatalf("the stream begins with %q", block)
	}
	return f
}

// block reads on to the next blank line.
func (f *stream) block() []string {
	f.t.Helper()
	var block []string
	for f.lines.Scan() {
		line := f.lines.Text()
		if line == "" {
			return block
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			f.last = id
		}
		block = append(block, line)
	}
	f.t.Fatalf("the stream broke off: %v", f.lines.Err())
	return nil
}

// next reads n events.
func (f *stream) next(n int) []told {
	f.t.Helper()
	out := make([]told, 0, n)
	for len(out) < n {
		block := f.block()
		if slices.Equal(block, []string{":"}) {
			continue
		}
		if len(block) != 3 {
			f.t.Fatalf("not an event: %q", block)
		}
		e := told{id: strings.TrimPrefix(block[0], "id: "), event: strings.TrimPrefix(block[1], "event: ")}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(block[2], "data: ")), &e.body); err != nil {
			f.t.Fatalf("%v in %q", err, block[2])
		}
		if e.event != e.body.Event || e.id != fmt.Sprint(e.body.Pos) {
			f.t.Errorf("head and data differ: %q", block)
		}
		out = append(out, e)
	}
	return out
}

// names are those of the next n documents.
func (f *stream) names(n int) string {
	f.t.Helper()
	var names []string
	for _, e := range f.next(n) {
		names = append(names, e.body.Name)
	}
	return strings.Join(names, " ")
}

// TestFeed_exactly_once: a client that is cut off again and again while somebody
// writes gets every event once, in order.
func TestFeed_exactly_once(t *testing.T) {
	const events, at = 60, 7 // reconnects after so many
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"before"}`)
		f := s.follow("/api/events?doctype=Product")
		written := make(chan error, 1)
		go func() {
			for i := range events {
				req := s.request("POST", "/api/resource/Product", fmt.Sprintf(`{"sku":"%d"}`, i))
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					written <- err
					return
				}
				if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
					written <- fmt.Errorf("%d, %w", res.StatusCode, err)
					return
				}
			}
			written <- nil
		}()
		var got []string
		for len(got) < events {
			for _, e := range f.next(min(at, events-len(got))) {
				got = append(got, e.body.Name)
			}
			f.close()
			f = s.follow("/api/events?doctype=Product&after=0", "Last-Event-ID: "+f.last)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		for i, name := range got {
			if name != fmt.Sprint(i) {
				t.Fatalf("number %d is %s: %v", i, name, got)
			}
		}
	})
}

// TestFeed_starts: Last-Event-ID goes before after, and that before the log's end.
func TestFeed_starts(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Other","autoname":"field:sku"}`)
		empty := s.follow("/api/events")
		for _, name := range []string{"a", "b", "c"} {
			s.must("POST", "/api/resource/Product", `{"sku":"`+name+`"}`)
			s.must("POST", "/api/resource/Other", `{"sku":"`+name+`2"}`)
		}
		if got := empty.names(6); got != "a a2 b b2 c c2" {
			t.Errorf("from an empty log: %s", got)
		}
		pos := make([]string, 6)
		for i := range pos {
			pos[i] = fmt.Sprint(s.must("GET", "/api/events", "").get(t, "data", fmt.Sprint(i), "pos"))
		}
		for _, tc := range []struct{ path, header, want string }{
			{"?after=0", "", "a a2 b b2 c c2"},
			{"?after=" + pos[3], "", "c c2"},
			{"?after=" + pos[3] + "&doctype=Other", "", "c2"},
			{"?after=" + pos[4], "Last-Event-ID: " + pos[1], "b b2 c c2"},
			{"?doctype=Product", "Last-Event-ID: " + pos[0], "b c"},
			{"?after=0", "Last-Event-ID: ", "a a2 b b2 c c2"},
		} {
			f := s.follow("/api/events"+tc.path, tc.header)
			if got := f.names(len(strings.Fields(tc.want))); got != tc.want {
				t.Errorf("%s with %q: %s, want %s", tc.path, tc.header, got, tc.want)
			}
			f.close()
		}
		end := s.follow("/api/events?doctype=Product")
		s.must("POST", "/api/resource/Other", `{"sku":"d2"}`)
		s.must("PUT", "/api/resource/Product/a", `{"price":2500.0}`)
		e := end.next(1)[0]
		if e.event != "on_update" || e.body.Name != "a" || string(e.body.Data) != `{"sku":"a","price":2500.0}` {
			t.Errorf("from the end: %+v", e)
		}
		end.close()
	})
}

// TestFeed_refuses what would be followed in vain.
func TestFeed_refuses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"a"}`)
		const accept = "Accept: text/html, Text/Event-Stream;q=0.9"
		for _, tc := range []struct {
			path, header string
			no
		}{
			{"?after=x", "", no{417, "invalid", "after must be a number"}},
			{"?after=-1", "", no{417, "invalid", "after"}},
			{"?after=99", "", no{417, "invalid", "the log ends at position"}},
			{"?after=0", "Last-Event-ID: x", no{417, "invalid", "Last-Event-ID"}},
			{"?after=0", "Last-Event-ID: 99999999999999999999", no{417, "invalid", "Last-Event-ID"}},
			{"?after=0", "Last-Event-ID: 99", no{417, "invalid", "the log ends at position"}},
			{"?after=0&after=1", "", no{400, "bad_request", "2 times"}},
			{"?doctype=None", "", no{404, "not_found", ""}},
			{"?doctype=Webhook", "", no{404, "not_found", "no events"}},
			{"?job=none", "", no{404, "not_found", "none"}},
		} {
			headers := []string{accept}
			if tc.header != "" {
				headers = append(headers, tc.header)
			}
			s.refused(tc.no, "GET", "/api/events"+tc.path, "", headers...)
		}
		token, _ := s.must("POST", "/api/resource/API%20Key", `{"name":"l","role":"writer","doctypes":["Product"]}`).get(t, "data", "token").(string)
		limited := s.as(t, token)
		limited.refused(no{403, "forbidden", "doctype="}, "GET", "/api/events", "", accept)
		limited.refused(no{403, "forbidden", ""}, "GET", "/api/events?doctype=Other", "", accept)
		if got := limited.follow("/api/events?doctype=Product&after=0").names(1); got != "a" {
			t.Errorf("a limited key gets %s", got)
		}
		s.as(t, "").refused(no{403, "forbidden", ""}, "GET", "/api/events", "", accept)
	})
}

// TestEvents_of_a_job: its own and those of the documents it wrote.
func TestEvents_of_a_job(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Other","autoname":"field:sku"}`)
		s.must("POST", "/api/resource/Scraper", `{"name":"shop","feeds":"Product"}`)
		id := func() string {
			t.Helper()
			id, _ := s.must("POST", "/scrapers/shop/jobs", `{}`).get(t, "id").(string)
			return id
		}
		one, two := id(), id()
		s.must("GET", "/api/events?job="+one, "").is(t, `[]`, "data")
		f := s.follow("/api/events?job=" + one)
		s.must("POST", "/api/resource/Product", `{"sku":"before"}`)
		s.must("POST", "/scrapers/jobs/"+one+"/results", `[{"sku":"a"},{"sku":"b"}]`)
		s.must("POST", "/scrapers/jobs/"+two+"/results", `[{"sku":"x"}]`)
		s.must("POST", "/api/resource/Product", `{"sku":"between"}`)
		s.must("POST", "/scrapers/jobs/"+one+"/results", `[{"sku":"x","price":1}]`)
		s.must("POST", "/scrapers/jobs/"+one+"/finish", ``)
		const kinds = "job.started on_insert on_insert job.data on_update job.data job.finished"
		var got []string
		for _, e := range f.next(7) {
			got = append(got, e.event)
			if e.body.Job == nil || *e.body.Job != one {
				t.Errorf("an event of another job: %+v", e)
			}
		}
		slices.Sort(got[1:4]) // a page and its documents are one commit
		slices.Sort(got[4:6])
		if want := strings.Fields(kinds); strings.Join(got, " ") != sortedPages(want) {
			t.Errorf("the stream tells %v, want %s", got, kinds)
		}
		var listed []string
		after := "0"
		for { // in steps of two
			part, _ := s.must("GET", "/api/events?limit=2&job="+one+"&after="+after, "").get(t, "data").([]any)
			if len(part) == 0 {
				break
			}
			for _, e := range part {
				e, _ := e.(map[string]any)
				listed = append(listed, fmt.Sprint(e["event"]))
				after = fmt.Sprint(e["pos"])
			}
		}
		if len(listed) != 7 || listed[0] != "job.started" || listed[6] != "job.finished" {
			t.Errorf("the list tells %v", listed)
		}
		s.must("GET", "/api/events?job="+two+"&doctype=Product&limit=1", "").is(t, `"job.started"`, "data", "0", "event")
		s.refused(no{417, "invalid", "feeds Product"}, "GET", "/api/events?doctype=Other&job="+one, "")
		s.refused(no{404, "not_found", ""}, "GET", "/api/events?job=none", "")
		token, _ := s.must("POST", "/api/resource/API%20Key", `{"name":"l","role":"writer","doctypes":["Other"]}`).get(t, "data", "token").(string)
		s.as(t, token).refused(no{403, "forbidden", ""}, "GET", "/api/events?job="+one, "")
	})
}

func sortedPages(kinds []string) string {
	slices.Sort(kinds[1:4])
	slices.Sort(kinds[4:6])
	return strings.Join(kinds, " ")
}

// TestFeed_of_another_process: what one writes, those who follow the other get.
func TestFeed_of_another_process(t *testing.T) {
	at := dbtest.URL(t, dbtest.Postgres)
	one, two := newSite(t, dbtest.Open(t, at)), newSite(t, dbtest.Open(t, at))
	one.define(product)
	f := two.follow("/api/events?doctype=Product&after=0")
	for i := range 5 {
		one.must("POST", "/api/resource/Product", fmt.Sprintf(`{"sku":"%d"}`, i))
	}
	if got := f.names(5); got != "0 1 2 3 4" {
		t.Errorf("got %s", got)
	}
	f.close()
}

// TestHistory of a document whose name is a path.
func TestHistory(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		path := "/api/v2/document/Product/" + url.PathEscape("a/b c") + "/events"
		s.must("POST", "/api/resource/Product", `{"sku":"a/b c","price":1}`)
		for i := range 4 {
			s.must("PUT", "/api/resource/Product/"+url.PathEscape("a/b c"), fmt.Sprintf(`{"price":%d}`, i+2))
		}
		s.must("POST", "/api/resource/Product", `{"sku":"a"}`)
		s.must("DELETE", "/api/resource/Product/"+url.PathEscape("a/b c"), "")
		all, _ := s.must("GET", path, "").get(t, "data").([]any)
		if len(all) != 6 {
			t.Fatalf("%d events", len(all))
		}
		r := s.must("GET", path+"?limit=2", "")
		r.is(t, `"on_trash"`, "data", "0", "event")
		r.is(t, `{"sku":"a/b c","price":5}`, "data", "0", "data")
		r.is(t, `[{"name":"price","from":4,"to":5}]`, "data", "1", "changed")
		r.is(t, `5`, "data", "1", "version")
		s.refused(no{417, "invalid", "1000"}, "GET", path+"?limit=1001", "")

		// In pages of two, to the beginning and one on.
		var versions []string
		before := ""
		for range 4 {
			page, _ := s.must("GET", path+"?limit=2&before="+before, "").get(t, "data").([]any)
			for _, e := range page {
				e, _ := e.(map[string]any)
				versions = append(versions, fmt.Sprint(e["version"]))
				before = fmt.Sprint(e["pos"])
			}
		}
		if got := strings.Join(versions, " "); got != "6 5 4 3 2 1" {
			t.Errorf("in pages: versions %s", got)
		}
		s.refused(no{417, "invalid", "before"}, "GET", path+"?before=x", "")
	})
}

// Who goes on behind events that retention has removed would miss them without knowing.
func TestEvents_that_have_been_removed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := newSite(t, db)
		s.define(`{"name":"Product","autoname":"field:sku"}`)
		for i := range 5 {
			s.must("POST", "/api/resource/Product", fmt.Sprintf(`{"sku":"p%d"}`, i))
		}
		if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM events WHERE pos <= 3"); err != nil {
			t.Fatal(err)
		}
		s.refused(no{410, "expired", "events before position 4 have been removed: go on with after=3"}, "GET", "/api/events?after=2", "")
		s.refused(no{410, "expired", "go on with after=3"}, "GET", "/api/events", "", "Accept: text/event-stream", "Last-Event-ID: 1")
		for _, after := range []string{"0", "3"} {
			if got := gjson.GetBytes(s.must("GET", "/api/events?after="+after, "").body, "data.#").Int(); got != 2 {
				t.Errorf("%d events after %s", got, after)
			}
		}
		f := s.follow("/api/events", "Last-Event-ID: 3")
		if e := f.next(1); e[0].body.Name != "p3" {
			t.Errorf("%+v", e)
		}
	})
}
