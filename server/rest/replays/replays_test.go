package replays_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
	"dochook/server/openapi/openapitest"
	"dochook/server/rest/replays"
	"dochook/server/web"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const token = "admin:0123456789abcdef0123"

// call sends a request and returns its status and the answer.
type call func(method, path, body string) (int, map[string]any)

// each runs a test against the routes, with a webhook w and three documents.
func each(t *testing.T, fn func(t *testing.T, call call, runs *replay.Service)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		guard, err := sender.NewGuard(nil)
		if err != nil {
			t.Fatal(err)
		}
		store := ledger.New(db)
		docs := documents.New(db, documents.Options{})
		webhooks := hooks.New(db, guard, replay.Cursors{Store: store}, hooks.Options{})
		runs := replay.New(db, docs, webhooks, store, replay.Options{})
		keys := access.New(db, access.Options{})
		d, err := doctype.ParseDocType([]byte(`{"name":"Doc","autoname":"field:id"}`))
		if err == nil {
			_, err = docs.InsertDocType(t.Context(), d)
		}
		for i := range 3 {
			if err == nil {
				_, err = docs.Put(t.Context(), "Doc", fmt.Appendf(nil, `{"id":"a/%d","n":%d}`, i, i))
			}
		}
		if err == nil {
			_, err = webhooks.Insert(t.Context(), []byte(`{"name":"w","webhook_doctype":"Doc","events":["on_change"],"request_url":"https://example.com/x"}`))
		}
		if err == nil {
			err = keys.EnsureToken(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(openapitest.Around(t)(routes(replays.New(runs), web.NewResponder(keys, web.Options{}))))
		t.Cleanup(server.Close)
		fn(t, func(method, path, body string) (int, map[string]any) {
			t.Helper()
			return send(t, method, server.URL+path, body)
		}, runs)
	})
}

func routes(h *replays.Handlers, r *web.Responder) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.UseEscapedPath, e.UnescapePathValues = true, false
	for _, row := range []struct {
		method, path string
		handle       web.Handler
	}{
		{"GET", "/api/replays", h.List}, {"POST", "/api/replays", h.Create}, {"GET", "/api/replays/:id", h.Get}, {"DELETE", "/api/replays/:id", h.Cancel},
	} {
		e.Handle(row.method, row.path, r.Route(web.Admin, web.Limits{Body: 64 << 10}, row.handle))
	}
	return e
}

func send(t *testing.T, method, url, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	var answer map[string]any
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, url, res.StatusCode, text, err)
	}
	return res.StatusCode, answer
}

// text is the answer's data as JSON, with the values of some members replaced by whether they are there.
func text(t *testing.T, answer map[string]any) string {
	t.Helper()
	d, ok := answer["data"].(map[string]any)
	if !ok {
		t.Fatalf("no data in %v", answer)
	}
	for _, name := range []string{"id", "creation", "modified", "finished_at", "first", "last"} {
		if v, there := d[name]; there && v != nil {
			d[name] = "there"
		}
	}
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestReplays(t *testing.T) {
	each(t, func(t *testing.T, call call, _ *replay.Service) {
		expect := func(status, got int, want, text string) {
			t.Helper()
			if status != got || text != want {
				t.Errorf("%d %s\nwant %d %s", got, text, status, want)
			}
		}
		status, answer := call("POST", "/api/replays", `{"webhook":"w","kind":"backfill","filters":[["n",">",0]],"dry_run":true}`)
		expect(200, status, `{"count":2,"expired":0,"first":"there","last":"there"}`, text(t, answer))
		status, answer = call("POST", "/api/replays", `{"webhook":"w","dry_run":true,"status":"dead"}`)
		expect(200, status, `{"count":0,"expired":0,"first":null,"last":null}`, text(t, answer))
		if _, answer = call("GET", "/api/replays", ""); fmt.Sprint(answer) != "map[data:[]]" {
			t.Errorf("a dry run leaves %v", answer)
		}

		status, answer = call("POST", "/api/replays", `{"webhook":"w","kind":"backfill","filters":[["n",">",0]],"expect":2,"max":2}`)
		data, _ := answer["data"].(map[string]any)
		id, _ := data["id"].(string)
		const run = `{"creation":"there","dead":0,"delivered":0,"doctype":"Doc","done":0,"filter":{"filters":[["n","\u003e",0]]},"finished_at":null,"id":"there","kind":"backfill",` +
			`"modified":"there","owner":"Administrator","retrying":0,"skipped":0,"status":"running","total":2,"webhook":"w"}`
		expect(201, status, run, text(t, answer))
		status, answer = call("GET", "/api/replays/"+id, "")
		expect(200, status, run, text(t, answer))
		if status, answer = call("POST", "/api/replays", `{"webhook":"w","kind":"backfill"}`); status != 409 || !strings.Contains(fmt.Sprint(answer["message"]), id) {
			t.Errorf("a second one: %d %v", status, answer)
		}
		for query, n := range map[string]int{"": 1, "?webhook=w": 1, "?webhook=other": 0, "?limit=1": 1} {
			_, answer = call("GET", "/api/replays"+query, "")
			if list, ok := answer["data"].([]any); !ok || len(list) != n {
				t.Errorf("%q lists %v", query, answer)
			}
		}
		canceled := strings.NewReplacer(`"status":"running"`, `"status":"canceled"`, `"finished_at":null`, `"finished_at":"there"`).Replace(run)
		for range 2 {
			status, answer = call("DELETE", "/api/replays/"+id, "")
			expect(200, status, canceled, text(t, answer))
		}
	})
}

func TestReplays_refuse(t *testing.T) {
	each(t, func(t *testing.T, call call, runs *replay.Service) {
		for _, tc := range []struct {
			method, path, body string
			status             int
			field              string
		}{
			{"POST", "/api/replays", ``, 417, "webhook"},
			{"POST", "/api/replays", `{"webhook":"w","form":"2026-01-01"}`, 417, "form"},
			{"POST", "/api/replays", `{"webhook":"w","max":"x"}`, 417, ""},
			{"POST", "/api/replays", `{"webhook":"w","from":"x","dry_run":true}`, 417, "from"},
			{"POST", "/api/replays", `{"webhook":"none","dry_run":true}`, 404, ""},
			{"POST", "/api/replays", `{"webhook":"w","kind":"backfill","expect":4}`, 409, "expect"},
			{"POST", "/api/replays", `{"webhook":"w"}`, 417, ""},
			{"POST", "/api/replays?dry_run=1", `{"webhook":"w"}`, 417, "dry_run"},
			{"POST", "/api/replays", `[]`, 417, ""},
			{"GET", "/api/replays?limit=0", ``, 417, "limit"},
			{"GET", "/api/replays?status=running", ``, 417, "status"},
			{"GET", "/api/replays/none", ``, 404, ""},
			{"DELETE", "/api/replays/none", ``, 404, ""},
		} {
			status, answer := call(tc.method, tc.path, tc.body)
			told, _ := answer["error"].(map[string]any)
			field, _ := told["field"].(string)
			if status != tc.status || field != tc.field {
				t.Errorf("%s %s %s: %d %v", tc.method, tc.path, tc.body, status, told)
			}
		}
		if list, err := runs.List(t.Context(), "", 10); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}
