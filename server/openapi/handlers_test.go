package openapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"dochook/server/openapi"
)

// serve serves the handlers behind a real socket.
func serve(t *testing.T) string {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	h := openapi.New(openapi.Options{Version: "1.2.3"})
	on := func(fn func(*gin.Context) error) gin.HandlerFunc {
		return func(c *gin.Context) {
			if err := fn(c); err != nil {
				t.Error(err)
			}
		}
	}
	e.GET("/openapi.json", on(h.Document))
	e.HEAD("/openapi.json", on(h.Document))
	e.GET("/docs/api", on(h.Page))
	e.GET("/docs/api.css", on(h.Stylesheet))
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return s.URL
}

func ask(t *testing.T, method, url, match string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if match != "" {
		req.Header.Set("If-None-Match", match)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func TestHandlers_tell_whether_it_changed(t *testing.T) {
	url := serve(t)
	for path, kind := range map[string]string{"/openapi.json": "application/json", "/docs/api": "text/html; charset=utf-8", "/docs/api.css": "text/css; charset=utf-8"} {
		res, body := ask(t, "GET", url+path, "")
		_ = res.Body.Close()
		tag := res.Header.Get("ETag")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != kind || len(body) == 0 || len(tag) < 10 || res.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v, %d bytes", path, res.StatusCode, res.Header, len(body))
		}
		for match, status := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200} {
			again, text := ask(t, "GET", url+path, match)
			_ = again.Body.Close()
			if again.StatusCode != status || again.Header.Get("ETag") != tag || (status == 304) != (len(text) == 0) {
				t.Errorf("%s with %s: %d, %d bytes", path, match, again.StatusCode, len(text))
			}
		}
	}
	full, text := ask(t, "GET", url+"/openapi.json", "")
	_ = full.Body.Close()
	head, none := ask(t, "HEAD", url+"/openapi.json", "")
	_ = head.Body.Close()
	if head.StatusCode != 200 || len(none) > 0 || head.ContentLength != int64(len(text)) || head.Header.Get("ETag") != full.Header.Get("ETag") {
		t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
	}
	d, err := openapi.Read("1.2.3")
	if err != nil || !bytes.Equal(d.JSON, text) {
		t.Errorf("another document is served: %v", err)
	}
}

// TestHandlers_page: every link leads to a place on the page or to one of ours, and nothing is from elsewhere.
func TestHandlers_page(t *testing.T) {
	url := serve(t)
	res, body := ask(t, "GET", url+"/docs/api", "")
	_ = res.Body.Close()
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	text := string(body)
	places := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if places[m[1]] {
			t.Errorf("two places are called %s", m[1])
		}
		places[m[1]] = true
	}
	links := regexp.MustCompile(` (?:href|src)="([^"]+)"`).FindAllStringSubmatch(text, -1)
	for _, m := range links {
		if to, here := strings.CutPrefix(m[1], "#"); here && !places[to] || !here && m[1] != "/openapi.json" && m[1] != "/docs/api.css" {
			t.Errorf("a link leads to %s", m[1])
		}
	}
	if len(links) < 200 || strings.Contains(text, "<script") || strings.Contains(text, " style=") || strings.Contains(text, "ZgotmplZ") {
		t.Errorf("%d links, or a script or style in the page", len(links))
	}
	for _, word := range []string{
		"createWebhook", "listDocuments", "schema-Webhook", "schema-Error", "sendChanges", // places
		"Idempotency-Key", "1.2.3", "/api/v1/resource/{doctype}", "lastJob",
	} {
		if !places[word] && !strings.Contains(text, word) {
			t.Errorf("the page does not tell of %s", word)
		}
	}
}
