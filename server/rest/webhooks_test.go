package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// arrival is a request that a receiver got.
type arrival struct {
	method, path, body string
	header             http.Header
}

// receiver is an endpoint whose status can be set.
type receiver struct {
	url    string
	status atomic.Int64
	got    chan arrival
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan arrival, 1000)}
	r.status.Store(200)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("receive: %v", err)
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(int(r.status.Load()))
		_, _ = io.WriteString(w, "thanks")
		r.got <- arrival{req.Method, req.URL.Path, string(body), req.Header}
	}))
	t.Cleanup(web.Close)
	r.url = web.URL
	return r
}

// next waits for a request.
func (r *receiver) next(t *testing.T) arrival {
	t.Helper()
	select {
	case a := <-r.got:
		return a
	case <-time.After(20 * time.Second):
		t.Fatal("nothing arrived")
		return arrival{}
	}
}

func (s *site) hook(name, url, more string) {
	s.t.Helper()
	s.must("POST", "/api/resource/Webhook", fmt.Sprintf(`{"name":%q,"webhook_doctype":"Product","events":["on_insert","on_update"],"request_url":%q,
		"webhook_data":[{"fieldname":"name","key":"id"},{"fieldname":"price","key":"price"}]%s}`, name, url, more))
}

// eventually asks until the answer has the member; a log is written a moment
// after the delivery.
func (s *site) eventually(path string, ok func(reply) bool) reply {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for {
		r := s.must("GET", path, "")
		if ok(r) {
			return r
		}
		select {
		case <-tick.C:
		case <-end:
			s.t.Fatalf("%s stays %s", path, r.body)
		}
	}
}

// TestWebhook_retry: the endpoint is mended, and the next attempt is hours away.
func TestWebhook_retry(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		rec := newReceiver(t)
		rec.status.Store(503)
		s.hook("shop", rec.url, `,"retry":{"schedule":[36000]}`)
		s.must("POST", "/api/resource/Product", `{"sku":"A"}`)
		id := rec.next(t).header.Get("Webhook-Id")
		log := "/api/resource/Webhook%20Request%20Log/" + id
		s.eventually("/api/resource/Webhook/shop", func(r reply) bool { return fmt.Sprint(r.get(t, "data", "lag", "retries")) == "1" })
		s.must("GET", log, "").is(t, `"retrying"`, "data", "status")
		s.refused(no{409, "conflict", "its webhook's retry makes it now"}, "POST", "/api/v2/document/Webhook%20Request%20Log/"+id+"/method/resend", "")
		rec.status.Store(200)
		s.must("POST", "/api/v2/document/Webhook/shop/method/retry", "").is(t, `1`, "data", "enabled")
		if again := rec.next(t).header.Get("Webhook-Id"); again != id {
			t.Errorf("%s came for %s", again, id)
		}
		s.eventually(log, func(r reply) bool { return r.get(t, "data", "status") == "delivered" }).is(t, `2`, "data", "attempts")
		s.must("POST", "/api/v2/document/Webhook/shop/method/disable", "")
		s.refused(no{409, "conflict", "disabled"}, "POST", "/api/v2/document/Webhook/shop/method/retry", "")
		s.refused(no{404, "not_found", ""}, "POST", "/api/v2/document/Webhook/none/method/retry", "")
	})
}

