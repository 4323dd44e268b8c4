package again_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
	"dochook/server/cli"
	"dochook/server/cli/again"
	"dochook/server/rest/replays"
	"dochook/server/web"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const token = "admin:0123456789abcdef0123"

// verbs are the part of the program's grammar that is tested.
type verbs struct {
	cli.Globals

	Replay   again.Replay   `cmd:""`
	Backfill again.Backfill `cmd:""`
	Replays  again.Replays  `cmd:""`
}

type result struct {
	out, err string
	code     int
}

// dochook runs a verb as main does.
func dochook(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var line verbs
	var out, errs bytes.Buffer
	parser, err := kong.New(&line, kong.Name("dochook"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return result{"", err.Error(), cli.ExitUsage}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	parsed.BindTo(ctx, (*context.Context)(nil))
	code := cli.Report(&errs, parsed.Run(&cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs}, &line.Globals))
	return result{out.String(), errs.String(), code}
}

// house is a service on a database, with three documents and a webhook that has been told of the first two in vain.
type house struct {
	runs   *replay.Service
	engine *courier.Engine
	target *httptest.Server
	sent   chan string
	answer atomic.Int64 // status; 0 = 200
}

func build(t *testing.T, db *migrations.DB) *house {
	t.Helper()
	guard, err := sender.NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{sent: make(chan string, 100)}
	h.target = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(max(h.answer.Load(), http.StatusOK)))
		h.sent <- r.Header.Get("Webhook-Id")
	}))
	t.Cleanup(h.target.Close)
	store := ledger.New(db)
	docs := documents.New(db, documents.Options{})
	webhooks := hooks.New(db, guard, replay.Cursors{Store: store}, hooks.Options{})
	h.runs = replay.New(db, docs, webhooks, store, replay.Options{Changed: func() { h.engine.Review() }})
	h.engine = courier.New(docs.Log(), webhooks, store, guard, courier.Options{Runs: h.runs})
	d, err := doctype.ParseDocType([]byte(`{"name":"Doc","autoname":"field:id"}`))
	if err == nil {
		_, err = docs.InsertDocType(t.Context(), d)
	}
	if err == nil {
		_, err = webhooks.Insert(t.Context(), fmt.Appendf(nil, `{"name":"w","webhook_doctype":"Doc","events":["on_change"],"request_url":%q}`, h.target.URL))
	}
	for i := range 3 {
		if err == nil {
			_, err = docs.Put(t.Context(), "Doc", fmt.Appendf(nil, `{"id":"d%d","n":%d}`, i, i))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	lease, ok, err := store.Claim(t.Context(), "webhook:w", "me", time.Minute)
	b := ledger.Batch{Pos: 3}
	events, readErr := docs.Log().At(t.Context(), []int64{1, 2})
	for i := range events {
		e := &events[i]
		b.Deliveries = append(b.Deliveries, ledger.Delivery{
			Key: ledger.Key{Pos: e.Pos}, ID: ledger.ID("X", e.Pos), EventID: e.ID, Event: e.Event, DocType: e.DocType, Name: e.Name, Status: ledger.Dead,
			Attempts: 1, CreatedAt: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).UnixMicro(),
		})
	}
	if err = errors.Join(err, readErr, store.Flush(t.Context(), lease, b), store.Release(t.Context(), lease)); err != nil || !ok {
		t.Fatal(ok, err)
	}
	return h
}

