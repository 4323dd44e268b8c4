package courier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/courier/feed"
	"dochook/hooks/courier/roster"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// arrived is one request at the receiver.
type arrived struct {
	Path, ID, Body string
	Name           string `json:"name"`
	N              int    `json:"n"`
	At             time.Time
}

// receiver answers by script and tells of every request.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(a arrived, seen int) int // status; seen = requests with this id before
	byID   map[string]int
	all    []arrived
	came   chan arrived
}

func newReceiver(t *testing.T, answer func(a arrived, seen int) int) *receiver {
	t.Helper()
	r := &receiver{answer: answer, byID: map[string]int{}, came: make(chan arrived, 100_000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		a := arrived{Path: req.URL.Path, ID: req.Header.Get("Webhook-Id"), Body: string(body), At: time.Now()}
		_ = json.Unmarshal(body, &a)
		r.mu.Lock()
		seen := r.byID[a.ID]
		r.byID[a.ID]++
		r.all = append(r.all, a)
		r.mu.Unlock()
		status := http.StatusOK
		if r.answer != nil {
			status = max(r.answer(a, seen), http.StatusOK)
		}
		w.WriteHeader(status)
		r.came <- a
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) wait(t *testing.T, n int) []arrived {
	t.Helper()
	var out []arrived
	deadline := time.After(30 * time.Second)
	for len(out) < n {
		select {
		case a := <-r.came:
			out = append(out, a)
		case <-deadline:
			t.Fatalf("%d of %d requests arrived", len(out), n)
		}
	}
	return out
}

// house is an engine with what it stands on.
type house struct {
	t      *testing.T
	db     *migrations.DB
	docs   *documents.Service
	jobs   *jobs.Service
	hooks  *hooks.Service
	ledger *ledger.Store
	engine *courier.Engine
	stop   func()
}

type pages struct{ *jobs.Service }

func (p pages) Heading(ctx context.Context, docType, _ string) (hooks.Page, error) {
	columns, err := p.Columns(ctx, docType)
	out := hooks.Page{Recipe: docType, Table: docType}
	for _, c := range columns {
		out.Columns = append(out.Columns, hooks.Column(c))
	}
	return out, err
}

func build(t *testing.T, db *migrations.DB) *house {
	t.Helper()
	return buildWith(t, db, courier.Options{})
}

func buildWith(t *testing.T, db *migrations.DB, o courier.Options) *house {
	t.Helper()
	guard, err := sender.NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, ledger: ledger.New(db)}
	o.Tail = &feed.Tail{}
	if db.Postgres() {
		o.Roster = roster.New(db)
	}
	h.docs = documents.New(db, documents.Options{Logged: o.Tail.Add, Committed: func(d []string) { h.engine.Wake(d) }})
	h.hooks = hooks.New(db, guard, h.ledger, hooks.Options{Edited: func(w string) { h.engine.Halt(w) }, Changed: func() { h.engine.Review() }})
	h.jobs = jobs.New(db, h.docs, jobs.Options{Hooks: h.hooks})
	o.Exclusive, o.Pages = !db.Postgres(), pages{h.jobs}
	h.engine = courier.New(h.docs.Log(), h.hooks, h.ledger, guard, o)
	return h
}

func (h *house) start() *house {
	h.t.Helper()
	if err := h.engine.Open(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan struct{})
	go func() {
		h.engine.Run(ctx)
		close(done)
	}()
	h.stop = sync.OnceFunc(func() { cancel(); <-done })
	h.t.Cleanup(h.stop)
	return h
}

func (h *house) doctype(text string) {
	h.t.Helper()
	d, err := doctype.ParseDocType([]byte(text))
	if err == nil {
		_, err = h.docs.InsertDocType(h.t.Context(), d)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) webhook(name, url, more string) {
	h.t.Helper()
	text := fmt.Sprintf(`{"name":%q,"webhook_doctype":"Doc","events":["on_change"],"request_url":%q,"webhook_data":[{"fieldname":"name","key":"name"},{"fieldname":"n","key":"n"}]%s}`, name, url, more)
	if _, err := h.hooks.Insert(h.t.Context(), []byte(text)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) put(name string, n int) {
	h.t.Helper()
	if _, err := h.docs.Put(h.t.Context(), "Doc", fmt.Appendf(nil, `{"id":%q,"n":%d}`, name, n)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) page(from, to, n int) {
	h.t.Helper()
	var p documents.Page
	for i := from; i < to; i++ {
		p.Records = append(p.Records, documents.Record{Line: i, Data: fmt.Appendf(nil, `{"id":"d%d","n":%d}`, i, n)})
	}
	if _, err := h.docs.WritePage(h.t.Context(), "Doc", p); err != nil {
		h.t.Fatal(err)
	}
}

// until waits for a condition in the database.
func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

func (h *house) count(status string) int64 {
	h.t.Helper()
	n, err := h.ledger.Count(h.t.Context(), query.Query{Filters: []query.Filter{query.NewFilter("status", query.Equal, status)}})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

const docType = `{"name":"Doc","autoname":"field:id"}`

func inOrder(t *testing.T, all []arrived) {
	t.Helper()
	last, seen := map[string]int{}, map[string]bool{}
	for _, a := range all {
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		if a.N < last[a.Name] {
			t.Errorf("%s: %d came after %d", a.Name, a.N, last[a.Name])
		}
		last[a.Name] = a.N
	}
}

func TestEngine_delivers_in_order_per_document(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		r := newReceiver(t, nil)
		h.webhook("w", r.URL, "")
		h.start()
		const docs, rounds = 200, 10
		for n := range rounds {
			h.page(0, docs, n)
		}
		all := r.wait(t, docs*rounds)
		inOrder(t, all)
		h.until("all recorded", func() bool { return h.count(ledger.Delivered) == docs*rounds })
	})
}

func TestEngine_retries_with_the_same_bytes_and_holds_back_only_its_document(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		r := newReceiver(t, func(a arrived, seen int) int {
			if a.Name == "bad" && a.N == 0 && seen < 3 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		h.webhook("w", r.URL, `,"retry":{"schedule":[0.1]}`)
		h.start()
		h.put("bad", 0)
		first := r.wait(t, 1)[0]
		h.put("bad", 1)
		h.put("good", 0)
		h.put("bad", 2)
		all := append([]arrived{first}, r.wait(t, 6)...)
		inOrder(t, all)
		for _, a := range all {
			if a.Name == "bad" && a.N == 0 && (a.Body != first.Body || a.ID != first.ID) {
				t.Errorf("a retry is %+v, the first was %+v", a, first)
			}
		}
		h.until("all recorded", func() bool { return h.count(ledger.Delivered) == 4 })
		list, err := h.ledger.List(t.Context(), query.Query{Limit: query.All, Filters: []query.Filter{query.NewFilter("name", query.Equal, first.ID)}})
		if err != nil || len(list) != 1 || list[0].Attempts != 4 {
			t.Fatalf("%+v, %v", list, err)
		}
		_, attempts, err := h.ledger.Get(t.Context(), first.ID)
		if err != nil || len(attempts) != 4 || attempts[0].HTTPStatus != 503 || attempts[3].HTTPStatus != 200 {
			t.Errorf("%+v, %v", attempts, err)
		}
	})
}

func TestEngine_goes_on_where_it_stopped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		fail := true
		var mu sync.Mutex
		r := newReceiver(t, func(a arrived, _ int) int {
			mu.Lock()
			defer mu.Unlock()
			if fail && a.Name == "d3" {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		h.webhook("w", r.URL, `,"retry":{"schedule":[0.2]}`)
		h.start()
		h.page(0, 10, 0)
		r.wait(t, 10)
		h.page(0, 10, 1)
		h.until("nine documents twice", func() bool { return h.count(ledger.Delivered) == 18 })
		h.stop()
		h.page(0, 10, 2)
		mu.Lock()
		fail = false
		mu.Unlock()
		again := build(t, db).start()
		again.until("all recorded", func() bool { return again.count(ledger.Delivered) == 30 })
		inOrder(t, r.all)
	})
}

func TestEngine_what_cannot_be_sent_is_recorded_and_blocks_nothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		r := newReceiver(t, func(a arrived, _ int) int {
			if a.N == 13 {
				return http.StatusRequestEntityTooLarge
			}
			return http.StatusOK
		})
		h.webhook("w", r.URL, `,"condition":"doc.n + 1 > 3"`)
		h.start()
		for _, text := range []string{`{"id":"null","n":null}`, `{"id":"small","n":1}`, `{"id":"large","n":13}`, `{"id":"fits","n":5}`} {
			if _, err := h.docs.Put(t.Context(), "Doc", []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		r.wait(t, 2)
		h.until("all recorded", func() bool {
			return h.count(ledger.Delivered) == 1 && h.count(ledger.Dead) == 1 && h.count(ledger.Skipped) == 1
		})
		list, err := h.ledger.List(t.Context(), query.Query{Limit: query.All, Filters: []query.Filter{query.NewFilter("status", query.Equal, ledger.Skipped)}})
		if err != nil || len(list) != 1 || list[0].Name != "null" || !strings.Contains(list[0].Detail.Error, "condition") {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestEngine_a_hanging_endpoint_takes_nothing_from_others(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		release := make(chan struct{})
		hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		t.Cleanup(hang.Close)
		r := newReceiver(t, nil)
		h.webhook("hangs", hang.URL, `,"timeout":20`)
		h.webhook("works", r.URL, "")
		h.start()
		for n := range 5 {
			h.page(0, 100, n)
		}
		defer close(release) // before the engine stops: it waits for what is in flight
		r.wait(t, 500)
	})
}

func TestEngine_subscriber_survives_restarts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		var mu sync.Mutex
		seen := map[string]int{}
		done := make(chan struct{}, 100)
		subscribe := func(h *house) {
			t.Helper()
			err := h.engine.Subscribe("audit", courier.SubscribeOptions{DocType: "Doc", Schedule: []time.Duration{50 * time.Millisecond}},
				func(_ context.Context, e doctype.Event) error {
					mu.Lock()
					seen[e.ID]++
					tries := seen[e.ID]
					mu.Unlock()
					if e.Name == "bad" && tries < 3 {
						return errors.New("not yet")
					}
					done <- struct{}{}
					return nil
				})
			if err != nil {
				t.Fatal(err)
			}
		}
		subscribe(h)
		h.start()
		h.put("a", 1)
		h.put("bad", 1)
		<-done
		<-done
		h.until("recorded", func() bool { return h.count(ledger.Delivered) == 2 })
		h.stop()
		h.put("b", 1)
		again := build(t, db)
		subscribe(again)
		again.start()
		<-done
		again.until("recorded", func() bool { return again.count(ledger.Delivered) == 3 })
		mu.Lock()
		defer mu.Unlock()
		if len(seen) != 3 {
			t.Errorf("saw %v", seen)
		}
	})
}

func TestEngine_resend_keeps_the_id(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		h.doctype(docType)
		r := newReceiver(t, func(_ arrived, seen int) int {
			if seen == 0 {
				return http.StatusBadRequest
			}
			return http.StatusOK
		})
		h.webhook("w", r.URL, `,"retry":{"attempts":1}`)
		h.start()
		h.put("a", 0)
		first := r.wait(t, 1)[0]
		h.until("dead", func() bool { return h.count(ledger.Dead) == 1 })
		a, err := h.engine.Resend(t.Context(), first.ID)
		if err != nil || a.HTTPStatus != 200 {
			t.Fatalf("%+v, %v", a, err)
		}
		second := r.wait(t, 1)[0]
		if second.ID != first.ID || second.Body != first.Body {
			t.Errorf("resent %+v, was %+v", second, first)
		}
		l, attempts, err := h.ledger.Get(t.Context(), first.ID)
		if err != nil || l.Status != ledger.Delivered || len(attempts) != 2 || attempts[0].HTTPStatus != 400 || attempts[1].HTTPStatus != 200 {
			t.Errorf("%+v %+v %v", l, attempts, err)
		}
	})
}

func TestEngine_breaker_sends_only_probes(t *testing.T) {
	db := dbtest.New(t, "sqlite")
	h := build(t, db)
	h.doctype(docType)
	var mu sync.Mutex
	status := http.StatusInternalServerError
	r := newReceiver(t, func(arrived, int) int {
		mu.Lock()
		defer mu.Unlock()
		return status
	})
	h.webhook("w", r.URL, `,"max_in_flight":1,"retry":{"schedule":[1]}`)
	h.start()
	h.page(0, 500, 0)
	r.wait(t, 10)
	mu.Lock()
	status = http.StatusOK
	mu.Unlock()
	lags, err := h.ledger.Lags(t.Context())
	if err != nil || len(lags) != 1 {
		t.Fatal(err)
	}
	h.until("all delivered after a probe", func() bool { return h.count(ledger.Delivered) == 500 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) > 520 {
		t.Errorf("%d requests for 500 deliveries: the breaker let them through", len(r.all))
	}
}
