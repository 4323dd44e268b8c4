package docs_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/docs"
)

// site is the handler of a whole service.
func site(t *testing.T) http.Handler {
	t.Helper()
	app, err := server.New(dbtest.New(t, dbtest.SQLite), server.Config{PublicURL: "https://dochook.example/"}, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return app.Handler()
}

func get(t *testing.T, h http.Handler, path, etag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// element is what a test looks at of an element.
type element struct {
	name       string
	attributes map[string]string
}

// elements parses HTML; every element has to be closed in its place.
func elements(t *testing.T, path, text string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var out []element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{token.Name.Local, map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attributes[a.Name.Local]; twice {
					t.Errorf("%s: %s has %s twice", path, e.name, a.Name.Local)
				}
				e.attributes[a.Name.Local] = a.Value
			}
			out = append(out, e)
		case xml.Comment:
			t.Errorf("%s: a comment: %s", path, token)
		}
	}
}

// paths are where HTML is served.
func paths(t *testing.T) []string {
	t.Helper()
	names, _ := pages(t)
	out := []string{"/docs"}
	for _, name := range names {
		out = append(out, "/docs/"+name)
	}
	return out
}

// TestPages_are_whole parses every page: ids are unique, nothing is inline or from elsewhere, and there is one headline.
func TestPages_are_whole(t *testing.T) {
	h := site(t)
	for _, path := range paths(t) {
		res := get(t, h, path, "")
		if res.Code != 200 || res.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("%s: %d %s", path, res.Code, res.Header().Get("Content-Type"))
		}
		if policy := res.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %s", path, policy)
		}
		ids, headlines, level := map[string]bool{}, 0, 1
		for _, e := range elements(t, path, res.Body.String()) {
			if id, ok := e.attributes["id"]; ok {
				if ids[id] || id == "" {
					t.Errorf("%s: the id %q is there twice", path, id)
				}
				ids[id] = true
			}
			for name := range e.attributes {
				if name == "style" || strings.HasPrefix(name, "on") {
					t.Errorf("%s: %s of %s", path, name, e.name)
				}
			}
			switch e.name {
			case "script", "style", "img", "iframe":
				t.Errorf("%s: an element %s", path, e.name)
			case "h1":
				headlines++
			case "h2", "h3", "h4":
				if now := int(e.name[1] - '0'); now > level+1 {
					t.Errorf("%s: %s after h%d", path, e.name, level)
				} else {
					level = now
				}
			}
		}
		if headlines != 1 {
			t.Errorf("%s: %d headlines", path, headlines)
		}
	}
}

// TestPages_links follows every link within the service to its page, and to its anchor there.
func TestPages_links(t *testing.T) {
	h := site(t)
	ids := map[string]map[string]bool{}
	anchors := func(path string) map[string]bool {
		if ids[path] == nil {
			ids[path] = map[string]bool{}
			for _, e := range elements(t, path, get(t, h, path, "").Body.String()) {
				ids[path][e.attributes["id"]] = true
			}
		}
		return ids[path]
	}
	status, links := map[string]int{}, 0
	for _, from := range paths(t) {
		for _, e := range elements(t, from, get(t, h, from, "").Body.String()) {
			to, ok := e.attributes["href"]
			if !ok || strings.HasPrefix(to, "https://") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(to, "#")
			if path == "" {
				path = from
			}
			if status[path] == 0 {
				status[path] = get(t, h, path, "").Code
			}
			if code := status[path]; !strings.HasPrefix(path, "/") || code >= 400 {
				t.Errorf("%s leads to %s: %d", from, to, code)
			} else if anchor != "" && !anchors(path)[anchor] {
				t.Errorf("%s leads to %s, and there is no such anchor", from, to)
			}
		}
	}
	if links < 300 {
		t.Errorf("only %d links", links)
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)]+)\)`)

// TestMarkdown reads the pages as they are written, from what llms.txt lists: links between files lead to files.
func TestMarkdown(t *testing.T) {
	h := site(t)
	names, texts := pages(t)
	list := get(t, h, "/llms.txt", "")
	if kind := list.Header().Get("Content-Type"); list.Code != 200 || kind != "text/plain; charset=utf-8" {
		t.Fatalf("%d %s", list.Code, kind)
	}
	if !regexp.MustCompile(`^# dochook\n\n> .+\n\n`).MatchString(list.Body.String()) {
		t.Errorf("it does not begin with a title and a summary:\n%s", list.Body)
	}
	var listed []string
	for _, found := range markdownLink.FindAllStringSubmatch(list.Body.String(), -1) {
		path, ok := strings.CutPrefix(found[1], "https://dochook.example/docs/")
		name, isMarkdown := strings.CutSuffix(path, ".md")
		if !ok || !isMarkdown {
			t.Errorf("it lists %s", found[1])
			continue
		}
		listed = append(listed, name)
		res := get(t, h, "/docs/"+path, "")
		if kind := res.Header().Get("Content-Type"); res.Code != 200 || kind != "text/markdown; charset=utf-8" || res.Body.String() != texts[name] {
			t.Errorf("%s: %d %s, %d bytes", path, res.Code, kind, res.Body.Len())
		}
	}
	if !slices.Equal(listed, names) {
		t.Errorf("it lists %v, and there are %v", listed, names)
	}
	for _, name := range names {
		for _, found := range markdownLink.FindAllStringSubmatch(fenced.ReplaceAllString(texts[name], ""), -1) {
			file, _, _ := strings.Cut(found[1], "#")
			page, isMarkdown := strings.CutSuffix(file, ".md")
			switch {
			case strings.HasPrefix(file, "https://"), file == "", !isMarkdown && strings.HasPrefix(file, "/"), isMarkdown && texts[page] != "":
			default:
				t.Errorf("%s.md leads to %s", name, found[1])
			}
		}
	}
}

