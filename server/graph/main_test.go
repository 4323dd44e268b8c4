package graph_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
	"dochook/server/graph"
	"dochook/server/openapi/openapitest"
	"dochook/server/web"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

//go:embed testdata
var testdata embed.FS

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const adminToken = "admin:0123456789abcdef0123"

// site is the door and the services behind it on one database, behind a real socket.
type site struct {
	t        *testing.T
	db       *migrations.DB
	webhooks *hooks.Service
	scrapers *scrapers.Service
	keys     *access.Service
	log      *bytes.Buffer
	url      string
	token    string // of the key that calls; "" = none
}

// each runs fn on a fresh site on each database, with the scrapers job123, 4765 and 644 that feed Product.
func each(t *testing.T, fn func(t *testing.T, s *site)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) { fn(t, newSite(t, db)) })
}

func newSite(t *testing.T, db *migrations.DB) *site {
	t.Helper()
	s := (&site{db: db, token: adminToken}).again(t)
	if err := s.keys.EnsureToken(t.Context(), adminToken); err != nil {
		t.Fatal(err)
	}
	product := doctype.DocType{Name: "Product", Autoname: "field:id"}
	if _, err := documents.New(db, documents.Options{}).InsertDocType(t.Context(), product); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"job123", "4765", "644"} {
		if _, err := s.scrapers.Insert(t.Context(), scrapers.Scraper{Name: name, Feeds: "Product", Mode: scrapers.Partial}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// again is the same database behind another process.
func (s *site) again(t *testing.T) *site {
	t.Helper()
	guard, err := sender.NewGuard([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	o := &site{t: t, db: s.db, log: &bytes.Buffer{}, token: s.token}
	o.webhooks = hooks.New(s.db, guard, ledger.New(s.db), hooks.Options{})
	o.scrapers = scrapers.New(s.db, scrapers.Options{})
	o.keys = access.New(s.db, access.Options{})
	o.serve(graph.Services{Webhooks: o.webhooks, Scrapers: o.scrapers})
	return o
}

func (s *site) serve(services graph.Services) {
	s.t.Helper()
	h := graph.New(services, graph.Options{Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	r := web.NewResponder(s.keys, web.Options{})
	for _, method := range []string{"POST", "GET"} {
		e.Handle(method, "/graphql", r.Route(web.Admin, web.Limits{Body: 1 << 20}, h.Serve))
	}
	server := httptest.NewServer(openapitest.Around(s.t)(e))
	s.t.Cleanup(server.Close)
	s.url = server.URL
}

// at is the same site for a subtest.
func (s *site) at(t *testing.T) *site {
	t.Helper()
	o := *s
	o.t = t
	return &o
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers are "Name: value".
func (s *site) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	return s.send(method, path, strings.NewReader(body), headers...)
}

func (s *site) send(method, path string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
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

// query posts a query, with variables as a JSON object or "".
func (s *site) query(text, variables string) reply {
	s.t.Helper()
	body := map[string]any{"query": text}
	if variables != "" {
		body["variables"] = json.RawMessage(variables)
	}
	data, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do("POST", "/graphql", string(data), "Content-Type: application/json")
}

// is expects an answer without errors, whose data is the JSON want.
func (s *site) is(r reply, want string) {
	s.t.Helper()
	s.same(r.body, `{"data":`+want+`}`)
	if r.status != http.StatusOK {
		s.t.Errorf("status %d", r.status)
	}
}

func (s *site) same(got []byte, want string) {
	s.t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		s.t.Fatalf("not JSON: %.300s", got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		s.t.Fatalf("the test wants what is not JSON: %s", want)
	}
	if !reflect.DeepEqual(a, b) {
		s.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// no is a refusal: its status, the code and the words of its first error.
type no struct {
	status      int
	code, words string
}

// failed expects errors.
func (s *site) failed(r reply, want no) {
	s.t.Helper()
	var e struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
		Data json.RawMessage
	}
	if err := json.Unmarshal(r.body, &e); err != nil || len(e.Errors) == 0 {
		s.t.Errorf("%d and no errors: %.300s", r.status, r.body)
		return
	}
	first := e.Errors[0]
	if r.status != want.status || first.Extensions.Code != want.code || !strings.Contains(first.Message, want.words) {
		s.t.Errorf("got %d %s %q, want %d %s %q", r.status, first.Extensions.Code, first.Message, want.status, want.code, want.words)
	}
	if (r.status == http.StatusOK) != (e.Data != nil) {
		s.t.Errorf("status %d with data %s", r.status, e.Data)
	}
}

// id is the string that a mutation of one field answered.
func (s *site) id(r reply) string {
	s.t.Helper()
	var a struct{ Data map[string]string }
	if err := json.Unmarshal(r.body, &a); err != nil || len(a.Data) != 1 {
		s.t.Fatalf("%d %.500s", r.status, r.body)
	}
	for _, id := range a.Data {
		return id
	}
	return ""
}

const list = "{getWebhooks{id url event fields jobID}}"
