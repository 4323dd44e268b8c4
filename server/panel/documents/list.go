package documents

import (
	"context"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/query"
	"dochook/server/panel/documents/browse"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

const documentsOnPage = 50

// listView is what the page of a list shows.
type listView struct {
	DocType, About string
	Deleted        bool // those that were deleted
	Columns        []column
	Rows           []listRow
	Page           browse.Page
	Count          int64 // of all documents; below 0 it was not asked for
	Many           bool  // there are more than Count
	Narrowed       bool  // there is a search or a filter
	Filters        []filterRow
	Operators      []page.Option
	Fields         []string      // what can be filtered by
	Choices        []page.Option // what can be a column
	Named          []string      // documents whose names begin with what is looked for
	Sort, Dir      string

	ByName, ByModified                                column
	First, Previous, Next, Further, Everything, Clear string // addresses
}

// listRow is a document of a list.
type listRow struct {
	doctype.Document

	Cells []cell
}

func (p *Pages) list(c *gin.Context) error {
	_, def, err := p.open(c, collection.Read)
	if err != nil {
		return err
	}
	form := page.NewForm(c.Request.URL.Query())
	form.Alias = map[string]string{"filters": "", "or_filters": "", "order_by": "", "fields": ""}
	v := &listView{
		DocType: def.Name, About: def.Description, Deleted: form.Get("state") == "deleted", Count: -1,
		Filters: filterRows(form), Operators: operators(), Sort: form.Get("sort"), Dir: form.Get("dir"),
	}
	if v.Dir != "asc" {
		v.Dir = "desc"
	}
	err = p.fill(c, def, form, v)
	if err != nil && !form.Failed(err) {
		return err
	}
	v.addresses(c)
	form.Set("columns", names(v.Columns)...)
	return p.pages.Render(c, form.Status(), "documents/list", page.View{Title: def.Name, Crumbs: crumbs(""), Form: form, Data: v})
}

func names(columns []column) []string {
	out := make([]string, len(columns))
	for i := range columns {
		out[i] = columns[i].Name
	}
	return out
}

// fill reads what the page shows.
func (p *Pages) fill(c *gin.Context, def *doctype.Definition, form *page.Form, v *listView) error {
	ctx, live := c.Request.Context(), p.living(def.Name)
	sample, err := live(ctx, query.Query{Order: []query.Order{{Field: "modified", Desc: true}}, Limit: sampleSize})
	if err != nil {
		return err
	}
	v.head(def, form, frequent(sample))
	text := strings.TrimSpace(form.Get("q"))
	ask := browse.Ask{Size: documentsOnPage, At: form.Get("at"), Everything: form.Checked("all")}
	if v.Sort != "" {
		ask.Sort = query.Order{Field: v.Sort, Desc: v.Dir == "desc"}
	}
	if ask.Filters, err = conditions(v.Filters); err != nil {
		return err
	}
	v.Narrowed = len(ask.Filters) > 0 || text != ""
	list := live
	if v.Deleted || text != "" {
		ask.All = live
		list = func(ctx context.Context, q query.Query) ([]doctype.Document, error) {
			return p.set.Documents.Select(ctx, def.Name, documents.Selection{Trashed: v.Deleted, Text: text}, q)
		}
	}
	v.Page, err = browse.List(ctx, list, ask)
	if err != nil && ask.Everything && web.Classify(err).Code == "timeout" {
		form.Wrong("", "Looking through all documents took too long and was given up: more filters, or the order of names or of changes, may help.")
		return nil
	}
	if err != nil {
		return err
	}
	for i := range v.Page.Documents {
		if d := &v.Page.Documents[i]; text == "" || fits(d, text) {
			v.Rows = append(v.Rows, listRow{*d, cells(d, v.Columns)})
		}
	}
	if v.Page.Windowed && text != "" && ask.At == "" && !v.Deleted {
		if v.Named, err = beginning(ctx, live, text); err != nil {
			return err
		}
	}
	if !v.Narrowed && !v.Deleted {
		v.Count, v.Many, err = browse.Count(ctx, live, p.counter(def.Name))
	}
	return err
}

// beginning are names that begin with a text: an index finds them, wherever they are.
func beginning(ctx context.Context, list browse.Lister, text string) ([]string, error) {
	found, err := list(ctx, query.Query{
		Filters: []query.Filter{query.NewFilter("name", query.GreaterEqual, text), query.NewFilter("name", query.Less, text+"\U0010FFFF")},
		Order:   []query.Order{{Field: "name"}}, Limit: 10,
	})
	out := make([]string, len(found))
	for i := range found {
		out[i] = found[i].Name
	}
	return out, err
}

// naming is the member that equals the name of its document, as a list asks for
// it; "" where there is none.
func naming(def *doctype.Definition) string {
	if field, ok := strings.CutPrefix(def.Autoname, "field:"); ok {
		return asked(field)
	}
	if def.Autoname == "prompt" {
		return asked("name")
	}
	return ""
}

// head chooses the columns.
func (v *listView) head(def *doctype.Definition, form *page.Form, members []string) {
	var declared, shown []string
	labels := map[string]string{"owner": "Owner", "creation": "Created", "modified_by": "Changed by"}
	for i := range def.Fields {
		f := &def.Fields[i]
		declared = append(declared, asked(f.Fieldname))
		if !f.Hidden && asked(f.Fieldname) != naming(def) {
			shown = append(shown, asked(f.Fieldname))
		}
		if f.Label != "" {
			labels[asked(f.Fieldname)] = f.Label
		}
	}
	if def.Open {
		for _, m := range members {
			if m = asked(m); !slices.Contains(declared, m) && len(declared) < 4*maxColumns {
				declared = append(declared, m)
			}
		}
	}
	standard := []string{"owner", "creation", "modified_by"}
	offered := slices.Concat(declared, standard)
	v.Fields = slices.Concat([]string{"name", "modified"}, offered)
	for _, name := range choose(form, shown, slices.DeleteFunc(slices.Clone(declared), func(f string) bool { return f == naming(def) })) {
		label := labels[name]
		if label == "" {
			label = name
		}
		v.Columns = append(v.Columns, column{Name: name, Label: label})
		if !slices.Contains(offered, name) {
			offered = append(offered, name)
		}
	}
	for _, name := range offered {
		label := name
		if l := labels[name]; l != "" && l != name {
			label = l + " (" + name + ")"
		}
		v.Choices = append(v.Choices, page.Option{Value: name, Label: label})
	}
}

// addresses are those of the pages around this one.
func (v *listView) addresses(c *gin.Context) {
	u := c.Request.URL
	at := func(cursor string) string {
		if cursor == "" {
			return ""
		}
		return with(u, "at", cursor)
	}
	v.First, v.Clear = with(u, "at", ""), with(u, "at", "", "q", "", "field", "", "op", "", "value", "", "all", "")
	v.Previous, v.Next, v.Further = at(v.Page.Previous), at(v.Page.Next), at(v.Page.Further)
	v.Everything = with(u, "all", "1", "at", "")
	head := func(name, label string, first string) column {
		out := column{Name: name, Label: label}
		dir := first
		if v.Sort == name || v.Sort == "" && name == "modified" {
			out.Sorted = map[string]string{"asc": "ascending", "desc": "descending"}[v.Dir]
			dir = map[string]string{"asc": "desc", "desc": "asc"}[v.Dir]
		}
		out.URL = with(u, "sort", name, "dir", dir, "at", "")
		return out
	}
	for i := range v.Columns {
		v.Columns[i] = head(v.Columns[i].Name, v.Columns[i].Label, "asc")
	}
	v.ByName, v.ByModified = head("name", "Name", "asc"), head("modified", "Changed", "desc")
}

func (p *Pages) living(docType string) browse.Lister {
	return func(ctx context.Context, q query.Query) ([]doctype.Document, error) {
		return p.set.Documents.List(ctx, docType, q)
	}
}

func (p *Pages) counter(docType string) func(context.Context, query.Query) (int64, error) {
	return func(ctx context.Context, q query.Query) (int64, error) { return p.set.Documents.Count(ctx, docType, q) }
}

// Last is the number of the last row.
func (v *listView) Last() int64 { return v.Page.First + int64(len(v.Page.Documents)) - 1 }

// Deeper is how many documents the next window has.
func (*listView) Deeper() int { return browse.Deeper }
