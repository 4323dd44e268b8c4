package page

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/server/access"
	"dochook/server/web"
)

//go:embed templates assets
var embedded embed.FS

// Options of a Set; the zero value is ready for use.
type Options struct {
	// Version stands at the foot of each page. Default "dev".
	Version string
	// Now is the clock that times are told by ("3 minutes ago"); nil means
	// time.Now.
	Now func() time.Time
}

// Set is the pages of the panel, by "package/file".
type Set struct {
	options  Options
	base     *template.Template
	pages    map[string]*template.Template
	sections map[string]bool
	assets   map[string]asset
}

// New returns a Set with the layout, the assets and the page of errors.
func New(o Options) (*Set, error) {
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{options: o, pages: map[string]*template.Template{}, sections: map[string]bool{}, assets: map[string]asset{}}
	if err := s.addAssets(embedded); err != nil {
		return nil, err
	}
	base, err := template.New("layout").Funcs(s.functions()).ParseFS(embedded, "templates/layout.html", "templates/partials.html", "templates/fields.html")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	s.base = base
	return s, s.Add("page", embedded)
}

// Add parses the pages of a package: files templates/*.html become the pages
// "name/file", files assets/* are served. Where name is a section of the
// navigation it is shown from now on. It is not safe while pages are rendered.
func (s *Set) Add(name string, fsys fs.FS) error {
	if err := s.addAssets(fsys); err != nil {
		return err
	}
	files, err := fs.Glob(fsys, "templates/*.html")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	var shared, own []string
	for _, f := range files {
		switch base := path.Base(f); {
		case name == "page" && base != "error.html": // parts of the layout
		case strings.HasPrefix(base, "_"):
			shared = append(shared, f)
		default:
			own = append(own, f)
		}
	}
	for _, f := range own {
		t, err := s.base.Clone()
		if err == nil {
			t, err = t.ParseFS(fsys, append([]string{f}, shared...)...)
		}
		if err != nil {
			return fmt.Errorf("page: %s: %w", name, err)
		}
		// What is wrong with a template whatever its data is found now, not by who opens the page.
		var wrong *template.Error
		if err := t.ExecuteTemplate(io.Discard, "layout", context{}); errors.As(err, &wrong) {
			return fmt.Errorf("page: %s: %w", f, err)
		}
		s.pages[name+"/"+strings.TrimSuffix(path.Base(f), ".html")] = t
	}
	s.sections[name] = true
	return nil
}

// View is what a handler says of a page.
type View struct {
	Title string // heading of the page, and of the window
	// Section is that of the navigation; default: the package's name.
	Section string
	Crumbs  []Crumb // the pages above this one, the uppermost first
	Form    *Form   // of the page's main form, if it has one
	Data    any     // what the page is about
}

// Crumb is a page above the one shown.
type Crumb struct{ Title, URL string }

// context is what templates see as ".": the View, and what all pages have.
type context struct {
	View

	Nav     []Item
	Key     access.Key // who is signed in; zero: nobody
	Writer  bool       // may change documents and jobs, as far as its DocTypes go
	Admin   bool
	CSRF    string // token of forms
	Flash   *Flash // what the last action did
	Here    string // path and query of this page
	Version string
}

// Allowed reports whether who is signed in may change documents of a DocType.
func (c context) Allowed(docType string) bool { return c.Writer && c.Key.Covers(docType) }

// Render answers with the page "package/file". The error is that of the template,
// before anything is written, or of writing to the client.
func (s *Set) Render(c *gin.Context, status int, name string, v View) error {
	return s.execute(c, status, name, "layout", v)
}

// Fragment answers with one template of a page, without the layout, for scripts.
func (s *Set) Fragment(c *gin.Context, status int, name, block string, v View) error {
	return s.execute(c, status, name, block, v)
}

// Text is what Fragment would answer with.
func (s *Set) Text(c *gin.Context, name, block string, v View) ([]byte, error) {
	t, ok := s.pages[name]
	if !ok {
		return nil, fmt.Errorf("page: there is no page %s", name)
	}
	if v.Section == "" {
		v.Section, _, _ = strings.Cut(name, "/")
	}
	data := context{
		View: v, Key: web.Principal(c.Request.Context()), CSRF: c.GetString(csrfKey), Here: c.Request.URL.RequestURI(), Version: s.options.Version,
	}
	data.Writer, data.Admin = data.Key.Role.Includes(access.RoleWriter), data.Key.Role.Includes(access.RoleAdmin)
	if block == "layout" {
		data.Nav, data.Flash = s.navigation(data.Key.Role, v.Section), takeFlash(c)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, block, data); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return b.Bytes(), nil
}

func (s *Set) execute(c *gin.Context, status int, name, block string, v View) error {
	text, err := s.Text(c, name, block, v)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	c.Status(status)
	if _, err := c.Writer.Write(text); err != nil {
		return fmt.Errorf("page: write: %w", err)
	}
	return nil
}

const csrfKey = "page.csrf"

// SetToken says what stands in the forms of the pages that answer this request.
func SetToken(c *gin.Context, csrf string) { c.Set(csrfKey, csrf) }

// Problem answers with the page of an error.
func (s *Set) Problem(c *gin.Context, p web.Problem) error {
	return s.Render(c, p.Status, "page/error", View{
		Title: p.Title, Section: "none",
		Data: struct {
			web.Problem

			RequestID string
		}{p, web.RequestID(c.Request.Context())},
	})
}

// Redirect answers an action: the browser gets the page at path, which shows the
// flash, unless that is nil.
func Redirect(c *gin.Context, path string, f *Flash) error {
	if f != nil {
		setFlash(c, f)
	}
	c.Redirect(http.StatusSeeOther, path)
	return nil
}
