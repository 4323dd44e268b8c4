package trace_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"dochook/hooks/courier/walk"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/trace"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const token = "admin:0123456789abcdef0123"

// collector is an OpenTelemetry collector that keeps what it is sent.
type collector struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	refuse   []int // statuses of the next answers; then 200
	received []*tracepb.Span
	service  map[string]string // of the resource
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{t: t, service: map[string]string{}}
	s := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data tracepb.TracesData
	if err := errors.Join(err, proto.Unmarshal(body, &data)); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.refuse) > 0 {
		w.WriteHeader(c.refuse[0])
		c.refuse = c.refuse[1:]
		return
	}
	for _, rs := range data.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			c.service[a.Key] = a.Value.GetStringValue()
		}
		for _, ss := range rs.ScopeSpans {
			c.received = append(c.received, ss.Spans...)
		}
	}
}

// spans are those received with a name.
func (c *collector) spans(name string) []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*tracepb.Span
	for _, s := range c.received {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

func (c *collector) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, s := range c.received {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func attribute(s *tracepb.Span, key string) any {
	for _, a := range s.Attributes {
		if a.Key == key {
			if text := a.Value.GetStringValue(); text != "" {
				return text
			}
			return a.Value.GetIntValue()
		}
	}
	return nil
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// site is a running service that logs into log.
type site struct {
	t    *testing.T
	url  string
	log  *buffer
	stop func() // sends what is left, too
}

func start(t *testing.T, db *migrations.DB, c server.Config) *site {
	t.Helper()
	s := &site{t: t, log: &buffer{}}
	c.AdminToken, c.AllowTarget = token, []string{"127.0.0.0/8"}
	app, err := server.New(db, c, server.Options{Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(app.Handler())
	s.url = web.URL
	s.stop = sync.OnceFunc(func() {
		web.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// do sends a request with headers "Name: value".
func (s *site) do(want int, method, path, body string, headers ...string) http.Header {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if answer, err := io.ReadAll(res.Body); err != nil || res.StatusCode != want {
		s.t.Fatalf("%s %s: %d %s, %v", method, path, res.StatusCode, answer, err)
	}
	return res.Header
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736" // of the examples of the W3C
	spanID  = "00f067aa0ba902b7"
)

func TestSpans(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		c := newCollector(t)
		s := start(t, db, server.Config{OTLPEndpoint: c.url, Version: "1.2.3"})
		arrived := make(chan http.Header, 100)
		target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/bad" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			arrived <- r.Header
		}))
		t.Cleanup(target.Close)
		s.do(200, "POST", "/api/resource/DocType", `{"name":"Product","autoname":"field:sku"}`)
		for _, w := range []string{
			`{"name":"good","request_url":"` + target.URL + `/good?key=hunter2"`, `{"name":"bad","request_url":"` + target.URL + `/bad","retry":{"schedule":[3600]}`,
		} {
			s.do(200, "POST", "/api/resource/Webhook", w+`,"webhook_doctype":"Product","webhook_docevent":"on_change"}`)
		}
		header := s.do(200, "POST", "/api/ingest/Product", `{"sku":"hunter2"}`, "Idempotency-Key: hunter2", "traceparent: 00-"+traceID+"-"+spanID+"-01")
		s.do(404, "GET", "/api/resource/Product/none-hunter2", "", "traceparent: 00-"+traceID+"-"+spanID+"-00") // not to be sampled
		s.do(404, "GET", "/nowhere/hunter2", "")
		s.do(200, "GET", "/api/resource/Product?filters="+url.QueryEscape(`{"sku":"hunter2"}`), "")
		s.do(200, "GET", "/healthz", "")
		var delivered []string
		for range 2 {
			select {
			case h := <-arrived:
				delivered = append(delivered, h.Get("Traceparent"))
			case <-time.After(20 * time.Second):
				t.Fatal("no delivery")
			}
		}
		s.do(200, "POST", "/api/v2/document/Webhook/good/method/test", `{"document":"hunter2"}`, "traceparent: 00-"+traceID+"-"+spanID+"-01")
		sent := (<-arrived).Get("Traceparent")
		s.stop()

		// What a request sends itself is a child of its span.
		if tests := c.spans("POST /api/v2/document/:doctype/*name"); len(tests) != 1 || sent != "00-"+traceID+"-"+hexOf(tests[0].SpanId)+"-01" {
			t.Errorf("sent with %q by %v", sent, tests)
		}
		if got, want := c.names(), []string{"GET /api/resource/:doctype", "HTTP", "POST /api/ingest/:doctype", "POST /api/resource/:doctype", "POST /api/v2/document/:doctype/*name", "attempt", "page"}; !slices.Equal(got, want) {
			t.Errorf("spans %q, want %q", got, want)
		}
		found := c.spans("POST /api/ingest/:doctype")
		if len(found) != 1 {
			t.Fatalf("%d spans of the request: %v", len(found), found)
		}
		in := found[0]
		if got, of := hexOf(in.TraceId), hexOf(in.ParentSpanId); got != traceID || of != spanID {
			t.Errorf("trace %s, parent %s", got, of)
		}
		for key, want := range map[string]any{
			"http.route": "/api/ingest/:doctype", "http.request.method": "POST", "http.response.status_code": int64(200), "dochook.request_id": header.Get("X-Request-Id"),
		} {
			if got := attribute(in, key); got != want {
				t.Errorf("%s is %v, want %v", key, got, want)
			}
		}
		if in.Kind != tracepb.Span_SPAN_KIND_SERVER || in.EndTimeUnixNano <= in.StartTimeUnixNano || in.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("span %v", in)
		}
		if !strings.Contains(s.log.String(), "trace_id="+traceID+" span_id="+hexOf(in.SpanId)) {
			t.Errorf("the line of the request does not name its span:\n%s", s.log)
		}
		c.checkAttempts(t)
		if pages := c.spans("page"); len(pages) != 1 || hexOf(pages[0].ParentSpanId) != hexOf(in.SpanId) ||
			attribute(pages[0], "dochook.doctype") != "Product" || attribute(pages[0], "dochook.records") != int64(1) {
			t.Errorf("pages %v", pages)
		}
		if len(delivered) != 2 {
			t.Fatalf("delivered with %q", delivered)
		}
		for _, a := range c.spans("attempt") {
			if !slices.Contains(delivered, "00-"+hexOf(a.TraceId)+"-"+hexOf(a.SpanId)+"-01") {
				t.Errorf("attempts were sent with %q, none of them is of %v", delivered, a)
			}
		}
		if c.service["service.name"] != "dochook" || c.service["service.version"] != "1.2.3" {
			t.Errorf("resource %v", c.service)
		}
		for _, span := range c.received {
			if text := prototext.Format(span); strings.Contains(text, "hunter2") || strings.Contains(text, "0123456789abcdef0123") {
				t.Errorf("a span quotes a request: %s", text)
			}
		}
	})
}

func (c *collector) checkAttempts(t *testing.T) {
	t.Helper()
	attempts := map[any]*tracepb.Span{}
	for _, a := range c.spans("attempt") {
		attempts[attribute(a, "dochook.walker")] = a
	}
	good, bad := attempts["webhook:good"], attempts["webhook:bad"]
	if good == nil || bad == nil {
		t.Fatalf("attempts %v", attempts)
	}
	if attribute(good, "dochook.class") != "delivered" || attribute(good, "http.response.status_code") != int64(200) || good.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("delivered: %v", good)
	}
	if attribute(bad, "dochook.status") != "retrying" || attribute(bad, "error.type") != "status" || bad.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("failed: %v", bad)
	}
	if good.Kind != tracepb.Span_SPAN_KIND_CLIENT || good.EndTimeUnixNano <= good.StartTimeUnixNano || len(good.ParentSpanId) != 0 {
		t.Errorf("span %v", good)
	}
}

