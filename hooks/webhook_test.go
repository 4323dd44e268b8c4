package hooks

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"dochook/doctype"
)

// anyURL accepts what looks like a web address; the real table is sender's.
type anyURL struct{}

func (anyURL) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("not a web address")
	}
	return nil
}

func compile(t *testing.T, text string) (*Compiled, error) {
	t.Helper()
	w, err := Parse(Default(), []byte(text))
	if err != nil {
		return nil, err
	}
	return Compile(w, anyURL{})
}

const minimal = `"name":"w","webhook_doctype":"Quotation","webhook_docevent":"on_update","request_url":"https://httpbin.org/post"`

func TestCompile_names_the_wrong_field(t *testing.T) {
	for more, field := range map[string]string{
		`,"request_url":"httpbin.org?post"`:                                         "request_url",
		`,"request_url":""`:                                                         "request_url",
		`,"request_method":"GET"`:                                                   "request_method",
		`,"webhook_docevent":"on_submit"`:                                           "events[0]",
		`,"events":["on_insert","x"]`:                                               "events[1]",
		`,"condition":"doc.x >"`:                                                    "condition",
		`,"webhook_json":"{\"a\": {{doc.x}"`:                                        "webhook_json",
		`,"webhook_json":"{\"a\": {{frappe.x}}}"`:                                   "webhook_json",
		`,"webhook_data":[{"fieldname":"a.#(","key":"k"}]`:                          "webhook_data[0].fieldname",
		`,"webhook_data":[{"fieldname":"a","key":"k"},{"fieldname":"b","key":"k"}]`: "webhook_data[1].key",
		`,"webhook_headers":[{"key":"X-A","value":"a\r\nB: c"}]`:                    "webhook_headers[0].value",
		`,"webhook_headers":[{"key":"X A","value":"a"}]`:                            "webhook_headers[0].key",
		`,"webhook_headers":[{"key":"Content-Length","value":"1"}]`:                 "webhook_headers[0].key",
		`,"webhook_headers":[{"key":"X-A","value":"{{nothing.x}}"}]`:                "webhook_headers[0].value",
		`,"timeout":300`:                                                            "timeout",
		`,"timeout":"soon"`:                                                         "timeout",
		`,"max_in_flight":-1`:                                                       "max_in_flight",
		`,"retry":{"schedule":[-1]}`:                                                "retry.schedule[0]",
		`,"retry":{"tries":3}`:                                                      "retry",
		`,"format":"columns"`:                                                       "format",
		`,"ordering":"random"`:                                                      "ordering",
		`,"request_ulr":"x"`:                                                        "request_ulr",
		`,"batch":{"by":"job"}`:                                                     "batch",
		`,"webhook_secret":"whsec_***not base64***"`:                                "webhook_secret",
		`,"webhook_secret":"whsk_AAAA"`:                                             "webhook_secret",
		`,"max_per_second":10001`:                                                   "max_per_second",
		`,"ca_certificate":"x"`:                                                     "ca_certificate",
		`,"client_key":"x"`:                                                         "client_certificate",
		`,"request_url":"http://x.example/","ca_certificate":"x"`:                   "ca_certificate",
		`,"name":" "`:                                                               "name",
		`,"webhook_doctype":""`:                                                     "webhook_doctype",
		`,"is_dynamic_url":1,"request_url":"https://x.example/{{doc.name"`:          "request_url",
	} {
		_, err := compile(t, "{"+minimal+more+"}")
		var text string
		if err != nil {
			text = err.Error()
		}
		if !strings.HasPrefix(text, field+": ") {
			t.Errorf("%s: %q, want %s", more, text, field)
		}
	}
}

func TestParse_accepts_what_frappe_clients_send_back(t *testing.T) {
	text := `{` + minimal + `,"doctype":"Webhook","owner":"x","idx":0,"docstatus":0,"creation":"2026-01-01","background_jobs_queue":"default","enabled":"0",
		"condition":null,"webhook_headers":[{"key":"A","value":"b","name":"h1","parent":"w","parentfield":"webhook_headers","parenttype":"Webhook","doctype":"Webhook Header","idx":1}]}`
	w, err := Parse(Default(), []byte(text))
	if err != nil || bool(w.Enabled) || len(w.WebhookHeaders) != 1 || w.WebhookHeaders[0] != (Header{Key: "A", Value: "b"}) {
		t.Errorf("%+v, %v", w, err)
	}
}

func event(name, data, changed string) *doctype.Event {
	e := &doctype.Event{
		Pos: 1, ID: "0197", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), DocType: "Quotation", Name: "QTN/1", Event: name, Version: 2,
		Data: []byte(data), Owner: "a@b", Creation: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ModifiedBy: "c@d", KeyID: "key1",
	}
	if changed != "" {
		e.Changed = []byte(changed)
	}
	return e
}

