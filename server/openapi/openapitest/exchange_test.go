package openapitest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const (
	refused  = `{"exc_type":"E","exception":"frappe.exceptions.E: no","_server_messages":"[]","message":"no","error":{"code":"not_found","message":"no","request_id":"r"}}`
	standard = `"name":"A","doctype":"Product","owner":"o","creation":"2026-03-01 12:00:00.000000","modified":"2026-03-01 12:00:00.000000","modified_by":"o","docstatus":0,"idx":0`
	document = `{"data":{` + standard + `}}`
	event    = `{"pos":1,"id":"i","at":"2026-03-01T12:00:00.000000Z","event":"on_trash","doctype":"P","name":"A","version":1,"data":{},"changed":null,"job":null,"page":null,"restored":false}`
)

// plain is an exchange; its text is "METHOD path?query → status".
func plain(t *testing.T, text string) *Exchange {
	t.Helper()
	request, status, _ := strings.Cut(text, " → ")
	method, target, _ := strings.Cut(request, " ")
	path, query, _ := strings.Cut(target, "?")
	e := &Exchange{Method: method, Path: path, Query: query, Header: http.Header{}, AnswerHeader: http.Header{"Content-Type": {"application/json"}}}
	for _, c := range status {
		e.Status = e.Status*10 + int(c-'0')
	}
	return e
}

// TestCheck takes exchanges that are as described, and finds what is not.
func TestCheck(t *testing.T) {
	d, err := own()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		text, body, answer string
		headers            []string // of the request, and behind "<" of the answer
		says               string   // "" is nothing wrong
	}{
		{"GET /api/resource/Product/a%2Fb → 200", "", document, nil, ""},
		{"GET /api/resource/Product/a/b/ → 200", "", document, nil, ""},
		{"GET /api/v1/resource/Product/a → 200", "", document, nil, ""},
		{"GET /api/resource/Product/A → 200", "", `{"data":{"name":"A"}}`, nil, "missing properties"},
		{"GET /api/resource/Product/A → 200", "", `{"data":{` + standard + `},"more":1}`, nil, "'more' not allowed"},
		{"GET /api/resource/Product/A → 200", "", `{"data":`, nil, "not JSON"},
		{"GET /api/resource/Product/A → 200", "", document, []string{"<Content-Type: text/plain"}, `type "text/plain" is not described`},
		{"GET /api/resource/Product/A → 204", "", "", nil, "the status is not described"},
		{"GET /api/resource/Product/A → 404", "", refused, nil, ""},
		{"GET /api/resource/Product/A → 404", "", `{"message":"no"}`, nil, "missing properties"},
		{"GET /api/resource/Product/A → 503", "", refused, nil, "Retry-After is missing"},
		{"GET /api/resource/Product/A → 503", "", refused, []string{"<Retry-After: 1"}, ""},
		{"GET /api/resource/Product?limit=3 → 200", "", `{"data":[{"name":"A"},["A"]]}`, nil, ""},
		{"GET /api/resource/Product?limit= → 200", "", `{"data":[]}`, nil, ""},
		{"GET /api/resource/Product?limit=x → 200", "", `{"data":[]}`, nil, "query limit"},
		{"GET /api/resource/Product?limits=3 → 200", "", `{"data":[]}`, nil, "limits is not described"},
		{"GET /api/resource/Product?limit=1&limit=2 → 200", "", `{"data":[]}`, nil, "more than once"},
		{"GET /api/resource/Product?limits=3 → 417", "", refused, nil, ""}, // wrong on purpose
		{"POST /api/resource/Product → 200", `{"sku":"A"}`, document, []string{"Content-Type: application/json"}, ""},
		{"POST /api/resource/Product → 200", `{"sku":"A"}`, document, []string{"Content-Type: application/x-www-form-urlencoded"}, ""},
		{"POST /api/resource/Product → 200", `[1]`, document, []string{"Content-Type: application/json"}, "want object"},
		{"POST /api/resource/Product → 200", `x`, document, []string{"Content-Type: text/plain"}, `type "text/plain" is not described`},
		{"POST /api/resource/Product → 200", ``, document, nil, "the body is missing"},
		{"POST /api/resource/Webhook → 200", `{"timeout":"5"}`, document, nil, "timeout"},
		{"POST /api/resource/API%20Key → 200", `{"role":"king"}`, document, nil, "/role"},
		{"DELETE /api/resource/Product/A → 202", `{}`, `{"data":"ok","message":"ok"}`, nil, "a body is not described"},
		{"PUT /api/resource/Product → 404", ``, refused, nil, ""},
		{"PUT /api/resource/Product → 200", ``, document, nil, "the operation is not described"},
		{"GET /nowhere → 404", ``, `{}`, nil, "missing properties"},
		{"GET /app/webhooks → 200", ``, `<p>`, nil, ""},
		{"GET /application → 200", ``, `<p>`, nil, "the operation is not described"},
		{"GET /api/events?after=1 → 200", "", `{"data":[` + event + `]}`, nil, ""},
		{"GET /api/events → 200", "", `{"data":[` + strings.Replace(event, "on_trash", "on_fire", 1) + `]}`, nil, "/event"},
		{"GET /api/events → 200", "", "retry: 1000\nid: 1\n\nid: 2\nevent: on_trash\ndata: " + event + "\n\n:\n", []string{"<Content-Type: text/event-stream"}, ""},
		{"GET /api/events → 200", "", "data: {}\n\ndata: {\"hal", []string{"<Content-Type: text/event-stream"}, "missing properties"},
		{"GET /api/events → 200", "", "nonsense\n", []string{"<Content-Type: text/event-stream"}, "the stream has the line nonsense"},
		{"POST /api/ingest/P?results=lines → 200", "{\"a\":1}\n{", "{\"line\":1,\"result\":\"inserted\"}\n", []string{"<Content-Type: application/x-ndjson"}, ""},
		{"POST /api/ingest/P?results=lines → 200", "a,b\n", "{\"line\":1}\n", []string{"Content-Type: text/csv", "<Content-Type: application/x-ndjson"}, "line 1"},
		{"GET /openapi.json → 304", "", "", []string{`<ETag: "x"`}, ""},
		{"GET /openapi.json → 304", "", "", nil, "ETag is missing"},
		{"GET /scrapers/jobs/x → 200", "", `{"id":"x"}`, nil, "missing properties"}, // and not a scraper called jobs
	} {
		e := plain(t, tc.text)
		e.Body, e.Answer = []byte(tc.body), []byte(tc.answer)
		for _, h := range tc.headers {
			name, value, _ := strings.Cut(h, ": ")
			if answer, ok := strings.CutPrefix(name, "<"); ok {
				e.AnswerHeader.Set(answer, value)
			} else {
				e.Header.Set(name, value)
			}
		}
		wrong := strings.Join(d.Check(e), "; ")
		if tc.says == "" && wrong != "" || !strings.Contains(wrong, tc.says) {
			t.Errorf("%s %q: it says %q, and should say %q", tc.text, tc.body, wrong, tc.says)
		}
	}
}

