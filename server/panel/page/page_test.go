package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/panel/page"
	"dochook/server/web"
)

func request(t *testing.T, method, target, body string) (*gin.Context, *httptest.ResponseRecorder) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	c.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c, w
}

// render renders a page with this content.
func render(t *testing.T, content string, v page.View) string {
	t.Helper()
	set, err := page.New(page.Options{Now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Add("x", fstest.MapFS{"templates/p.html": {Data: []byte(`{{define "content"}}` + content + `{{end}}`)}}); err != nil {
		t.Fatal(err)
	}
	c, w := request(t, "GET", "/app/x", "")
	if err := set.Render(c, 200, "x/p", v); err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(w.Body.String(), `<div class="actions"></div></div>`)
	main, _, _ := strings.Cut(after, "</main>")
	return strings.TrimSpace(main)
}

func TestFunctions(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 56, 59, 500, time.UTC)
	for content, want := range map[string]string{
		`{{number 1234567}} {{number -1234}} {{number 12}} {{number 0}}`:                                 "1,234,567 -1,234 12 0",
		`{{bytes 0}} {{bytes 1023}} {{bytes 1536}} {{bytes 104857600}}`:                                  "0 B 1023 B 1.5 KiB 100 MiB",
		`{{seconds 0.00034}} {{seconds 0.0121}} {{seconds 1.54}} {{seconds 200.0}} {{seconds 300000.0}}`: "340 µs 12 ms 1.5 s 3 min 20 s 3 days 11 h",
		`{{path "a/b" "c d" ".." "" "~x" "?#%"}}`:                                                        "/app/a%2Fb/c%20d/~../~/~~x/%3F%23%25",
		`<a href="{{path .Data.Name}}">`:                                                                 `<a href="/app/%22%3E%3Cscript%3E">`,
		`{{query "/app/x" "b" "1 2" "a" "" "c" "&"}}{{query "/app/x" "a" ""}}`:                           "/app/x?b=1&#43;2&amp;c=%26/app/x",
		`{{json .Data.JSON}}`:                      "{\n  &#34;n&#34;: 1.0000000000000000001,\n  &#34;s&#34;: &#34;&lt;/script&gt;&#34;\n}",
		`{{json "no json <b>"}}`:                   "no json &lt;b&gt;",
		`{{template "time" (time .Data.At)}}`:      `<time datetime="2026-11-22T11:56:59.0000005Z" title="2026-11-22 11:56:59 UTC">3 min ago</time>`,
		`{{template "time" (time (micros 0))}}`:    `<span class="muted">never</span>`,
		`{{template "exact" (time .Data.At)}}`:     `<time class="exact" datetime="2026-11-22T11:56:59.0000005Z">2026-11-22 11:56:59 UTC</time>`,
		`{{template "badge" (badge "delivered")}}`: `<span class="badge good">delivered</span>`,
		`{{template "badge" (badge .Data.Name)}}`:  `<span class="badge plain">&#34;&gt;&lt;script&gt;</span>`,
		`{{template "badge" (badge "x" "bad")}}`:   `<span class="badge bad">x</span>`,
	} {
		got := render(t, content, page.View{Title: "T", Data: map[string]any{
			"Name": `"><script>`, "JSON": []byte(`{"n":1.0000000000000000001,"s":"</script>"}`), "At": at,
		}})
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", content, got, want)
		}
	}
}

