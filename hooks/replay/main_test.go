package replay_test

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
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/courier/feed"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// house is what a service stands on, and a receiver.
type house struct {
	*testing.T

	db     *migrations.DB
	docs   *documents.Service
	hooks  *hooks.Service
	jobs   *jobs.Service
	ledger *ledger.Store
	runs   *replay.Service
	engine *courier.Engine
	server *httptest.Server
	stop   func()

	mu     sync.Mutex
	answer func(a arrived) int // status; nil = 200
	all    []arrived
	came   chan arrived
	now    time.Time // of the documents' clock; zero = the real one
	asked  func()    // is called when somebody asks that clock
}

// arrived is one request at the receiver.
type arrived struct {
	Path, ID string
	Name     string `json:"name"`
	N        int    `json:"n"`
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

// each runs a test on both databases, on a DocType Doc. Nothing is delivered before start.
func each(t *testing.T, fn func(h *house)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		guard, err := sender.NewGuard([]string{"127.0.0.0/8"})
		if err != nil {
			t.Fatal(err)
		}
		h := &house{T: t, db: db, ledger: ledger.New(db), came: make(chan arrived, 100_000)}
		h.docs = documents.New(db, documents.Options{Now: h.clock, Committed: func(d []string) { h.engine.Wake(d) }})
		h.hooks = hooks.New(db, guard, replay.Cursors{Store: h.ledger}, hooks.Options{Changed: func() { h.engine.Review() }})
		h.runs = replay.New(db, h.docs, h.hooks, h.ledger, replay.Options{Changed: func() { h.engine.Review() }})
		h.jobs = jobs.New(db, h.docs, jobs.Options{Hooks: h.hooks})
		h.engine = courier.New(h.docs.Log(), h.hooks, h.ledger, guard, courier.Options{Exclusive: !db.Postgres(), Pages: pages{h.jobs}, Runs: h.runs})
		h.server = httptest.NewServer(http.HandlerFunc(h.receive))
		t.Cleanup(h.server.Close)
		d, err := doctype.ParseDocType([]byte(`{"name":"Doc","autoname":"field:id"}`))
		if err == nil {
			_, err = h.docs.InsertDocType(t.Context(), d)
		}
		if err == nil {
			_, err = scrapers.New(db, scrapers.Options{}).Insert(t.Context(), scrapers.Scraper{Name: "shop", Feeds: "Doc"})
		}
		h.no(err)
		fn(h)
	})
}

func (h *house) no(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked != nil {
		h.asked()
	}
	if h.now.IsZero() {
		return time.Now()
	}
	return h.now
}

func (h *house) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a request that breaks off is not one
	a := arrived{Path: r.URL.Path, ID: r.Header.Get("Webhook-Id")}
	_ = json.Unmarshal(body, &a)
	h.mu.Lock()
	h.all = append(h.all, a)
	answer := h.answer
	h.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(a)
	}
	w.WriteHeader(status)
	h.came <- a
}

// answers says what the receiver answers from now on.
func (h *house) answers(fn func(a arrived) int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = fn
}

// wait returns the next n requests.
func (h *house) wait(n int) []arrived {
	h.Helper()
	var out []arrived
	deadline := time.After(30 * time.Second)
	for len(out) < n {
		select {
		case a := <-h.came:
			out = append(out, a)
		case <-deadline:
			h.Fatalf("%d of %d requests arrived: %+v", len(out), n, out)
		}
	}
	return out
}

// start lets the couriers go.
func (h *house) start() {
	h.Helper()
	h.no(h.engine.Open(h.Context()))
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.Context()))
	done := make(chan struct{})
	go func() {
		h.engine.Run(ctx)
		close(done)
	}()
	h.stop = sync.OnceFunc(func() { cancel(); <-done })
	h.Cleanup(h.stop)
}

// webhook makes the webhook w; more are members.
func (h *house) webhook(name, more string) {
	h.Helper()
	text := fmt.Sprintf(`{"name":%q,"webhook_doctype":"Doc","request_url":%q%s}`, name, h.server.URL+"/"+name, more)
	_, err := h.hooks.Insert(h.Context(), []byte(text))
	h.no(err)
}