func TestCheckSent(t *testing.T) {
	d, err := own()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.Formats(), []string{"changes", "document", "job", "rows", "template"}; !slices.Equal(got, want) {
		t.Errorf("formats %q, not %q", got, want)
	}
	const good = `{"timestamp":"2026-03-01T12:00:00Z","jobID":"s","products":[{"event":"ADDED","productData":{}}]}`
	for _, tc := range []struct{ format, body, without, with, says string }{
		{"changes", good, "", "", ""},
		{"changes", good, "Webhook-Id", "", "Webhook-Id is missing"},
		{"changes", good, "User-Agent", "", "User-Agent is missing"},
		{"changes", good, "", "Webhook-Batch: 2", "Webhook-Batch"},
		{"changes", good, "Content-Type", "", `a body of type "text/plain"`},
		{"changes", strings.Replace(good, "ADDED", "added", 1), "", "", "/products/0/event"},
		{"changes", "", "Content-Type", "", "the body is missing"},
		{"document", "", "Content-Type", "", ""},
		{"document", "", "", "", "no body, and a Content-Type"},
		{"document", "{", "", "", "not JSON"},
		{"template", good, "", "", "Webhook-Dispatch-Id is missing"},
		{"rows", good, "", "", "missing properties"},
		{"nosuch", good, "", "", "the format nosuch is not described"},
	} {
		h := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {"x"}, "Webhook-Timestamp": {"1"}, "User-Agent": {"dochook/1"}}
		h.Del(tc.without)
		if name, value, ok := strings.Cut(tc.with, ": "); ok {
			h.Set(name, value)
		}
		body := tc.body
		if tc.without == "Content-Type" && body != "" {
			h.Set("Content-Type", "text/plain")
			body = "text"
		}
		wrong := strings.Join(d.CheckSent(tc.format, h, []byte(body)), "; ")
		if tc.says == "" && wrong != "" || !strings.Contains(wrong, tc.says) {
			t.Errorf("%s %q: it says %q, and should say %q", tc.format, tc.body, wrong, tc.says)
		}
	}
}

// witness is a test that keeps what is reported to it.
type witness struct {
	testing.TB

	said []string
}

// Helper does nothing.
func (w *witness) Helper() {}

// Errorf keeps the words.
func (w *witness) Errorf(format string, args ...any) {
	for _, a := range args {
		if s, ok := a.(string); ok {
			format += " " + s
		}
	}
	w.said = append(w.said, format)
}

// TestAround: what goes through arrives as it is, and what is not as described is reported.
func TestAround(t *testing.T) {
	w := &witness{TB: t}
	s := httptest.NewServer(Around(w)(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rw.Header().Set("Content-Type", "application/json")
		if string(body) == "gone" {
			panic(http.ErrAbortHandler) //nolint:forbidigo // as net/http wants it
		}
		if err := http.NewResponseController(rw).Flush(); err != nil {
			t.Error(err)
		}
		_, _ = rw.Write(body)
	})))
	send := func(body string) string {
		req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), "POST", s.URL+"/api/resource/P", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Client().Do(req)
		if err != nil {
			return ""
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	long := `{"data":{` + standard + `,"text":"` + strings.Repeat("x", 2*checked) + `"}}`
	for _, body := range []string{document, long, `{"data":1}`, "gone"} {
		if got := send(body); got != body && body != "gone" {
			t.Errorf("%d bytes came back as %d", len(body), len(got))
		}
	}
	s.Close()
	if len(w.said) != 1 || !strings.Contains(w.said[0], "/data") || !strings.Contains(w.said[0], "/api/resource/P") {
		t.Errorf("reported was %q", w.said)
	}
}
