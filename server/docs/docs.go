package docs

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

//go:embed pages/*.md
var sources embed.FS

//go:embed layout.html style.css
var files embed.FS

// Where things are served.
const (
	indexPath  = "/docs"
	pagePrefix = "/docs/"
	styleName  = "docs.css"
)

// policy lets a page have our stylesheet and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options of Handlers; the zero value is ready for use.
type Options struct {
	// BaseURL is what others reach the service under; it begins the links of llms.txt. Default: they begin with a slash.
	BaseURL string
}

// Handlers are the handlers of the routes, each a web.Handler.
type Handlers struct{ options Options }

// New returns Handlers; it renders nothing yet.
func New(o Options) *Handlers {
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	return &Handlers{o}
}

// file is what is answered.
type file struct {
	kind, etag string
	text       []byte
}

func newFile(kind string, text []byte) file {
	sum := sha256.Sum256(text)
	return file{kind, `"` + hex.EncodeToString(sum[:16]) + `"`, text}
}

// edition is all that is served.
type edition struct {
	site  *site
	files map[string]file // the index under "", the others under their names
}

// printed makes the edition, once in the life of a process, at the first question: most processes are never asked.
var printed = sync.OnceValues(func() (*edition, error) {
	s, err := read(sources)
	if err != nil {
		return nil, err
	}
	style, err := fs.ReadFile(files, "style.css")
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	index, err := s.render(nil)
	if err != nil {
		return nil, err
	}
	out := map[string]file{
		"":        newFile("text/html; charset=utf-8", index),
		styleName: newFile("text/css; charset=utf-8", style),
	}
	for _, p := range s.pages {
		html, err := s.render(p)
		if err != nil {
			return nil, err
		}
		out[p.name] = newFile("text/html; charset=utf-8", html)
		out[p.name+".md"] = newFile("text/markdown; charset=utf-8", p.source)
	}
	return &edition{s, out}, nil
})

// Index answers GET /docs: what there is to read.
func (h *Handlers) Index(c *gin.Context) error { return answer(c, "") }

// Page answers GET /docs/{page}, /docs/{page}.md and the stylesheet.
func (h *Handlers) Page(c *gin.Context) error { return answer(c, c.Param("page")) }

// LLMs answers GET /llms.txt: the same table of contents for programs.
func (h *Handlers) LLMs(c *gin.Context) error {
	e, err := printed()
	if err != nil {
		return err
	}
	return send(c, newFile("text/plain; charset=utf-8", e.site.llms(h.options.BaseURL)))
}

func answer(c *gin.Context, name string) error {
	e, err := printed()
	if err != nil {
		return err
	}
	f, ok := e.files[name]
	if !ok {
		return web.Errorf("not_found", "", "there is no page %.100q in the documentation, %s lists them", name, indexPath)
	}
	return send(c, f)
}

// send answers with a file, or with 304 if the client has it.
func send(c *gin.Context, f file) error {
	c.Header("Cache-Control", "no-cache") // to be asked for each time, which costs little
	c.Header("Content-Security-Policy", policy)
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("ETag", f.etag)
	if matches(c.GetHeader("If-None-Match"), f.etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	c.Header("Content-Type", f.kind)
	c.Header("Content-Length", strconv.Itoa(len(f.text)))
	c.Status(http.StatusOK)
	if _, err := c.Writer.Write(f.text); err != nil {
		return fmt.Errorf("docs: write the answer: %w", err)
	}
	return nil
}

// matches reads If-None-Match (RFC 9110, 13.1.2).
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == etag || one == "*" {
			return true
		}
	}
	return false
}
