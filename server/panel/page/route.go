package page

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

// Root is the path under which all pages are.
const Root = "/app"

// Route is one route of the panel. Path begins with Root. Access is the least; a
// handler may ask for more.
type Route struct {
	Method, Path string
	Access       web.Access
	Limits       web.Limits
	Handle       web.Handler
}

const (
	queryBytes = 64 << 10
	formBytes  = 1 << 20
)

// Get is a page.
func Get(path string, a web.Access, h web.Handler) Route {
	return Route{http.MethodGet, path, a, web.Limits{Body: queryBytes}, h}
}

// Post is an action: a form of up to 1 MiB.
func Post(path string, a web.Access, h web.Handler) Route {
	return Route{http.MethodPost, path, a, web.Limits{Body: formBytes}, h}
}

// Within bounds a route otherwise: the bytes of its body and its time, each 0 for
// what it has.
func (r Route) Within(bytes int64, timeout time.Duration) Route {
	if bytes > 0 {
		r.Limits.Body = bytes
	}
	if timeout > 0 {
		r.Limits.Timeout = timeout
	}
	return r
}

// Stream is a page that goes on for as long as somebody listens.
func Stream(path string, a web.Access, h web.Handler) Route {
	return Route{http.MethodGet, path, a, web.Limits{Body: queryBytes, Stream: true}, h}
}

// Covers reports whether a path belongs to the panel.
func Covers(path string) bool { return path == Root || strings.HasPrefix(path, Root+"/") }

// policy lets a page load our own files, talk to us, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Headers are those of every answer of the panel, also where it is an error.
func Headers(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// Path is the path of a page: Root and the parts, each escaped, so that a part
// may hold any character, also a slash. As browsers resolve parts that consist of
// dots, and lose empty ones, these are written with a tilde before them.
func Path(parts ...string) string {
	var b strings.Builder
	b.WriteString(Root)
	for _, p := range parts {
		b.WriteByte('/')
		if strings.HasPrefix(p, "~") || strings.Trim(p, ".") == "" {
			b.WriteByte('~')
		}
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// Param is a part of the request's path, as Path was given it.
func Param(c *gin.Context, name string) (string, error) {
	s, err := url.PathUnescape(c.Param(name))
	if err != nil {
		return "", web.Errorf("bad_request", "", "the path is not escaped correctly")
	}
	return strings.TrimPrefix(s, "~"), nil
}
