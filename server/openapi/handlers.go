package openapi

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

//go:embed page.html page.css
var files embed.FS

// Where the page has its stylesheet, and the document.
const (
	stylePath    = "/docs/api.css"
	documentPath = "/openapi.json"
)

// policy lets a page have our stylesheet and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options of Handlers; the zero value is ready for use.
type Options struct {
	// Version is the program's. Default "dev".
	Version string
}

// Handlers are the handlers of the routes, each a web.Handler.
type Handlers struct {
	document, page, style func() (file, error)
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

// New returns Handlers; it reads nothing yet.
func New(o Options) *Handlers {
	if o.Version == "" {
		o.Version = "dev"
	}
	read := sync.OnceValues(func() (*Document, error) { return Read(o.Version) })
	of := func(kind string, make func(d *Document) ([]byte, error)) func() (file, error) {
		return sync.OnceValues(func() (file, error) {
			d, err := read()
			if err != nil {
				return file{}, err
			}
			text, err := make(d)
			return newFile(kind, text), err
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
	c.Header("Content-Security-Policy", policy)
	c.Header("Referrer-Policy", "no-referrer")
	return send(c, h.page)
}

// Stylesheet answers GET /docs/api.css.
func (h *Handlers) Stylesheet(c *gin.Context) error { return send(c, h.style) }

// send answers with a file, or with 304 if the client has it.
func send(c *gin.Context, of func() (file, error)) error {
	f, err := of()
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-cache") // to be asked for each time, which costs little
	c.Header("ETag", f.etag)
	if matches(c.GetHeader("If-None-Match"), f.etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	c.Header("Content-Type", f.kind)
	c.Header("Content-Length", strconv.Itoa(len(f.text)))
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return nil
	}
	if _, err := c.Writer.Write(f.text); err != nil {
		return fmt.Errorf("openapi: write the answer: %w", err)
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
