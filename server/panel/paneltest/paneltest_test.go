package paneltest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// recorder is a test that is only told what is wrong.
type recorder struct {
	testing.TB

	mu   sync.Mutex
	said []string
}

// Errorf keeps what is said.
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// Helper is nothing.
func (r *recorder) Helper() {}

func frame(body string) string {
	return `<!doctype html><html lang="en"><head><title>A page</title><link rel="stylesheet" href="/style.css"></head><body><a class="skip" href="#main">Skip</a><main id="main"><h1>Title</h1>` + body + `</main></body></html>`
}

const style = `body { background: #fff; color: #111; } .pale { color: #aaa; } .bare:focus { outline: none; } .wide { width: 3000px; } .dark { background: #222; color: #333; }
.trap:focus-visible { outline: 2px solid; }`

// TestAccessible: each fault is found, and a page without faults has none.
func TestAccessible(t *testing.T) {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := body
		if r.URL.Path == "/style.css" {
			w.Header().Set("Content-Type", "text/css")
			text = style
		}
		_, _ = io.WriteString(w, text) // the browser may be gone
	}))
	t.Cleanup(server.Close)
	site := &paneltest.Site{URL: server.URL}
	b := site.Browser(t, paneltest.BrowserOptions{})
	for fault, want := range map[string]string{
		`<p>Text <a href="/x">link</a></p><h2>Part</h2><label for="a">A</label><input id="a"><button>Go</button><svg role="img" aria-label="x"></svg><details><summary>More</summary><a href="/y">hidden</a></details>`: "",
		`<input id="a" placeholder="Name">`:                              "a field without a label",
		`<button></button>`:                                              "no name",
		`<a href="/x"><img src="data:," alt=""></a>`:                     "no name",
		`<img src="data:,">`:                                             "an image without alt",
		`<svg></svg>`:                                                    "a drawing without",
		`<p id="x"></p><p id="x"></p>`:                                   "the id is there twice",
		`<h3>Deep</h3>`:                                                  "a heading skips a level",
		`<h1>Again</h1>`:                                                 "not one h1",
		`<p class="pale">hardly to be seen</p>`:                          "contrast 2.3",
		`<div class="dark"><p>dark on dark</p></div>`:                    "contrast 1.",
		`<p><input id="a" aria-label="x" aria-describedby="none"></p>`:   "aria-describedby leads nowhere",
		`<form method="post" action="/app/x"><button>Go</button></form>`: "a form without its token",
		`<p style="color:#000">x</p>`:                                    "style or script in an attribute",
		`<p><button onclick="x()">x</button></p>`:                        "style or script in an attribute",
		`<table><tr><td>x</td></tr></table>`:                             "a table without headings",
		`<fieldset><label><input type="checkbox"> x</label></fieldset>`:  "a fieldset without a legend",
		`<p class="wide">x</p>`:                                          "wider than the window",
		`<p><button class="bare">x</button></p>`:                         "focus cannot be seen",
		`<label for="r1">r</label><input id="r1" type="radio" name="r"><label for="r2">s</label><input id="r2" type="radio" name="r"><button>x</button>`: "",
	} {
		body = frame(fault)
		b.Go(t, "/")
		r := &recorder{TB: t}
		b.Accessible(r)
		all := strings.Join(r.said, "\n")
		if want == "" && all != "" || want != "" && !strings.Contains(all, want) {
			t.Errorf("%s: said %q, want %q", fault, all, want)
		}
	}
}

// TestBrowser_problems: what goes wrong in a page fails the test that opened it.
func TestBrowser_problems(t *testing.T) {
	for body, want := range map[string]string{
		`<script src="/fine.js"></script>`:                       "",
		`<script>document.title = 'x'</script>`:                  "Content Security Policy",
		`<p style="color:red">x</p>`:                             "Content Security Policy",
		`<img src="http://127.0.0.1:1/x.png" alt="">`:            "Content Security Policy",
		`<script src="/throws.js"></script>`:                     "exception: Uncaught Error: broken",
		`<script src="/complains.js"></script>`:                  "console:oops",
		`<link rel="stylesheet" href="/app/assets/missing.css">`: "404",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
			text, ok := map[string]string{
				"/": frame(body), "/fine.js": "document.title = 'fine'", "/throws.js": "throw new Error('broken')", "/complains.js": "console.error('oops')", "/style.css": "",
			}[r.URL.Path]
			if strings.HasSuffix(r.URL.Path, ".js") {
				w.Header().Set("Content-Type", "text/javascript")
			}
			if !ok {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, text) // the browser may be gone
		}))
		r := &recorder{}
		t.Run("", func(t *testing.T) {
			t.Cleanup(server.Close)
			r.TB = t
			b := (&paneltest.Site{URL: server.URL}).Browser(r, paneltest.BrowserOptions{})
			b.Go(t, "/")
			paneltest.Evaluate[bool](t, b, "document.readyState === 'complete'")
		})
		all := strings.ReplaceAll(strings.Join(r.said, "\n"), "console: ", "console:")
		all = strings.ReplaceAll(all, `"oops"`, "oops")
		if want == "" && all != "" || want != "" && !strings.Contains(all, want) {
			t.Errorf("%s: said %q, want %q", body, all, want)
		}
	}
}
