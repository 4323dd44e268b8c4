package doctypes

import (
	"context"
	"embed"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/query"
	"dochook/server/access"
	"dochook/server/panel/documents/browse"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

//go:embed all:templates assets
var templates embed.FS

// section is that of the navigation.
const section = "documents"

// Pages are the pages about DocTypes.
type Pages struct {
	set   *collection.Set
	pages *page.Set
}

// New returns Pages; it starts nothing.
func New(set *collection.Set, pages *page.Set) (*Pages, error) {
	return &Pages{set, pages}, pages.Add("doctypes", templates)
}

// Routes are those of the pages. Readers see the list; definitions are for admins.
func (p *Pages) Routes() []page.Route {
	one := home() + "/doctype/:doctype"
	return []page.Route{
		page.Get(home(), web.Reader, p.list),
		page.Get(page.Path("documents", "new"), web.Admin, p.blank),
		page.Post(page.Path("documents", "new"), web.Admin, p.create),
		page.Get(one+"/edit", web.Admin, p.edit),
		page.Post(one+"/edit", web.Admin, p.save),
		page.Post(one+"/delete", web.Admin, p.remove),
	}
}

func home() string { return page.Path("documents") }

// documentsPath is the list of a DocType's documents, or what is below it.
func documentsPath(docType string, more ...string) string {
	return page.Path(append([]string{"documents", "doctype", docType}, more...)...)
}

// row is a DocType as the list shows it.
type row struct {
	documents.Stored

	Allowed  bool // the key may look into it
	Count    int64
	More     bool // there are more than Count
	Last     time.Time
	Webhooks int
}

const onPage = 50

func (p *Pages) list(c *gin.Context) error {
	ctx := c.Request.Context()
	pager := page.NewPager(c, onPage)
	stored, err := p.set.Documents.DocTypes(ctx, query.Query{Order: []query.Order{{Field: "name"}}, Start: pager.Offset(), Limit: pager.Size})
	if err != nil {
		return err
	}
	if pager.Total, err = p.set.Documents.CountDocTypes(ctx, query.Query{}); err != nil {
		return err
	}
	pager.Shown = len(stored)
	hooks, err := p.webhooks(ctx)
	if err != nil {
		return err
	}
	rows := make([]row, len(stored))
	for i := range stored {
		rows[i] = row{Stored: stored[i], Webhooks: hooks[stored[i].Name], Allowed: web.CheckDocType(ctx, stored[i].Name) == nil}
		if rows[i].Allowed {
			if err := p.measure(ctx, &rows[i]); err != nil {
				return err
			}
		}
	}
	return p.pages.Render(c, http.StatusOK, "doctypes/list", page.View{Title: "Documents", Section: section, Data: struct {
		Rows  []row
		Pager *page.Pager
	}{rows, pager}})
}

// webhooks are how many webhooks each DocType has, for admins.
func (p *Pages) webhooks(ctx context.Context) (map[string]int, error) {
	n := map[string]int{}
	if !web.Principal(ctx).Role.Includes(access.RoleAdmin) {
		return n, nil
	}
	all, err := p.set.Webhooks.List(ctx, query.Query{Limit: query.All})
	if err != nil {
		return nil, err
	}
	for i := range all {
		n[all[i].WebhookDocType]++
	}
	return n, nil
}

// measure finds how many documents there are, and when one last changed.
func (p *Pages) measure(ctx context.Context, r *row) (err error) {
	list := func(ctx context.Context, q query.Query) ([]doctype.Document, error) {
		return p.set.Documents.List(ctx, r.Name, q)
	}
	count := func(ctx context.Context, q query.Query) (int64, error) { return p.set.Documents.Count(ctx, r.Name, q) }
	newest, err := list(ctx, query.Query{Order: []query.Order{{Field: "modified", Desc: true}}, Limit: 1})
	if err != nil || len(newest) == 0 {
		return err
	}
	r.Last = newest[0].Modified
	r.Count, r.More, err = browse.Count(ctx, list, count)
	return err
}

func (p *Pages) blank(c *gin.Context) error {
	form := page.NewForm(url.Values{"open": {"1"}, "track_changes": {"1"}, "naming": {"field"}, "rows": {"3"}})
	return p.definition(c, form, nil)
}

func (p *Pages) create(c *gin.Context) error {
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	if moreRows(form) {
		return p.definition(c, form, nil)
	}
	ctx := c.Request.Context()
	col, err := p.set.Open(ctx, "DocType", collection.Write)
	if err != nil {
		return err
	}
	_, err = col.Create(ctx, compose(form, nil))
	if form.Failed(err) {
		return p.definition(c, form, nil)
	}
	if err != nil {
		return err
	}
	return page.Redirect(c, documentsPath(form.Get("name")), page.Done("Made the DocType "+form.Get("name")+"."))
}

// definition shows the form of a new DocType, or with a stored one that of a
// change.
func (p *Pages) definition(c *gin.Context, form *page.Form, stored *documents.Stored) error {
	v := page.View{Title: "New DocType", Section: section, Crumbs: []page.Crumb{{Title: "Documents", URL: home()}}, Form: form}
	if stored != nil {
		v.Title = "Definition of " + stored.Name
		v.Crumbs = append(v.Crumbs, page.Crumb{Title: stored.Name, URL: documentsPath(stored.Name)})
	}
	v.Data = definitionView{Stored: stored, Rows: rowNumbers(form), Types: fieldtypes(), Rules: rules(), Namings: namings(), Zero: brakeChoices("hold"), Nameless: brakeChoices("allow"), Open: openedOf(form)}
	return p.pages.Render(c, form.Status(), "doctypes/definition", v)
}

func (p *Pages) edit(c *gin.Context) error {
	stored, err := p.stored(c)
	if err != nil {
		return err
	}
	return p.definition(c, ofDefinition(&stored.DocType), &stored)
}

func (p *Pages) stored(c *gin.Context) (documents.Stored, error) {
	name, err := page.Param(c, "doctype")
	if err != nil {
		return documents.Stored{}, err
	}
	return p.set.Documents.DocType(c.Request.Context(), name)
}

func (p *Pages) save(c *gin.Context) error {
	stored, err := p.stored(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	if moreRows(form) {
		return p.definition(c, form, &stored)
	}
	ctx := c.Request.Context()
	col, err := p.set.Open(ctx, "DocType", collection.Write)
	if err != nil {
		return err
	}
	_, err = col.Update(ctx, stored.Name, compose(form, &stored.DocType))
	if form.Failed(err) {
		return p.definition(c, form, &stored)
	}
	if err != nil {
		return err
	}
	return page.Redirect(c, documentsPath(stored.Name), page.Done("Saved the definition."))
}

func (p *Pages) remove(c *gin.Context) error {
	stored, err := p.stored(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	col, err := p.set.Open(ctx, "DocType", collection.Write)
	if err != nil {
		return err
	}
	err = col.Delete(ctx, stored.Name)
	if err == nil {
		return page.Redirect(c, home(), page.Done("Deleted the DocType "+stored.Name+"."))
	}
	if said := web.Classify(err); said.Code == "immutable" { // it has documents
		return page.Redirect(c, documentsPath(stored.Name, "edit"), &page.Flash{Tone: "bad", Text: said.Message})
	}
	return err
}