func hexOf(id []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range id {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// TestRatio: below 0 only what a caller traces is traced.
func TestRatio(t *testing.T) {
	c := newCollector(t)
	s := start(t, dbtest.New(t, dbtest.SQLite), server.Config{OTLPEndpoint: c.url + "/", TraceRatio: -1})
	s.do(200, "GET", "/", "")
	s.do(200, "GET", "/api/resource/DocType", "", "traceparent: 00-"+traceID+"-"+spanID+"-01")
	s.do(200, "GET", "/api/resource/Webhook", "", "traceparent: 00-hunter2")
	s.stop()
	if got, want := c.names(), []string{"GET /api/resource/:doctype"}; !slices.Equal(got, want) || len(c.received) != 1 {
		t.Errorf("spans %q, want %q once", got, want)
	}
}

// TestOff: without an endpoint nothing of it runs.
func TestOff(t *testing.T) {
	s := start(t, dbtest.New(t, dbtest.SQLite), server.Config{})
	s.do(200, "GET", "/api/resource/DocType", "", "traceparent: 00-"+traceID+"-"+spanID+"-01")
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stacks.String(), "go.opentelemetry.io") || strings.Contains(s.log.String(), "trace_id") {
		t.Errorf("something is traced:\n%s\n%s", s.log, &stacks)
	}
}

// TestCollectorAway: requests are answered all the same, it is said once, and the
// end does not wait for ever.
func TestCollectorAway(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := start(t, dbtest.New(t, dbtest.SQLite), server.Config{OTLPEndpoint: gone.URL})
	for range 600 { // more than one batch
		s.do(200, "GET", "/api/resource/DocType?limit=1", "")
	}
	s.stop()
	if n := strings.Count(s.log.String(), "cannot send traces"); n != 1 {
		t.Errorf("said %d times:\n%s", n, s.log)
	}
}

// TestCollectorBusy: what a collector cannot take now is sent again, what it
// refuses is not.
func TestCollectorBusy(t *testing.T) {
	for _, tc := range []struct {
		refuse []int
		spans  int
		told   bool
	}{
		{refuse: []int{503}, spans: 1},
		{refuse: []int{429, 502}, spans: 1},
		{refuse: []int{400}, spans: 0, told: true},
	} {
		c := newCollector(t)
		c.refuse = tc.refuse
		var log buffer
		tr, err := trace.New(trace.Options{Endpoint: c.url, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.Attempted(walk.Seen{Walker: "webhook:w", Class: "delivered", Took: time.Second})
		if err := tr.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got := len(c.spans("attempt")); got != tc.spans || strings.Contains(log.String(), "cannot send traces") != tc.told {
			t.Errorf("%v: %d spans, want %d; log %q", tc.refuse, got, tc.spans, &log)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://localhost:4318":              "http://localhost:4318/v1/traces",
		"https://collector.example.com/":     "https://collector.example.com/v1/traces",
		"https://example.com/otlp/v1/traces": "https://example.com/otlp/v1/traces",
		"":                                   "",
		"localhost:4318":                     "",
		"ftp://localhost":                    "",
		"http://":                            "",
		"http://user:hunter2@localhost:4318": "",
		"http://localhost:4318/?key=hunter2": "",
		"http://hunter2\x7f/":                "",
	} {
		got, err := trace.CheckEndpoint(endpoint)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", endpoint, got, err, want)
		}
		if own, ok := errors.AsType[*trace.Error](err); err != nil && (!ok || own.Code() != "invalid" || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if _, err := trace.New(trace.Options{Endpoint: "http://localhost", Ratio: 1.5}); err == nil {
		t.Error("a ratio of 1.5 is taken")
	}
}
