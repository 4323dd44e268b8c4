package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/openapi/openapitest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const adminToken = "admin:0123456789abcdef0123"

// site is the whole service on one database, behind a real socket.
type site struct {
	t     *testing.T
	app   *server.App
	url   string
	token string // of the key that calls; "" = none
}

// each runs fn on a fresh site on each database.
func each(t *testing.T, fn func(t *testing.T, s *site)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) { fn(t, newSite(t, db)) })
}

func newSite(t *testing.T, db *migrations.DB) *site {
	t.Helper()
	log := slog.DiscardHandler
	if testing.Verbose() {
		log = slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})
	}
	app, err := server.New(db, server.Config{AdminToken: adminToken, AllowTarget: []string{"127.0.0.0/8"}}, server.Options{
		Logger: slog.New(log), Around: openapitest.Around(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		web.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &site{t, app, web.URL, adminToken}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// as is the same site for another key.
func (s *site) as(t *testing.T, token string) *site {
	t.Helper()
	return &site{t, s.app, s.url, token}
}

// at is the same site for a subtest.
func (s *site) at(t *testing.T) *site {
	t.Helper()
	return s.as(t, s.token)
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (s *site) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "token "+s.token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return req
}

// do sends a request; headers are "Name: value".
func (s *site) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	return s.send(s.request(method, path, body, headers...))
}

func (s *site) send(req *http.Request) reply {
	s.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return reply{res.StatusCode, res.Header, got}
}

// must is do that fails unless the status is below 300.
func (s *site) must(method, path, body string, headers ...string) reply {
	s.t.Helper()
	r := s.do(method, path, body, headers...)
	if r.status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return r
}

// no is an error: its status, its code word, and words that its text holds.
type no struct {
	status      int
	code, words string
}

// refused expects an error.
func (s *site) refused(want no, method, path, body string, headers ...string) {
	s.t.Helper()
	s.isRefusal(s.do(method, path, body, headers...), want.status, want.code, want.words)
}

func (s *site) isRefusal(r reply, status int, code, words string) {
	s.t.Helper()
	var e struct {
		ExcType        string `json:"exc_type"`
		Exception      string `json:"exception"`
		ServerMessages string `json:"_server_messages"`
		Error          struct{ Code, Message string }
	}
	if err := json.Unmarshal(r.body, &e); err != nil {
		s.t.Errorf("%d, and not JSON: %.200s", r.status, r.body)
		return
	}
	if r.status != status || e.Error.Code != code || !strings.Contains(e.Error.Message, words) {
		s.t.Errorf("got %d %s %q, want %d %s %q", r.status, e.Error.Code, e.Error.Message, status, code, words)
	}
	if e.ExcType == "" || !strings.HasPrefix(e.Exception, "frappe.exceptions."+e.ExcType) || !strings.HasPrefix(e.ServerMessages, `["{`) {
		s.t.Errorf("not an error of Frappe: %s", r.body)
	}
}

// get returns the member of the answer's object at a path such as data.name.
func (r reply) get(t *testing.T, path ...string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%d, and not JSON: %.300s", r.status, r.body)
	}
	for _, p := range path {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[p]
		case []any:
			var i int
			if _, err := fmt.Sscan(p, &i); err != nil || i >= len(inner) {
				t.Fatalf("no element %s in %.300s", p, r.body)
			}
			v = inner[i]
		default:
			t.Fatalf("no %s in %.300s", p, r.body)
		}
	}
	return v
}

// is compares JSON, number spelling included; member "" is the whole answer.
func (r reply) is(t *testing.T, want string, path ...string) {
	t.Helper()
	got := r.get(t, path...)
	if wanted := (reply{body: []byte(want)}).get(t); !reflect.DeepEqual(got, wanted) {
		text, _ := json.Marshal(got)
		t.Errorf("%v: got %s\nwant %s", path, text, want)
	}
}

// define makes a DocType.
func (s *site) define(doc string) {
	s.t.Helper()
	s.must("POST", "/api/resource/DocType", doc)
}

const product = `{"name":"Product","autoname":"field:sku"}`