func TestWebhook(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		rec := newReceiver(t)
		made := s.must("POST", "/api/resource/Webhook", fmt.Sprintf(`{"name":"to/shop","webhook_doctype":"Product","webhook_docevent":"after_insert","request_url":%q,"enabled":1,
			"webhook_headers":[{"key":"X-Shop","value":"a&b"}],"webhook_data":[{"fieldname":"name","key":"id"}],"enable_security":1,"webhook_secret":"sesame"}`, rec.url+"/in"))
		made.is(t, `{"name":"to/shop-webhook_data-1","parent":"to/shop","parentfield":"webhook_data","parenttype":"Webhook","doctype":"Webhook Data","idx":1,"fieldname":"name","key":"id"}`,
			"data", "webhook_data", "0")
		made.is(t, `"Webhook Header"`, "data", "webhook_headers", "0", "doctype")
		made.is(t, `"on_insert"`, "data", "webhook_docevent")
		made.is(t, `"**********"`, "data", "webhook_secret")
		const path = "/api/resource/Webhook/to%2Fshop"
		read := s.must("GET", path, "")
		read.is(t, `0`, "data", "lag", "retries")
		read.is(t, `0`, "data", "lag", "events")
		// What was read can be sent back; the mask keeps the secret.
		s.must("PUT", path, string(read.body[len(`{"data":`):len(read.body)-1])).is(t, `"**********"`, "data", "webhook_secret")
		s.must("PUT", path, `{"description":"x"}`).is(t, `"a&b"`, "data", "webhook_headers", "0", "value")
		s.refused(no{417, "mandatory", "webhook_secret"}, "PUT", path, `{"webhook_secret":""}`)

		s.must("POST", "/api/resource/Product", `{"sku":"A"}`)
		got := rec.next(t)
		if got.body != `{"id":"A"}` || got.header.Get("X-Shop") != "a&b" || got.header.Get("X-Frappe-Webhook-Signature") == "" {
			t.Errorf("arrived %+v", got)
		}
		list := "/api/resource/Webhook%20Request%20Log?fields=" + url.QueryEscape(`["*"]`) + "&filters=" + url.QueryEscape(`{"webhook":"to/shop"}`)
		r := s.eventually(list, func(r reply) bool { return len(r.get(t, "data").([]any)) == 1 })
		r.is(t, `"delivered"`, "data", "0", "status")
		r.is(t, `"A"`, "data", "0", "reference_name")
		r.is(t, `1`, "data", "0", "attempts")
		id := r.get(t, "data", "0", "name").(string)
		if got.header.Get("Webhook-Id") != id {
			t.Errorf("id %s, sent %s", id, got.header.Get("Webhook-Id"))
		}
		log := "/api/resource/Webhook%20Request%20Log/" + id
		if one := s.must("GET", log, ""); strings.Contains(string(one.body), "sesame") || len(one.get(t, "data", "attempts_log").([]any)) != 1 {
			t.Errorf("log: %s", one.body)
		}
		s.must("GET", "/api/method/frappe.client.get_count?doctype=Webhook%20Request%20Log", "").is(t, "1", "message")
		s.refused(no{403, "forbidden", "cannot be"}, "PUT", log, "{}")
		s.refused(no{403, "forbidden", "cannot be"}, "DELETE", log, "")
		s.refused(no{403, "forbidden", "cannot be"}, "POST", "/api/resource/Webhook%20Request%20Log", "{}")

		again := s.must("POST", "/api/v2/document/Webhook%20Request%20Log/"+id+"/method/resend", "")
		again.is(t, `2`, "data", "n")
		again.is(t, `200`, "data", "http_status")
		if a := rec.next(t); a.body != got.body || a.header.Get("Webhook-Id") != id {
			t.Errorf("resent %+v", a)
		}
		s.must("GET", log, "").is(t, `2`, "data", "attempts")
		s.refused(no{404, "not_found", ""}, "POST", "/api/v2/document/Webhook%20Request%20Log/none/method/resend", "")

		s.must("DELETE", path, "")
		s.refused(no{404, "not_found", ""}, "GET", path, "")
		s.refused(no{404, "not_found", ""}, "DELETE", path, "")
	})
}

