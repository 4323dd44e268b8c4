package documents

import (
	"embed"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/server/panel/page"
	"dochook/server/rest/bulk"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

//go:embed all:templates assets
var templates embed.FS

// Pages are the pages about documents.
type Pages struct {
	set    *collection.Set
	intake *bulk.Intake
	pages  *page.Set
}

// New returns Pages; it starts nothing.
func New(set *collection.Set, intake *bulk.Intake, pages *page.Set) (*Pages, error) {
	return &Pages{set, intake, pages}, pages.Add("documents", templates)
}

const (
	recordBytes = 20 << 20 // of a form with a record in it, escaped
	importBytes = 128 << 20
	importTime  = 10 * time.Minute
)

// Routes are those of the pages. What a key may do with which DocType is asked as
// in the API.
func (p *Pages) Routes() []page.Route {
	docType := page.Path("documents") + "/doctype/:doctype"
	one := docType + "/doc/:name"
	return []page.Route{
		page.Get(docType, web.Reader, p.list),
		page.Get(docType+"/new", web.Writer, p.newDocument),
		page.Post(docType+"/new", web.Writer, p.createDocument).Within(recordBytes, 0),
		page.Get(docType+"/import", web.Writer, p.importForm),
		page.Post(docType+"/import", web.Writer, p.importRecords).Within(importBytes, importTime),
		page.Get(one, web.Reader, p.show),
		page.Post(one, web.Writer, p.save).Within(recordBytes, 0),
		page.Get(one+"/json", web.Reader, p.showJSON),
		page.Post(one+"/json", web.Writer, p.replace).Within(recordBytes, 0),
		page.Get(one+"/history", web.Reader, p.history),
		page.Post(one+"/version", web.Writer, p.goBack),
		page.Post(one+"/delete", web.Writer, p.trash),
		page.Post(one+"/restore", web.Writer, p.restore),
	}
}

func docTypePath(name string, more ...string) string {
	return page.Path(append([]string{"documents", "doctype", name}, more...)...)
}

func documentPath(docType, name string, more ...string) string {
	return docTypePath(docType, append([]string{"doc", name}, more...)...)
}

func crumbs(docType string, more ...page.Crumb) []page.Crumb {
	out := []page.Crumb{{Title: "Documents", URL: page.Path("documents")}}
	if docType != "" {
		out = append(out, page.Crumb{Title: docType, URL: docTypePath(docType)})
	}
	return append(out, more...)
}

// open finds the DocType that the path names, for somebody who may use it so.
func (p *Pages) open(c *gin.Context, purpose collection.Purpose) (*collection.Collection, *doctype.Definition, error) {
	name, err := page.Param(c, "doctype")
	if err != nil {
		return nil, nil, err
	}
	ctx := c.Request.Context()
	col, err := p.set.Open(ctx, name, purpose)
	if err != nil {
		return nil, nil, err
	}
	if col.Builtin() {
		return nil, nil, web.Errorf("not_found", "", "%s is built in: it has pages of its own", name)
	}
	def, err := p.set.Documents.Definition(ctx, name)
	return col, def, err
}

// with is the address of this page with other parameters; those with an empty
// value go.
func with(u *url.URL, pairs ...string) string {
	v := u.Query()
	for pair := range slices.Chunk(pairs, 2) {
		v.Del(pair[0])
		if len(pair) == 2 && pair[1] != "" {
			v.Set(pair[0], pair[1])
		}
	}
	for name, values := range v {
		if len(values) == 1 && values[0] == "" {
			v.Del(name)
		}
	}
	if len(v) == 0 {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + v.Encode()
}
