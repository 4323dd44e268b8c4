package rest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestBadDocuments sends what no record can be, by each way a record comes in:
// the answer says so, and nothing is stored.
func TestBadDocuments(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.define(`{"name":"Closed","autoname":"field:sku","open":false,"fields":[{"fieldname":"sku"},{"fieldname":"n","fieldtype":"Int"},
			{"fieldname":"d","fieldtype":"Date"},{"fieldname":"must","reqd":1,"default":"x"},{"fieldname":"one","unique":1}]}`)
		s.must("POST", "/api/resource/Closed", `{"sku":"first","one":"taken"}`)
		for _, tc := range []struct {
			what, doctype, body string
			status              int
			code, words         string
		}{
			{"truncated", "Product", `{"sku":"A","x":[1,`, 417, "invalid", "ends early"},
			{"not JSON", "Product", `sku: A`, 417, "invalid", "must be a JSON object"},
			{"an array", "Product", `[{"sku":"A"}]`, 417, "invalid", "must be a JSON object"},
			{"two values", "Product", `{"sku":"A"}{"sku":"B"}`, 417, "invalid", "more than one"},
			{"invalid UTF-8", "Product", "{\"sku\":\"A\",\"x\":\"\xff\"}", 417, "invalid", "UTF-8"},
			{"escaped NUL", "Product", `{"sku":"A\u0000"}`, 417, "invalid", "NUL"},
			{"plain NUL", "Product", "{\"sku\":\"A\x00\"}", 417, "invalid", "invalid character"},
			{"half a surrogate pair", "Product", `{"sku":"A","x":"\ud800"}`, 417, "invalid", "surrogate"},
			{"depth bomb", "Product", `{"sku":"A","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, 417, "invalid", "nested deeper"},
			{"duplicate key", "Product", `{"sku":"A","sku":"B"}`, 417, "invalid", "duplicate name"},
			{"duplicate key inside", "Product", `{"sku":"A","x":{"a":1,"a":1}}`, 417, "invalid", "duplicate name"},
			{"NaN", "Product", `{"sku":"A","x":NaN}`, 417, "invalid", "invalid character"},
			{"endless number", "Product", `{"sku":"A","x":` + strings.Repeat("9", 2000) + `}`, 417, "invalid", "number"},
			{"endless exponent", "Product", `{"sku":"A","x":1e99999}`, 417, "invalid", "exponent"},
			{"no key", "Product", `{"x":1}`, 409, "name", "missing"},
			{"empty name", "Product", `{"sku":""}`, 409, "name", "missing"},
			{"blank name", "Product", `{"sku":" "}`, 409, "name", "missing"},
			{"object as name", "Product", `{"sku":{}}`, 409, "name", "object"},
			{"line break in the name", "Product", `{"sku":"a\nb"}`, 409, "name", "control character"},
			{"10,000 characters", "Product", `{"sku":"` + strings.Repeat("x", 10_000) + `"}`, 409, "name", "10000 bytes"},
			{"unknown field", "Closed", `{"sku":"A","colour":1}`, 417, "invalid", "colour"},
			{"wrong type", "Closed", `{"sku":"A","n":"many"}`, 417, "invalid", "n: "},
			{"wrong date", "Closed", `{"sku":"A","d":"2026-02-30"}`, 417, "invalid", "d: "},
			{"null where needed", "Closed", `{"sku":"A","must":null}`, 417, "mandatory", "must"},
			{"taken", "Closed", `{"sku":"A","one":"taken"}`, 417, "unique", "one"},
		} {
			t.Run(tc.what, func(t *testing.T) {
				s := s.at(t)
				s.refused(no{tc.status, tc.code, tc.words}, "POST", "/api/resource/"+tc.doctype, tc.body, "Content-Type: application/json")
				s.refused(no{404, "not_found", ""}, "GET", "/api/resource/"+tc.doctype+"/A", "")
			})
		}
		if events := s.must("GET", "/api/events", "").get(t, "data").([]any); len(events) != 1 {
			t.Errorf("%d events, want that of the first document", len(events))
		}
	})
}

// TestLargeRecord sends 100 MB; it is refused before it is read, or, without
// a length, when it passes the limit.
func TestLargeRecord(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const size = 100 << 20
		answered := 0
		for _, length := range []int64{size, -1} {
			body := io.MultiReader(strings.NewReader(`{"sku":"A","x":"`), io.LimitReader(letters{}, size-18), strings.NewReader(`"}`))
			req := s.request("POST", "/api/resource/Product", "")
			req.Body, req.ContentLength = io.NopCloser(body), length
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				// The server need not take 100 MB to say no; a client that goes
				// on sending may miss the answer.
				t.Logf("length %d: %v", length, err)
				continue
			}
			got, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			s.isRefusal(reply{res.StatusCode, res.Header, got}, 413, "too_large", "larger than")
			answered++
		}
		if answered == 0 {
			t.Error("no answer at all")
		}
		// Bulk rejects the record alone.
		req := s.request("POST", "/api/ingest/Product", "")
		req.Body = io.NopCloser(io.MultiReader(strings.NewReader("{\"sku\":\"before\"}\n{\"sku\":\"A\",\"x\":\""), io.LimitReader(letters{}, 20<<20),
			strings.NewReader("\"}\n{\"sku\":\"after\"}\n")))
		r := s.send(req)
		r.is(t, "2", "inserted")
		r.is(t, `"too_large"`, "errors", "0", "code")
		r.is(t, "2", "errors", "0", "line")
		s.refused(no{404, "not_found", ""}, "GET", "/api/resource/Product/A", "")
	})
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestInjection puts SQL, markup and NUL into every parameter: none does harm,
// and none is an internal error.
func TestInjection(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.must("POST", "/api/resource/Product", `{"sku":"A","color":"red"}`)
		evil := []string{
			`'; DROP TABLE documents; --`, `" OR "1"="1`, `1) OR (1=1`, `color desc; DELETE FROM documents`, `(SELECT 1)`, `\' OR 1=1 --`, "a\x00b", "\xff\xfe",
			`{"name":["=","' OR 1=1 --"]}`, `[["name","=","' OR ''='"]]`, `[["' OR 1=1 --","=","x"]]`, `[["name) OR (1=1","=","x"]]`, `["name", "(SELECT hash FROM api_keys)"]`,
			`[["name","like","%\\"]]`, `[["?","=","?"]]`, `["$1","?0","a?b"]`, `99999999999999999999`, `-1`, `{{7*7}}`, `<script>`,
		}
		paths := []string{
			"/api/resource/Product?fields=%s", "/api/resource/Product?filters=%s", "/api/resource/Product?or_filters=%s", "/api/resource/Product?order_by=%s",
			"/api/resource/Product?limit=%s", "/api/resource/Product?limit_start=%s", "/api/resource/Product?as_dict=%s", "/api/resource/%s",
			"/api/resource/Product/%s", "/api/v2/document/Product/%s/events", "/api/v2/document/%s", "/api/v2/doctype/%s/count", "/api/v2/doctype/Product/count?filters=%s",
			"/api/events?after=%s", "/api/events?doctype=%s", "/api/events?limit=%s", "/api/method/%s", "/api/method/frappe.client.get_count?doctype=%s",
			"/api/method/frappe.client.get_value?doctype=Product&fieldname=%s", "/api/method/frappe.client.get_value?doctype=Product&fieldname=name&filters=%s",
			"/api/method/frappe.client.get?doctype=Product&name=%s", "/api/resource/DocType?filters=%s", "/api/resource/DocType/%s", "/api/resource/Webhook?filters=%s",
			"/api/resource/Webhook?order_by=%s", "/api/resource/Webhook/%s", "/api/resource/API%%20Key?filters=%s", "/api/resource/API%%20Key?order_by=%s",
			"/api/resource/API%%20Key/%s", "/api/resource/Webhook%%20Request%%20Log?filters=%s", "/api/resource/Webhook%%20Request%%20Log?order_by=%s",
			"/api/resource/Webhook%%20Request%%20Log/%s",
		}
		for _, e := range evil {
			for _, p := range paths {
				path := fmt.Sprintf(p, url.PathEscape(e))
				if strings.Contains(p, "=%s") {
					path = fmt.Sprintf(p, url.QueryEscape(e))
				}
				if r := s.do("GET", path, ""); r.status >= 500 {
					t.Errorf("%s: %d %s", path, r.status, r.body)
				}
			}
			for _, p := range []string{"mode", "shape", "records", "results", "job", "format", "x"} {
				if r := s.do("POST", "/api/ingest/Product?"+p+"="+url.QueryEscape(e), `{"sku":"B"}`); r.status >= 500 {
					t.Errorf("ingest %s=%q: %d %s", p, e, r.status, r.body)
				}
			}
			if r := s.do("POST", "/api/ingest/Product", `{"sku":"B"}`, "Idempotency-Key: "+strings.ToValidUTF8(strings.ReplaceAll(e, "\x00", ""), "")); r.status >= 500 {
				t.Errorf("key %q: %d %s", e, r.status, r.body)
			}
			if r := s.do("DELETE", "/api/resource/Product/"+url.PathEscape(e), ""); r.status >= 500 {
				t.Errorf("delete %q: %d %s", e, r.status, r.body)
			}
		}
		s.must("GET", "/api/resource/Product/A", "").is(t, `"red"`, "data", "color")
		s.refused(no{417, "invalid", "colour"}, "GET", "/api/resource/Webhook?filters="+url.QueryEscape(`{"colour":1}`), "")
	})
}