// serve lets the house answer requests and deliver, and returns the flags that lead there.
func (h *house) serve(t *testing.T, db *migrations.DB) []string {
	t.Helper()
	keys := access.New(db, access.Options{})
	if err := errors.Join(keys.EnsureToken(t.Context(), token), h.engine.Open(t.Context())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { h.engine.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	gin.SetMode(gin.ReleaseMode)
	e, r, doors := gin.New(), web.NewResponder(keys, web.Options{}), replays.New(h.runs)
	limits := web.Limits{Body: 64 << 10}
	e.POST("/api/replays", r.Route(web.Admin, limits, doors.Create))
	e.GET("/api/replays", r.Route(web.Admin, limits, doors.List))
	e.GET("/api/replays/:id", r.Route(web.Admin, limits, doors.Get))
	e.DELETE("/api/replays/:id", r.Route(web.Admin, limits, doors.Cancel))
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return []string{"--server", server.URL, "--token", token}
}

var runID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`) //nolint:gochecknoglobals // compiled once

func TestVerbs_at_a_service(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := build(t, db)
		at := h.serve(t, db)
		run := func(stdin string, args ...string) result {
			t.Helper()
			return dochook(t, stdin, append(args, at...)...)
		}
		// Asked, and told no.
		r := run("n\n", "replay", "w", "--status=dead")
		if r.code != 1 || r.out != "" || r.err != "2 events, of 2026-01-01 00:00:00 to 2026-01-02 00:00:00, to be sent to w\nSend them? [y/N] dochook: nothing was sent\n" {
			t.Errorf("no: %+v", r)
		}
		if r = run("", "replay", "w"); r.code != 2 || !strings.Contains(r.err, "--yes") {
			t.Errorf("no answer: %+v", r)
		}
		if r = run("", "replays", "list", "--json"); r.code != 0 || r.out != "[]\n" {
			t.Errorf("nothing yet: %+v", r)
		}
		// Asked, and told yes.
		r = run("y\n", "replay", "w", "--status=dead", "--to=2026-01-01", "--wait")
		if id := runID.FindString(r.out); r.code != 0 || id == "" || r.out != "replay "+id+" to w is finished: 1 of 1, 1 delivered\n" {
			t.Errorf("yes: %+v", r)
		}
		<-h.sent
		// Not asked, and as JSON.
		r = run("", "backfill", "w", `--filters=[["n",">",0]]`, "--yes", "--wait", "--json")
		var told replay.Run
		if err := json.Unmarshal([]byte(r.out), &told); err != nil || r.code != 0 || r.err != "" || told.Kind != "backfill" || told.Status != "finished" || told.Delivered != 2 {
			t.Errorf("backfill: %v, %+v", err, r)
		}
		r = run("", "backfill", "w", "--document=d1", "--yes")
		id := runID.FindString(r.out)
		if r.code != 0 || r.out != "backfill "+id+": 1 to send to w\nlook: dochook replays get "+id+"\n" {
			t.Errorf("%+v", r)
		}
		if r = run("", "replays", "get", id, "--wait"); r.code != 0 || r.out != "backfill "+id+" to w is finished: 1 of 1, 1 delivered\n" {
			t.Errorf("get: %+v", r)
		}
		if r = run("", "replays", "cancel", id); r.code != 1 || !strings.Contains(r.err, "has finished") {
			t.Errorf("cancel: %+v", r)
		}
		if r = run("", "replays", "list", "--webhook=w", "--limit=2"); r.code != 0 || strings.Count(r.out, "\n") != 3 || !strings.Contains(r.out, id) || !strings.Contains(r.out, "Administrator") {
			t.Errorf("list: %+v", r)
		}
		if r = run("", "replay", "w", "--source=log", "--event=on_trash", "--yes"); r.code != 1 || !strings.Contains(r.err, "nothing to send to w") {
			t.Errorf("nothing: %+v", r)
		}
		// An endpoint that refuses: exit code 1.
		h.answer.Store(http.StatusRequestEntityTooLarge)
		if r = run("", "backfill", "w", "--document=d1", "--yes", "--wait"); r.code != 1 || !strings.Contains(r.out, "1 of 1, 1 dead") {
			t.Errorf("dead: %+v", r)
		}
	})
}

func TestVerbs_in_a_database(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			db := dbtest.Open(t, url)
			if _, err := migrations.Up(t.Context(), db, nil); err != nil {
				t.Fatal(err)
			}
			build(t, db)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) result {
				t.Helper()
				return dochook(t, "", append(args, "--database", url)...)
			}
			r := run("replay", "w", "--status=dead", "--yes")
			id := runID.FindString(r.out)
			if r.code != 0 || id == "" || !strings.HasPrefix(r.out, "replay "+id+": 2 to send to w") || strings.Contains(r.out, "is started") != (dialect == dbtest.SQLite) {
				t.Errorf("replay: %+v", r)
			}
			if r = run("backfill", "w", "--yes"); r.code != 1 || !strings.Contains(r.err, "has a replay that goes on, "+id) {
				t.Errorf("backfill: %+v", r)
			}
			if dialect == dbtest.SQLite {
				if r = run("backfill", "w", "--yes", "--wait"); r.code != 2 || !strings.Contains(r.err, "--server") {
					t.Errorf("wait: %+v", r)
				}
			}
			if r = run("replays", "get", id); r.code != 0 || r.out != "replay "+id+" to w is running: 0 of 2\n" {
				t.Errorf("get: %+v", r)
			}
			if r = run("replays", "cancel", id); r.code != 0 || r.out != "replay "+id+" to w is canceled: 0 of 2\n" {
				t.Errorf("cancel: %+v", r)
			}
			if r = run("replays", "list"); r.code != 0 || strings.Count(r.out, "\n") != 2 || !strings.Contains(r.out, "canceled") {
				t.Errorf("list: %+v", r)
			}
		})
	}
}

func TestVerbs_wrong_use(t *testing.T) {
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"replay w --json":                                  {2, "--yes"},
		"replay w --status=fine":                           {2, "--status"},
		"replay w --server=http://127.0.0.1:1":             {2, "token"},
		"replay w --server=localhost --token=a:b":          {2, "address"},
		"replay w --server=http://127.0.0.1:1 --token=a:b": {1, "no answer from http://127.0.0.1:1"},
		"backfill w --filters={":                           {2, "--filters"},
		"replays list --limit=0":                           {2, "--limit"},
		"replays list --database=sqlite:/nowhere/x.db":     {1, "no database"},
	} {
		if r := dochook(t, "", strings.Fields(args)...); r.code != want.code || !strings.Contains(r.err, want.says) {
			t.Errorf("%s: %+v", args, r)
		}
	}
}