// TestWebhookRefused saves webhooks with a mistake: the answer names the field.
func TestWebhookRefused(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		const ok = `"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert"`
		for _, tc := range []struct{ what, body, code, field string }{
			{"no name", `{"webhook_doctype":"P","events":["on_insert"],"request_url":"https://example.com"}`, "mandatory", "name"},
			{"no URL", `{` + ok + `}`, "mandatory", "request_url"},
			{"no event", `{"name":"w","webhook_doctype":"P","request_url":"https://example.com"}`, "mandatory", "events"},
			{"bad event", `{"name":"w","webhook_doctype":"P","events":["on_fire"],"request_url":"https://example.com"}`, "invalid", "events[0]"},
			{"bad URL", `{` + ok + `,"request_url":"ftp://example.com"}`, "invalid", "request_url"},
			{"metadata address", `{` + ok + `,"request_url":"http://169.254.169.254/"}`, "refused", "request_url"},
			{"dynamic URL", `{` + ok + `,"is_dynamic_url":1,"request_url":"https://example.com/{{ doc.a"}`, "invalid_template", "request_url"},
			{"bad path", `{` + ok + `,"request_url":"https://example.com","webhook_data":[{"fieldname":"a.#(","key":"x"}]}`, "invalid_path", "webhook_data[0].fieldname"},
			{"same key twice", `{` + ok + `,"request_url":"https://example.com","webhook_data":[{"fieldname":"a","key":"x"},{"fieldname":"b","key":"x"}]}`, "invalid_mapping", "webhook_data[1].key"},
			{"bad template", `{` + ok + `,"request_url":"https://example.com","request_structure":"JSON","webhook_json":"{\"a\": {{ nothing.x }}}"}`, "invalid_template", "webhook_json"},
			{"bad condition", `{` + ok + `,"request_url":"https://example.com","condition":"doc.x >"}`, "invalid_condition", "condition"},
			{"header CRLF", `{` + ok + `,"request_url":"https://example.com","webhook_headers":[{"key":"A","value":"b\r\nC: d"}]}`, "invalid", "webhook_headers[0].value"},
			{"header name", `{` + ok + `,"request_url":"https://example.com","webhook_headers":[{"key":"A b","value":"x"}]}`, "invalid", "webhook_headers[0].key"},
			{"no such DocType", `{"name":"w","webhook_doctype":"product","events":["on_insert"],"request_url":"https://example.com"}`, "link", "webhook_doctype"},
			{"row without a key", `{` + ok + `,"request_url":"https://example.com","webhook_data":[{"fieldname":"a"}]}`, "mandatory", "webhook_data[0].key"},
			{"typing mistake in a row", `{` + ok + `,"request_url":"https://example.com","webhook_data":[{"field":"a","key":"x"}]}`, "invalid", "webhook_data[0].field"},
			{"template below a text", `{` + ok + `,"request_url":"https://example.com","webhook_json":"{\"a\": {{ event.pos }}}"}`, "invalid_template", "webhook_json"},
			{"no secret", `{` + ok + `,"request_url":"https://example.com","enable_security":1}`, "mandatory", "webhook_secret"},
			{"mask as secret", `{` + ok + `,"request_url":"https://example.com","enable_security":1,"webhook_secret":"****"}`, "invalid", "webhook_secret"},
			{"unknown field", `{` + ok + `,"request_url":"https://example.com","colour":"red"}`, "invalid", "colour"},
			{"later field", `{` + ok + `,"request_url":"https://example.com","batch":{"by":"page"}}`, "invalid", "batch"},
			{"NUL in the secret", `{` + ok + `,"request_url":"https://example.com","webhook_secret":"a\u0000b"}`, "invalid", ""},
			{"wrong type", `{` + ok + `,"request_url":["https://example.com"]}`, "invalid", "request_url"},
		} {
			t.Run(tc.what, func(t *testing.T) {
				s := s.at(t)
				r := s.do("POST", "/api/resource/Webhook", tc.body)
				s.isRefusal(r, 417, tc.code, tc.field)
				if field, _ := r.get(t, "error", "field").(string); field != tc.field {
					t.Errorf("field %q, want %q", field, tc.field)
				}
			})
		}
		s.must("GET", "/api/resource/Webhook", "").is(t, `{"data":[]}`)
		s.refused(no{404, "not_found", ""}, "PUT", "/api/resource/Webhook/none", `{"enabled":0}`)
		s.refused(no{404, "not_found", ""}, "POST", "/api/v2/document/Webhook/none/method/disable", "")
	})
}

