package web_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

func TestRequestID(t *testing.T) {
	d := newDoor(t)
	d.handle("/x", func(c *gin.Context) error {
		return web.JSON(c, 200, web.RequestID(c.Request.Context()))
	})
	for _, tc := range []struct {
		given string
		kept  bool
	}{
		{"abc-DEF_1.2", true},
		{strings.Repeat("a", 64), true},
		{"", false},
		{strings.Repeat("a", 65), false},
		{"a b", false},
		{"a\nb", false},
		{"<script>", false},
		{"é", false},
	} {
		res := d.get("/x", http.Header{"X-Request-Id": {tc.given}})
		id := res.Header().Get("X-Request-Id")
		var inside string
		decode(t, res.Body.Bytes(), &inside)
		if (id == tc.given) != tc.kept || len(id) < 8 || inside != id {
			t.Errorf("%q: answered %q, inside %q", tc.given, id, inside)
		}
	}
}

func TestLogLine(t *testing.T) {
	d := newDoor(t)
	d.engine.POST("/docs/:name", d.r.Route(web.Reader, web.Limits{}, func(c *gin.Context) error {
		if _, err := io.Copy(io.Discard, c.Request.Body); err != nil {
			return err
		}
		if c.Query("fail") != "" {
			return &coded{code: c.Query("fail"), field: "f", text: "quotes hunter2", cause: errors.New("the cause")}
		}
		return web.Raw(c, 201, []byte(`"hunter2"`))
	}))
	h := http.Header{"Authorization": {"token r:s"}, "X-Request-Id": {"id-1"}, "Cookie": {"hunter2"}}
	send := func(query string) {
		d.do(http.MethodPost, "/docs/hunter2?"+query, h, strings.NewReader("hunter2"))
	}
	send("secret=hunter2")
	send("fail=invalid")
	send("fail=unavailable")
	want := []map[string]any{
		{"status": 201.0, "level": "INFO"},
		{"status": 417.0, "level": "INFO", "error_code": "invalid", "field": "f", "error": nil},
		{"status": 503.0, "level": "ERROR", "error_code": "unavailable"},
	}
	lines := d.log.lines(t)
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, line := range lines {
		for k, v := range want[i] {
			if line[k] != v {
				t.Errorf("line %d: %s = %v, want %v", i, k, line[k], v)
			}
		}
		for k, v := range map[string]any{"msg": "request", "method": "POST", "route": "/docs/:name", "key": "r", "request_id": "id-1", "bytes_in": 7.0, "remote": "192.0.2.1"} {
			if line[k] != v {
				t.Errorf("line %d: %s = %v, want %v", i, k, line[k], v)
			}
		}
		if d, isNumber := line["duration"].(float64); !isNumber || d <= 0 || line["bytes_out"].(float64) < 9 {
			t.Errorf("line %d: %v", i, line)
		}
	}
	if text, _ := lines[2]["error"].(string); !strings.Contains(text, "the cause") {
		t.Errorf("the cause of ours is not in the log: %v", lines[2])
	}
	lines[2]["error"] = nil // our own fault may be quoted
	if all, err := json.Marshal(lines); err != nil || strings.Contains(string(all), "hunter2") {
		t.Errorf("the log quotes the request: %s", all)
	}
}

func TestPanic(t *testing.T) {
	d := newDoor(t)
	d.handle("/x", func(c *gin.Context) error {
		c.Header("Etag", "1")
		c.Header("Content-Encoding", "gzip")
		return web.JSON(c, 200, c.Params[len(c.FullPath())]) // a bug
	})
	for range 2 {
		res := d.get("/x", nil)
		if res.Code != 500 || strings.Contains(res.Body.String(), "out of range") || res.Header().Get("Etag")+res.Header().Get("Content-Encoding") != "" {
			t.Errorf("%d %v %s", res.Code, res.Header(), res.Body)
		}
		checkErrorBody(t, res.Body.Bytes(), "InternalServerError", "internal error")
	}
	lines := d.log.lines(t)
	if len(lines) != 2 || lines[0]["level"] != "ERROR" || !strings.Contains(lines[0]["error"].(string), "out of range") || !strings.Contains(lines[0]["stack"].(string), "handle_test.go") {
		t.Errorf("log %v", lines)
	}
}

func TestNoRouteNoMethod(t *testing.T) {
	d := newDoor(t)
	d.engine.GET("/x", d.r.Route(web.Public, web.Limits{}, ok))
	// A large body does not turn "nothing there" into "too large".
	if res := d.do(http.MethodPost, "/nothing/<b>", nil, strings.NewReader(strings.Repeat("x", 3<<20))); res.Code != 404 {
		t.Errorf("%d %s", res.Code, res.Body)
	} else {
		checkErrorBody(t, res.Body.Bytes(), "DoesNotExistError", `there is nothing at "/nothing/<b>"`)
	}
	if res := d.do(http.MethodPut, "/x", nil, nil); res.Code != 405 || res.Header().Get("Allow") != "GET" {
		t.Errorf("%d %v %s", res.Code, res.Header(), res.Body)
	}
}

func TestMiddlewareOrder(t *testing.T) {
	d := newDoor(t)
	var order []string
	note := func(s string) web.Middleware {
		return func(next web.Handler) web.Handler {
			return func(c *gin.Context) error {
				order = append(order, s)
				return next(c)
			}
		}
	}
	d.engine.GET("/x", d.r.Handle(ok, note("first"), note("second")))
	if res := d.get("/x", nil); res.Code != 200 || strings.Join(order, " ") != "first second" {
		t.Errorf("%d %v", res.Code, order)
	}
	d.engine.GET("/loose", d.r.Handle(func(c *gin.Context) error { return web.JSON(c, 200, make(chan int)) }))
	if res := d.get("/loose", nil); res.Code != 500 {
		t.Errorf("an answer that is not JSON: %d", res.Code)
	}
}

func TestJSONKeepsValues(t *testing.T) {
	d := newDoor(t)
	const doc = `{"b":1e400,"a":12345678901234567890.10,"h":"<&>é"}`
	d.handle("/json", func(c *gin.Context) error {
		return web.JSON(c, 200, map[string]json.RawMessage{"data": json.RawMessage(doc)})
	})
	d.handle("/raw", func(c *gin.Context) error { return web.Raw(c, 200, []byte("{ \"data\": "+doc+"}\n")) })
	if got := d.get("/json", nil).Body.String(); got != `{"data":`+doc+`}` {
		t.Errorf("JSON %s", got)
	}
	if got := d.get("/raw", nil).Body.String(); got != "{ \"data\": "+doc+"}\n" {
		t.Errorf("Raw %s", got)
	}
}