// TestAdd: a template that can never work is found when the service starts.
func TestAdd(t *testing.T) {
	for content, words := range map[string]string{
		`{{define "content"}}{{template "none"}}{{end}}`:             "no such template",
		`{{define "content"}}{{nofunction}}{{end}}`:                  "not defined",
		`{{define "content"}}<a href='{{if .Title}}'>{{end}}{{end}}`: "different contexts",
	} {
		set, err := page.New(page.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = set.Add("x", fstest.MapFS{"templates/p.html": {Data: []byte(content)}})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func TestPath(t *testing.T) {
	e := gin.New()
	e.UseEscapedPath, e.UnescapePathValues = true, false
	var got []string
	e.GET("/app/x/:a/y/:b", func(c *gin.Context) {
		for _, name := range []string{"a", "b"} {
			v, err := page.Param(c, name)
			if err != nil {
				t.Error(err)
			}
			got = append(got, v)
		}
	})
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	names := []string{"plain", "a/b", "..", ".", "...", "", "~", "~x", "~~", "%2F", "ü ñ", "a+b", "?x=1#y", "<script>", "\\", ";:@&=$,", "new"}
	for i, a := range names {
		got = nil
		b := names[len(names)-1-i]
		res, err := http.Get(server.URL + page.Path("x", a, "y", b)) //nolint:noctx // our own
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q %q arrived as %q", a, b, got)
		}
	}
}

func TestForm(t *testing.T) {
	c, _ := request(t, "POST", "/app/x", url.Values{"url": {`"><script>`}, "events": {"a", "b"}, "on": {"1"}, "secret": {"hidden"}}.Encode())
	form, err := page.Submitted(c)
	if err != nil {
		t.Fatal(err)
	}
	form.Alias = map[string]string{"rows": "events"}
	for _, e := range []struct {
		err   error
		taken bool
	}{
		{web.Errorf("invalid", "url", "bad <b>url</b>"), true},
		{web.Errorf("conflict", "rows[1].key", "twice"), true},
		{web.Errorf("mandatory", "other.part", "missing"), true},
		{web.Errorf("stale", "", "changed meanwhile"), true},
		{web.Errorf("forbidden", "url", "no"), false},
		{web.Errorf("not_found", "", "no"), false},
		{web.Errorf("unavailable", "", "no"), false},
		{errors.New("internal"), false},
		{nil, false},
	} {
		if form.Failed(e.err) != e.taken {
			t.Errorf("%v: taken %v", e.err, !e.taken)
		}
	}
	if form.Status() != 422 || len(form.Errors) != 4 || form.Errors[1].Field != "events" || form.Errors[2].Field != "other" {
		t.Errorf("%d %+v", form.Status(), form.Errors)
	}
	form.Prefix = "p-"
	got := render(t, `{{template "errors" .Form}}{{template "input" (field .Form "url" "label" "The URL" "hint" "Where to" "required" true)}}
{{template "checkboxes" (field .Form "events" "label" "Events" "options" .Data)}}{{template "checkbox" (field .Form "on" "label" "On")}}{{template "checkbox" (field .Form "off" "label" "Off")}}
{{template "input" (field .Form "secret" "label" "Secret" "type" "password")}}{{template "textarea" (field .Form "url" "id" "area" "label" "Area")}}{{template "select" (field .Form "sel" "label" "Sel" "options" .Data)}}`,
		page.View{Title: "T", Form: form, Data: page.Choices("a", "c")})
	for _, words := range []string{
		`<label for="f-p-url">The URL <span class="required">(required)</span></label>`, `id="f-p-url" name="url" type="text" value="&#34;&gt;&lt;script&gt;" required`,
		`aria-describedby="f-p-url-hint f-p-url-error" aria-invalid="true"`, `<strong>Error:</strong> bad &lt;b&gt;url&lt;/b&gt;`, `<a href="#f-p-events">twice</a>`, `<li>changed meanwhile</li>`,
		`value="a" checked`, `value="c">`, `id="f-p-on" name="on" type="checkbox" value="1" checked`, `id="f-p-off" name="off" type="checkbox" value="1"> `, "\n&#34;&gt;&lt;script&gt;</textarea>",
	} {
		if !strings.Contains(got, words) {
			t.Errorf("it lacks %s", words)
		}
	}
	if strings.Contains(got, "hidden") || strings.Contains(got, "<script>") || t.Failed() {
		t.Errorf("rendered:\n%s", got)
	}
	for _, body := range []string{"%zz=1", "a=1;b=2"} {
		c, _ := request(t, "POST", "/app/x", body)
		if _, err := page.Submitted(c); err == nil || web.Classify(err).Code != "bad_request" {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestPager(t *testing.T) {
	for _, tc := range []struct {
		target     string
		shown      int
		total      int64
		more       bool
		prev, next string
		first      int
	}{
		{"/app/x", 10, 25, false, "", "/app/x?page=2", 1},
		{"/app/x?q=a%2Fb&page=2", 10, 25, false, "/app/x?q=a%2Fb", "/app/x?page=3&q=a%2Fb", 11},
		{"/app/x?page=3", 5, 25, false, "/app/x?page=2", "", 21},
		{"/app/x?page=9", 0, 25, false, "/app/x?page=8", "", 0},
		{"/app/x?page=-1", 10, -1, true, "", "/app/x?page=2", 1},
		{"/app/x?page=junk", 10, -1, false, "", "", 1},
		{"/app/a%2Fb?page=2", 10, -1, false, "/app/a%2Fb", "", 11},
	} {
		c, _ := request(t, "GET", tc.target, "")
		p := page.NewPager(c, 10)
		p.Shown, p.Total, p.More = tc.shown, tc.total, tc.more
		if p.Previous() != tc.prev || p.Next() != tc.next || p.First() != tc.first {
			t.Errorf("%s: %q %q %d", tc.target, p.Previous(), p.Next(), p.First())
		}
	}
}

// TestFlash is shown once, as text, and on the next page only.
func TestFlash(t *testing.T) {
	c, w := request(t, "POST", "/app/x", "")
	if err := page.Redirect(c, "/app/y", page.Done("Saved <b>"+strings.Repeat("ü", 1000))); err != nil {
		t.Fatal(err)
	}
	c.Writer.WriteHeaderNow()
	if w.Code != 303 || w.Header().Get("Location") != "/app/y" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	set, err := page.New(page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for cookie, shown := range map[string]bool{w.Result().Cookies()[0].Value: true, "junk!": false, "e30": false} {
		c, w := request(t, "GET", "/app/y", "")
		c.Request.Header.Set("Cookie", "dochook_flash="+cookie)
		if err := set.Problem(c, web.Classify(web.Errorf("not_found", "", "no <i>"))); err != nil {
			t.Fatal(err)
		}
		body := w.Body.String()
		if strings.Contains(body, "Saved &lt;b&gt;üü") != shown || strings.Contains(body, "<i>") {
			t.Errorf("%s: %s", cookie, body)
		}
		if forgotten := w.Result().Cookies()[0]; forgotten.MaxAge != -1 {
			t.Errorf("the flash stays: %v", forgotten)
		}
	}
}

func TestAssets(t *testing.T) {
	set, err := page.New(page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	route := set.Routes()[0]
	get := func(name, query, tag string) *httptest.ResponseRecorder {
		c, w := request(t, "GET", "/app/assets/"+name+query, "")
		c.Params = gin.Params{{Key: "name", Value: name}}
		c.Request.Header.Set("If-None-Match", tag)
		if err := route.Handle(c); err != nil {
			c.Status(web.Classify(err).Status)
		}
		c.Writer.WriteHeaderNow()
		return w
	}
	first := get("panel.css", "", "")
	tag := first.Header().Get("Etag")
	if first.Code != 200 || first.Header().Get("Content-Type") != "text/css; charset=utf-8" || first.Header().Get("Cache-Control") != "no-cache" || len(tag) != 18 {
		t.Errorf("%d %v", first.Code, first.Header())
	}
	if w := get("panel.css", "", tag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	if w := get("panel.css", "?v="+strings.Trim(tag, `"`), ""); !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%v", w.Header())
	}
	if w := get("panel.css", "?v=old", ""); strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%v", w.Header())
	}
	if w := get("panel.js", "", ""); w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
	for _, name := range []string{"none", "..%2Ftemplates%2Flayout.html", "layout.html"} {
		if w := get(name, "", ""); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