func TestPreviewAndTest(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		rec := newReceiver(t)
		s.hook("w", rec.url+"/in", `,"enabled":0,"condition":"doc.price > 10","enable_security":1,"webhook_secret":"sesame"`)
		const preview, test = "/api/v2/document/Webhook/w/method/preview", "/api/v2/document/Webhook/w/method/test"
		s.refused(no{404, "not_found", "no document yet"}, "POST", preview, "")
		s.must("POST", "/api/resource/Product", `{"sku":"cheap","price":1}`)
		s.must("POST", "/api/resource/Product", `{"sku":"dear","price":2500.0}`)

		r := s.must("POST", preview, `{"document":"dear"}`)
		r.is(t, `true`, "data", "fires")
		r.is(t, `"{\"id\":\"dear\",\"price\":2500.0}"`, "data", "body")
		r.is(t, `28`, "data", "bytes")
		r.is(t, `"POST"`, "data", "method")
		if r.get(t, "data", "headers", "X-Frappe-Webhook-Signature") == nil || r.get(t, "data", "url") != rec.url+"/in" {
			t.Errorf("preview %s", r.body)
		}
		r = s.must("POST", preview, `{"document":"cheap"}`)
		r.is(t, `false`, "data", "fires")
		r.is(t, `"the condition does not hold"`, "data", "why")
		s.must("POST", preview, "").is(t, `"dear"`, "data", "document") // the newest
		s.must("POST", preview, `{"document":"dear","event":"REMOVED"}`).is(t, `"preview"`, "data", "event_id")
		s.must("POST", preview, `{"document":"dear","event":"REMOVED"}`).is(t, `false`, "data", "fires")
		s.refused(no{417, "invalid", "no event"}, "POST", preview, `{"event":"on_fire"}`)
		s.refused(no{404, "not_found", ""}, "POST", preview, `{"document":"none"}`)
		s.refused(no{417, "invalid", "wrong type"}, "POST", preview, `{"document":1}`)
		s.refused(no{417, "invalid", "no parameter"}, "POST", preview, `{"name":"dear"}`)
		s.refused(no{417, "invalid", "no parameter"}, "POST", "/api/v2/document/Webhook/w/method/enable", `{"skp":true}`)

		// Drafts: over the stored webhook, and of one that is not stored.
		r = s.must("POST", preview, `{"document":"cheap","webhook":{"condition":"","webhook_data":[{"fieldname":"@this","key":""}],"request_method":"PUT"}}`)
		r.is(t, `true`, "data", "fires")
		r.is(t, `"PUT"`, "data", "method")
		s.must("POST", "/api/v2/document/Webhook/new/method/preview", fmt.Sprintf(`{"webhook":{"webhook_doctype":"Product","events":["on_insert"],"request_url":%q}}`, rec.url)).
			is(t, `""`, "data", "body")
		s.refused(no{417, "invalid_path", "webhook_data[0].fieldname"}, "POST", preview, `{"webhook":{"webhook_data":[{"fieldname":"a.#(","key":"x"}]}}`)
		s.refused(no{404, "not_found", "Webhook new"}, "POST", "/api/v2/document/Webhook/new/method/preview", "")
		select {
		case a := <-rec.got:
			t.Fatalf("a preview was sent: %+v", a)
		default:
		}

		rec.status.Store(503)
		r = s.must("POST", test, `{"document":"cheap"}`)
		r.is(t, `503`, "data", "http_status")
		r.is(t, `"status"`, "data", "reason")
		r.is(t, `"thanks"`, "data", "response_body")
		r.is(t, `"yes"`, "data", "response_headers", "X-Answer", "0")
		if a := rec.next(t); a.body != `{"id":"cheap","price":1}` || a.method != "POST" || a.path != "/in" {
			t.Errorf("arrived %+v", a)
		}
		s.must("GET", "/api/method/frappe.client.get_count?doctype=Webhook%20Request%20Log", "").is(t, "0", "message")
	})
}

