package request

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

func of(t *testing.T, target, kind, body string) *gin.Context {
	t.Helper()
	gin.SetMode(gin.TestMode) // the other one writes to standard output
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(body))
	c.Request.URL.RawQuery = target
	c.Request.Header.Set("Content-Type", kind)
	return c
}

// told is the code and the field of an error, "" for none.
func told(err error) string {
	if err == nil {
		return ""
	}
	p := web.Classify(err)
	return strings.TrimSpace(p.Code + " " + p.Field)
}

func TestOnly(t *testing.T) {
	for _, tc := range []struct{ query, want string }{
		{"", ""},
		{"a=1&b=", ""},
		{"a=1&a=1", "bad_request a"},
		{"c=1", "invalid c"},
		{"a=%zz", "bad_request"},
		{"a=1;b=2", "bad_request"},
	} {
		if _, err := Only(of(t, tc.query, "", ""), "a", "b"); told(err) != tc.want {
			t.Errorf("%s: %v, want %s", tc.query, err, tc.want)
		}
	}
	if _, err := Only(of(t, "a=1", "", "")); told(err) != "invalid a" || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
}

func TestNumber(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		n          int64
	}{
		{"", "", 7},
		{"1", "", 1},
		{"9", "", 9},
		{"0", "invalid n", 0},
		{"-1", "invalid n", 0},
		{"10", "invalid n", 0},
		{"x", "invalid n", 0},
		{"1.0", "invalid n", 0},
		{" 1", "invalid n", 0},
		{"99999999999999999999", "invalid n", 0},
	} {
		n, err := Number(url.Values{"n": {tc.text}}, "n", 7, 1, 9)
		if n != tc.n || told(err) != tc.want {
			t.Errorf("%q: %d, %v; want %d, %s", tc.text, n, err, tc.n, tc.want)
		}
	}
}

func TestObject(t *testing.T) {
	const form, multi = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
	for _, tc := range []struct{ kind, body, object, want string }{
		{"", "", "{}", ""},
		{"", " \r\n", "{}", ""},
		{"", `{"a": 1.0}`, `{"a": 1.0}`, ""},
		{form, `{"a":1}`, `{"a":1}`, ""},
		{form, "data=" + url.QueryEscape(`{"a":"ü&"}`), `{"a":"ü&"}`, ""},
		{form, "b=2&a=x+y", `{"a":"x y","b":"2"}`, ""},
		{form, "a=%zz", "", "bad_request"},
		{multi, "--x", "", "unsupported"},
		{"text/plain", "<html>", "", "not_json"},
		{"", "[1]", "", "invalid"},
		{"", `{"a":1,"a":2}`, "", "invalid"},
		{"", `{"a":`, "", "invalid"},
	} {
		got, err := Object(of(t, "", tc.kind, tc.body))
		if told(err) != tc.want || err == nil && string(got) != tc.object {
			t.Errorf("%q: %s, %s (%v); want %s, %s", tc.body, got, told(err), err, tc.object, tc.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for _, tc := range []struct{ raw, name, want string }{
		{"a%2Fb+c%20d", "a/b+c d", ""}, {"%C3%BC", "ü", ""}, {"%", "", "bad_request"}, {"%zz", "", "bad_request"},
	} {
		if got, err := Unescape(tc.raw); got != tc.name || told(err) != tc.want {
			t.Errorf("%s: %q, %v", tc.raw, got, err)
		}
	}
}