const mapped = `,"events":["on_change"],"webhook_data":[{"fieldname":"name","key":"name"},{"fieldname":"n","key":"n"}]`

func (h *house) put(name string, n int) {
	h.Helper()
	_, err := h.docs.Put(h.Context(), "Doc", fmt.Appendf(nil, `{"id":%q,"n":%d}`, name, n))
	h.no(err)
}

func (h *house) exec(text string, args ...any) {
	h.Helper()
	_, err := h.db.Write.ExecContext(h.Context(), text, args...)
	h.no(err)
}

func (h *house) number(text string, args ...any) (n int64) {
	h.Helper()
	h.no(h.db.Read.QueryRowContext(h.Context(), text, args...).Scan(&n))
	return n
}

// until waits for a condition in the database.
func (h *house) until(what string, ok func() bool) {
	h.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			h.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

func (h *house) begin(r replay.Request) replay.Run {
	h.Helper()
	run, err := h.runs.Start(h.Context(), r)
	h.no(err)
	return run
}

func (h *house) get(id string) replay.Run {
	h.Helper()
	run, err := h.runs.Get(h.Context(), id)
	h.no(err)
	return run
}

// ended waits for a run to end.
func (h *house) ended(id string) (run replay.Run) {
	h.Helper()
	h.until("the run ends", func() bool {
		run = h.get(id)
		return !run.Open()
	})
	return run
}

// active is the run as couriers see it.
func (h *house) active(id string) feed.Run {
	h.Helper()
	list, err := h.runs.Active(h.Context())
	h.no(err)
	for _, r := range list {
		if r.ID == id {
			return r
		}
	}
	h.Fatalf("%s is not among the %d active runs", id, len(list))
	return feed.Run{}
}

// walk reads all items of a run, some at a time: their events, and "-" for what is gone.
func (h *house) walk(r feed.Run, limit int) []string {
	h.Helper()
	var out []string
	for place := int64(0); ; {
		list, err := r.Items.After(h.Context(), place, limit)
		h.no(err)
		if len(list) == 0 {
			return out
		}
		for _, e := range list {
			if place++; e.Place != place {
				h.Fatalf("item %d came where %d was to come", e.Place, place)
			}
			text := "-"
			if e.Event.ID != "" {
				text = fmt.Sprintf("%s %s %d", e.Event.Event, e.Event.Name, e.Event.Version)
			}
			out = append(out, text)
		}
	}
}

// settle does to a run's cursor what a courier does: it stands at pos, with these deliveries.
func (h *house) settle(r replay.Run, pos int64, statuses ...string) {
	h.Helper()
	walker := ledger.RunWalker(r.ID, r.Webhook)
	lease, ok, err := h.ledger.Claim(h.Context(), walker, "me", time.Minute)
	if err != nil || !ok {
		h.Fatalf("claim: %v, %v", ok, err)
	}
	b := ledger.Batch{Pos: pos}
	for i, status := range statuses {
		key := ledger.Key{Pos: int64(i + 1)}
		id := ledger.ID(fmt.Sprint(r.ID, i), key.Pos)
		b.Deliveries = append(b.Deliveries, ledger.Delivery{Key: key, ID: id, Status: status, Attempts: 1, CreatedAt: 1})
		if status == ledger.Retrying {
			b.Retries = append(b.Retries, ledger.Retry{Key: key, OrderKey: id, DueAt: 1 << 60, Delivery: id})
		}
	}
	h.no(h.ledger.Flush(h.Context(), lease, b))
	h.no(h.ledger.Release(h.Context(), lease))
}

// refused expects an error of a code, with words in its text.
func (h *house) refused(err error, code, words string) {
	h.Helper()
	var coded interface{ Code() string }
	if !errors.As(err, &coded) || coded.Code() != code || !strings.Contains(err.Error(), words) {
		h.Errorf("got %v, want %s: … %s …", err, code, words)
	}
}