// TestEnable stops and starts a webhook; what happened meanwhile is sent, or
// skipped when that is asked for.
func TestEnable(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		rec := newReceiver(t)
		s.hook("w", rec.url, "")
		const enable, disable = "/api/v2/document/Webhook/w/method/enable", "/api/v2/document/Webhook/w/method/disable"
		s.must("POST", "/api/resource/Product", `{"sku":"1"}`)
		rec.next(t)
		s.must("POST", disable, "").is(t, "0", "data", "enabled")
		s.must("POST", "/api/resource/Product", `{"sku":"2"}`)
		s.must("GET", "/api/resource/Webhook/w", "").is(t, "0", "data", "enabled")
		s.must("POST", enable, "").is(t, "1", "data", "enabled")
		if a := rec.next(t); !strings.Contains(a.body, `"2"`) {
			t.Errorf("arrived %s, want document 2", a.body)
		}
		s.refused(no{417, "invalid", "disable it"}, "POST", enable, `{"skip":true}`)
		s.must("POST", disable, "")
		s.must("POST", "/api/resource/Product", `{"sku":"3"}`)
		s.must("POST", enable, `{"skip":1}`)
		s.must("POST", "/api/resource/Product", `{"sku":"4"}`)
		if a := rec.next(t); !strings.Contains(a.body, `"4"`) {
			t.Errorf("arrived %s, want document 4", a.body)
		}
	})
}

func TestRotateSecret(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		s.hook("w", "https://example.com", `,"enabled":0,"enable_security":1,"webhook_secret":"first"`)
		const rotate = "/api/v2/document/Webhook/w/method/rotate_secret"
		r := s.must("POST", rotate, "")
		if secret, _ := r.get(t, "data", "webhook_secret").(string); !strings.HasPrefix(secret, "whsec_") {
			t.Errorf("answer %s", r.body)
		}
		s.must("POST", rotate, `{"webhook_secret":"mine"}`).is(t, `"mine"`, "data", "webhook_secret")
		s.refused(no{417, "invalid", "base64"}, "POST", rotate, `{"webhook_secret":"whsec_###"}`)
		s.must("POST", "/api/resource/Product", `{"sku":"1"}`)
		signatures, _ := s.must("POST", "/api/v2/document/Webhook/w/method/preview", "").get(t, "data", "headers", "Webhook-Signature", "0").(string)
		if n := len(strings.Fields(signatures)); n != 3 {
			t.Errorf("%d signatures, want one for each secret: %s", n, signatures)
		}
		if got := s.must("GET", "/api/resource/Webhook/w", ""); strings.Contains(string(got.body), "mine") {
			t.Errorf("the secret is shown: %s", got.body)
		}
	})
}

// TestHops hands the loop guard's count on to the event.
func TestHops(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.define(product)
		rec := newReceiver(t)
		s.hook("w", rec.url, "")
		for header, want := range map[string]string{"3": "4", "junk": "1", "-5": "1", "": "1"} {
			s.must("POST", "/api/resource/Product", fmt.Sprintf(`{"sku":"h%s"}`, header), "Webhook-Hops: "+header)
			if got := rec.next(t).header.Get("Webhook-Hops"); got != want {
				t.Errorf("hops %q became %s, want %s", header, got, want)
			}
		}
	})
}

// Who switched a webhook off is told, until it is enabled again.
func TestWebhook_tells_why_it_was_switched_off(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		r := newReceiver(t)
		r.status.Store(http.StatusGone)
		s.define(product)
		s.hook("w", r.url, "")
		s.must("POST", "/api/resource/Product", `{"sku":"A"}`)
		off := s.eventually("/api/resource/Webhook/w", func(a reply) bool { return fmt.Sprint(a.get(t, "data", "enabled")) == "0" })
		off.is(t, `"gone"`, "data", "disabled_reason")
		if at, err := time.Parse(time.RFC3339, fmt.Sprint(off.get(t, "data", "disabled_at"))); err != nil || time.Since(at) > time.Hour {
			t.Errorf("switched off at %v: %v", at, err)
		}
		r.status.Store(http.StatusOK)
		on := s.must("PUT", "/api/resource/Webhook/w", `{"enabled":1}`)
		on.is(t, `null`, "data", "disabled_reason")
	})
}