func TestRender(t *testing.T) {
	e := event("on_update", `{"total":2500.0,"big":123456789012345678901,"note":"a \"b\"\nc","items":[{"code":"x","qty":1},{"code":"y","qty":3}]}`, `[{"name":"total","from":1,"to":2500.0}]`)
	for name, c := range map[string]struct{ more, method, url, contentType, body string }{
		"nothing configured":             {"", "POST", "https://httpbin.org/post", "", ""},
		"no content type without a body": {`,"webhook_headers":[{"key":"content-type","value":"text/plain"}]`, "POST", "https://httpbin.org/post", "", ""},
		"rows": {
			`,"webhook_data":[{"fieldname":"name","key":"id"},{"fieldname":"total","key":"sum.net"},{"fieldname":"items.#.code","key":"codes"},{"fieldname":"big","key":"big"},{"fieldname":"no","key":"no"}]`,
			"POST", "https://httpbin.org/post", "application/json", `{"id":"QTN/1","sum":{"net":2500.0},"codes":["x","y"],"big":123456789012345678901,"no":null}`,
		},
		"form": {
			`,"request_structure":"Form URL-Encoded","webhook_json":"{\"a\":1}","webhook_data":[{"fieldname":"name","key":"id"},{"fieldname":"total","key":"t"}]`,
			"POST", "https://httpbin.org/post", "application/x-www-form-urlencoded", `id=QTN%2F1&t=2500.0`,
		},
		"template": {
			`,"request_structure":"JSON","webhook_data":[{"fieldname":"name","key":"id"}],"webhook_json":"{\"was\": \"{{old.total}}\", \"text\": \"note: {{doc.note}}\", \"by\": \"{{userName}}\", \"at\": {{globals.dateUnix}}, \"e\": \"{{eventType}}\"}","request_method":"put"`,
			"PUT", "https://httpbin.org/post", "application/json", `{"was":1,"text":"note: a \"b\"\nc","by":"c@d","at":1767323045,"e":"on_update"}`,
		},
		"dynamic url": {
			`,"is_dynamic_url":1,"request_url":"https://x.example/{{doc.doctype}}/{{doc.name}}?q={{doc.note}}"`,
			"POST", "https://x.example/Quotation/QTN%2F1?q=a%20%22b%22%0Ac", "", "",
		},
		"own content type": {
			`,"webhook_headers":[{"key":"Content-Type","value":"application/vnd.x+json"}],"webhook_data":[{"fieldname":"name","key":""}]`,
			"POST", "https://httpbin.org/post", "application/vnd.x+json", `"QTN/1"`,
		},
	} {
		w, err := compile(t, "{"+minimal+c.more+"}")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := w.Render(e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body := string(r.Body)
		if c.contentType == "application/json" && name == "template" {
			var got, want any
			_ = json.Unmarshal(r.Body, &got)
			_ = json.Unmarshal([]byte(c.body), &want)
			if g, x := mustJSON(got), mustJSON(want); g == x {
				body = c.body
			}
		}
		if r.Method != c.method || r.URL != c.url || r.Header.Get("Content-Type") != c.contentType || body != c.body {
			t.Errorf("%s: %s %s %q\n%s\nwant %s %s %q\n%s", name, r.Method, r.URL, r.Header.Get("Content-Type"), r.Body, c.method, c.url, c.contentType, c.body)
		}
	}
}

func mustJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestRender_header_that_would_break_out_fails(t *testing.T) {
	w, err := compile(t, "{"+minimal+`,"webhook_headers":[{"key":"X-Note","value":"{{doc.note}}"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Render(event("on_update", `{"note":"a\r\nX-Evil: 1"}`, ""))
	if doctype.CodeOf(err) != CodeRenderFailed {
		t.Errorf("%v", err)
	}
}

func TestWants(t *testing.T) {
	changed := `[{"name":"price","from":1,"to":2}]`
	for _, c := range []struct {
		more  string
		event string
		want  bool
	}{
		{``, "on_update", true},
		{``, "on_insert", false},
		{`,"events":["on_change"]`, "on_insert", true},
		{`,"events":["after_insert","REMOVED"]`, "on_trash", true},
		{`,"fields":["price"]`, "on_update", true},
		{`,"fields":["stock"]`, "on_update", false},
		{`,"events":["on_change"],"fields":["stock"]`, "on_trash", true},
		{`,"webhook_doctype":"Order"`, "on_update", false},
	} {
		w, err := compile(t, "{"+minimal+c.more+"}")
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Wants(event(c.event, `{}`, changed)); got != c.want {
			t.Errorf("%s %s: %v", c.more, c.event, got)
		}
	}
}

func TestParse_the_one_of_events_and_docevent_that_changed_wins(t *testing.T) {
	base := Default()
	base.Name, base.WebhookDocType, base.RequestURL, base.Events, base.WebhookDocEvent = "w", "D", "https://x.example/", []string{"on_insert"}, "on_insert"
	for text, want := range map[string]string{
		`{"webhook_docevent":"on_trash"}`:                         "on_trash",
		`{"webhook_docevent":"on_trash","events":["on_insert"]}`:  "on_trash",
		`{"webhook_docevent":"on_insert","events":["on_update"]}`: "on_update",
		`{"webhook_docevent":"","events":["on_insert"]}`:          "on_insert",
		`{}`: "on_insert",
	} {
		w, err := Parse(base, []byte(text))
		if err == nil {
			err = w.Normalise()
		}
		if err != nil || strings.Join(w.Events, " ") != want {
			t.Errorf("%s: %v, %v; want %s", text, w.Events, err, want)
		}
	}
}
