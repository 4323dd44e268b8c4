package openapi

import (
	"embed"
	"sync"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

//go:embed page.html page.css
var files embed.FS

// Where the page has its stylesheet, and the document.
const (
	stylePath    = "/docs/api.css"
	documentPath = "/openapi.json"
)

// Options of Handlers; the zero value is ready for use.
type Options struct {
	// Version is the program's. Default "dev".
	Version string
}

// Handlers are the handlers of the routes, each a web.Handler.
type Handlers struct {
	document, page, style func() (web.File, error)
}

// New returns Handlers; it reads nothing yet.
func New(o Options) *Handlers {
	if o.Version == "" {
		o.Version = "dev"
	}
	read := sync.OnceValues(func() (*Document, error) { return Read(o.Version) })
	of := func(kind string, make func(d *Document) ([]byte, error)) func() (web.File, error) {
		return sync.OnceValues(func() (web.File, error) {
			d, err := read()
			if err != nil {
				return web.File{}, err
			}
			text, err := make(d)
			return web.NewFile(kind, text), err
		})
	}
	return &Handlers{
		document: of("application/json", func(d *Document) ([]byte, error) { return d.JSON, nil }),
		page:     of("text/html; charset=utf-8", (*Document).page),
		style:    of("text/css; charset=utf-8", func(*Document) ([]byte, error) { return files.ReadFile("page.css") }),
	}
}

// Document answers GET and HEAD /openapi.json.
func (h *Handlers) Document(c *gin.Context) error { return send(c, h.document) }

// Page answers GET /docs/api: the document as a page.
func (h *Handlers) Page(c *gin.Context) error {
	c.Header("Content-Security-Policy", web.PagePolicy)
	c.Header("Referrer-Policy", "no-referrer")
	return send(c, h.page)
}

// Stylesheet answers GET /docs/api.css.
func (h *Handlers) Stylesheet(c *gin.Context) error { return send(c, h.style) }

// send answers with a file once it is made.
func send(c *gin.Context, of func() (web.File, error)) error {
	f, err := of()
	if err != nil {
		return err
	}
	return f.Send(c)
}