// TestUnknownFields asks a closed DocType for what it does not have.
func TestUnknownFields(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(`{"name":"Closed","autoname":"field:sku","open":false,"fields":[{"fieldname":"sku"}]}`)
		for _, q := range []string{
			"filters=" + url.QueryEscape(`{"colour":"red"}`), "or_filters=" + url.QueryEscape(`{"colour":"red"}`), "order_by=colour", "fields=" + url.QueryEscape(`["colour"]`),
		} {
			s.refused(no{417, "invalid", "colour"}, "GET", "/api/resource/Closed?"+q, "")
		}
		for _, dt := range []string{"DocType", "Webhook", "API%20Key", "Webhook%20Request%20Log"} {
			s.refused(no{417, "invalid", "colour"}, "GET", "/api/resource/"+dt+"?fields="+url.QueryEscape(`["colour"]`), "")
		}
		s.refused(no{417, "invalid", "hash"}, "GET", "/api/resource/API%20Key?order_by=hash", "")
		s.refused(no{417, "invalid", "webhook_secret"}, "GET", "/api/resource/Webhook?filters="+url.QueryEscape(`{"webhook_secret":"x"}`), "")
	})
}

// raw sends bytes, ends the sending side and returns the status line and body
// of the answer, "" if the server said nothing.
func (s *site) raw(send string) string {
	s.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, strings.ReplaceAll(send, "TOKEN", s.token)); err != nil {
		s.t.Fatal(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return res.Status + "\n" + string(body)
}

// TestCutOff ends bodies in the middle: whole pages stand, nothing of the
// unfinished one does.
func TestCutOff(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		head := "POST /api/%s HTTP/1.1\r\nHost: x\r\nAuthorization: token TOKEN\r\n"
		got := s.raw(fmt.Sprintf(head, "resource/Product") + "Content-Length: 100\r\n\r\n{\"sku\":\"A\"")
		if !strings.Contains(got, `"code":"truncated"`) {
			t.Errorf("document: %s", got)
		}
		// By length and in chunks, in the middle of a line and behind one.
		for i, tail := range []string{
			"Content-Length: 1000\r\n\r\n{\"sku\":\"B\"}\n{\"sku\":", "Content-Length: 1000\r\n\r\n{\"sku\":\"B\"}\n",
			"Transfer-Encoding: chunked\r\n\r\n14\r\n{\"sku\":\"B\"}\n{\"sku\":\r\n",
		} {
			got := s.raw(fmt.Sprintf(head, "ingest/Product") + tail)
			if !strings.HasPrefix(got, "400") || !strings.Contains(got, `"code":"truncated"`) || !strings.Contains(got, `"inserted":0`) {
				t.Errorf("bulk %d: %s", i, got)
			}
		}
		// The body itself ends in the middle of a record.
		r := s.do("POST", "/api/ingest/Product", "{\"sku\":\"C\"}\n{\"sku\":\"D\"")
		s.isRefusal(r, 400, "truncated", "")
		r.is(t, "0", "inserted")
		s.must("GET", "/api/resource/Product", "").is(t, `{"data":[]}`)
		s.must("GET", "/api/events", "").is(t, `{"data":[]}`)
	})
}
