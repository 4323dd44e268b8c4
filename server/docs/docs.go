package docs

import (
	"embed"
	"fmt"
	"io/fs"
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

// edition is all that is served.
type edition struct {
	site  *site
	files map[string]web.File // the index under "", the others under their names
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
	out := map[string]web.File{
		"":        web.NewFile("text/html; charset=utf-8", index),
		styleName: web.NewFile("text/css; charset=utf-8", style),
	}
	for _, p := range s.pages {
		html, err := s.render(p)
		if err != nil {
			return nil, err
		}
		out[p.name] = web.NewFile("text/html; charset=utf-8", html)
		out[p.name+".md"] = web.NewFile("text/markdown; charset=utf-8", p.source)
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
	return send(c, web.NewFile("text/plain; charset=utf-8", e.site.llms(h.options.BaseURL)))
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

// send answers with a file as a page that may have our stylesheet.
func send(c *gin.Context, f web.File) error {
	c.Header("Content-Security-Policy", web.PagePolicy)
	c.Header("Referrer-Policy", "no-referrer")
	return f.Send(c)
}
