package documents

import (
	"context"
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

// docTypeRow is a DocType as the list shows it.
type docTypeRow struct {
	documents.Stored

	Allowed  bool // the key may look into it
	Count    int64
	More     bool // there are more than Count
	Last     time.Time
	Webhooks int
}

const docTypesOnPage = 50

func (p *Pages) docTypes(c *gin.Context) error {
	ctx := c.Request.Context()
	pager := page.NewPager(c, docTypesOnPage)
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
	rows := make([]docTypeRow, len(stored))
	for i := range stored {
		rows[i] = docTypeRow{Stored: stored[i], Webhooks: hooks[stored[i].Name], Allowed: web.CheckDocType(ctx, stored[i].Name) == nil}
		if rows[i].Allowed {
			if err := p.measure(ctx, &rows[i]); err != nil {
				return err
			}
		}
	}
	return p.pages.Render(c, http.StatusOK, "documents/doctypes", page.View{Title: "Documents", Data: struct {
		Rows  []docTypeRow
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
func (p *Pages) measure(ctx context.Context, row *docTypeRow) (err error) {
	list := p.living(row.Name)
	newest, err := list(ctx, query.Query{Order: []query.Order{{Field: "modified", Desc: true}}, Limit: 1})
	if err != nil || len(newest) == 0 {
		return err
	}
	row.Last = newest[0].Modified
	row.Count, row.More, err = browse.Count(ctx, list, p.counter(row.Name))
	return err
}

func (p *Pages) newDocType(c *gin.Context) error {
	form := page.NewForm(url.Values{"open": {"1"}, "track_changes": {"1"}, "naming": {"field"}, "rows": {"3"}})
	return p.definition(c, form, nil)
}

func (p *Pages) createDocType(c *gin.Context) error {
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
	return page.Redirect(c, docTypePath(form.Get("name")), page.Done("Made the DocType "+form.Get("name")+"."))
}

// definition shows the form of a new DocType, or with a stored one that of a
// change.
func (p *Pages) definition(c *gin.Context, form *page.Form, stored *documents.Stored) error {
	v := page.View{Title: "New DocType", Crumbs: crumbs(""), Form: form}
	if stored != nil {
		v.Title, v.Crumbs = "Definition of "+stored.Name, crumbs(stored.Name)
	}
	v.Data = definitionView{Stored: stored, Rows: rowNumbers(form), Types: fieldtypes(), Rules: rules(), Namings: namings(), Zero: brakeChoices("hold"), Nameless: brakeChoices("allow")}
	return p.pages.Render(c, form.Status(), "documents/definition", v)
}

func (p *Pages) editDocType(c *gin.Context) error {
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

func (p *Pages) saveDocType(c *gin.Context) error {
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
	return page.Redirect(c, docTypePath(stored.Name), page.Done("Saved the definition."))
}

func (p *Pages) deleteDocType(c *gin.Context) error {
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
		return page.Redirect(c, page.Path("documents"), page.Done("Deleted the DocType "+stored.Name+"."))
	}
	if said := web.Classify(err); said.Code == "immutable" { // it has documents
		return page.Redirect(c, docTypePath(stored.Name, "edit"), &page.Flash{Tone: "bad", Text: said.Message})
	}
	return err
}