// TestServed_again: what a client has is not sent again, and what is not there is a 404.
func TestServed_again(t *testing.T) {
	h := site(t)
	for _, path := range []string{"/docs", "/docs/", "/docs/delivery", "/docs/delivery.md", "/docs/docs.css", "/llms.txt"} {
		first := get(t, h, path, "")
		etag := first.Header().Get("ETag")
		if first.Code != 200 || etag == "" || first.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, ETag %s", path, first.Code, etag)
		}
		for header, want := range map[string]int{etag: 304, `"other", W/` + etag: 304, "*": 304, `"other"`: 200} {
			if res := get(t, h, path, header); res.Code != want || want == 304 && res.Body.Len() > 0 {
				t.Errorf("%s with If-None-Match %s: %d, %d bytes", path, header, res.Code, res.Body.Len())
			}
		}
	}
	for _, path := range []string{"/docs/nope", "/docs/nope.md", "/docs/delivery.html", "/docs/..%2fdocs.go", "/docs/delivery/more"} {
		if res := get(t, h, path, ""); res.Code != 404 {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
}

// machine are paths that stand on one machine alone.
var machine = regexp.MustCompile(`/(?:home|root|work|tmp|Users|private)/`)

// TestPages_speak_to_everybody: no page names a place on the machine it was written on, and every summary is one line.
func TestPages_speak_to_everybody(t *testing.T) {
	names, texts := pages(t)
	for _, name := range names {
		if found := machine.FindString(texts[name]); found != "" {
			t.Errorf("%s names %s", name, found)
		}
		if strings.Contains(texts[name], "\t") && !strings.Contains(texts[name], "```go") {
			t.Errorf("%s holds a tabulator", name)
		}
		for _, b := range blocks(texts[name]) {
			if b.kind == "" {
				t.Errorf("%s: a block does not say what it holds:\n%s", name, b.text)
			}
		}
		if count := strings.Count(texts[name], "```"); count != 2*len(blocks(texts[name])) {
			t.Errorf("%s: %d fences and %d blocks", name, count, len(blocks(texts[name])))
		}
	}
}

// TestNewPage refuses what a page must not hold.
func TestNewPage(t *testing.T) {
	for text, want := range map[string]string{
		"# One `two`\n\nSummary.\n":                      "",
		"# One\n\n<!-- test -->\nSummary.\n\nMore.":      "",
		"# One\n\nSummary.\n\n<div>x</div>\n":            "HTML that is no comment",
		"# One\n\nSummary <b>bold</b>.\n":                "HTML in a line",
		"# One\n\nSummary.\n\n<script>x</script>\n":      "HTML that is no comment",
		"Summary first.\n":                               "does not begin with a title",
		"# One\n":                                        "does not begin with a title",
		"# One\n\nSummary with <https://example.com>.\n": "",
	} {
		_, err := docs.NewPage(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
