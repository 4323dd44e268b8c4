package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/server/panel/documents/diff"
	"dochook/server/panel/documents/literal"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

// lockTime spells the modified time of a document as the API does.
const lockTime = "2006-01-02 15:04:05.000000"

// documentView is what the pages of one document show.
type documentView struct {
	Doc      *doctype.Document // nil: a new one
	DocType  string
	Tab      string
	Members  []member
	Omitted  int // members that are not in the form
	Lock     string
	Stale    bool   // somebody else wrote in between
	Values   []fact // for those who may not change it
	Naming   string // of a new document
	NameRow  bool   // a new document is asked for its name
	Text     string // JSON, to be read
	Cut      bool   // and it is longer
	Editable bool
	Version  int64 // of the log, if not the present one
	At       time.Time
	Events   []eventRow
	Older    string // address of older events
	Begun    bool   // of the history shown
}

// fact is a member as it is read.
type fact struct {
	Name, Text string
	Nested     bool
}

// find is a document, live or trashed.
func (p *Pages) find(ctx context.Context, docType, name string) (doctype.Document, error) {
	d, err := p.set.Documents.Get(ctx, docType, name)
	if doctype.CodeOf(err) != doctype.CodeNotFound || doctype.CheckName(name) != nil {
		return d, err
	}
	trashed, other := p.set.Documents.Select(ctx, docType, documents.Selection{Trashed: true}, query.Query{Filters: []query.Filter{query.NewFilter("name", query.Equal, name)}, Limit: 1})
	if other != nil || len(trashed) == 0 {
		return d, err
	}
	return trashed[0], nil
}

// document finds what the path names.
func (p *Pages) document(c *gin.Context, purpose collection.Purpose) (*collection.Collection, *doctype.Definition, doctype.Document, error) {
	col, def, err := p.open(c, purpose)
	if err != nil {
		return nil, nil, doctype.Document{}, err
	}
	name, err := page.Param(c, "name")
	if err != nil {
		return nil, nil, doctype.Document{}, err
	}
	d, err := p.find(c.Request.Context(), def.Name, name)
	return col, def, d, err
}

func (p *Pages) show(c *gin.Context) error {
	_, def, d, err := p.document(c, collection.Read)
	if err != nil {
		return err
	}
	form := page.NewForm(nil)
	v := documentView{Doc: &d, DocType: def.Name, Lock: d.Modified.Format(lockTime)}
	if d.TrashedAt != nil || web.Check(c.Request.Context(), web.Writer) != nil {
		v.Values, v.Omitted = facts(d.Record)
	} else {
		v.Members, v.Omitted = members(def, d.Record, form)
	}
	return p.render(c, form, v)
}

// render shows a document's tab.
func (p *Pages) render(c *gin.Context, form *page.Form, v documentView) error {
	if v.Tab == "" {
		v.Tab = "fields"
	}
	return p.pages.Render(c, form.Status(), "documents/document", page.View{Title: v.Doc.Name, Crumbs: crumbs(v.DocType), Form: form, Data: v})
}

// facts are the members of a record to be read.
func facts(data []byte) (out []fact, omitted int) {
	for name, value := range record.Members(data) {
		if len(out) == maxMembers {
			omitted++
			continue
		}
		f := fact{Name: name, Text: diff.Shorten(diff.Text(value), maxEditable)}
		if f.Nested = value[0] == '{' || value[0] == '['; f.Nested {
			f.Text = diff.Shorten(indent(value), maxEditable)
		}
		out = append(out, f)
	}
	return out, omitted
}

func (p *Pages) save(c *gin.Context) error {
	col, def, d, err := p.document(c, collection.Write)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	rows := again(def, form)
	body, changed := patch(rows, form, d.Record)
	v := documentView{Doc: &d, DocType: def.Name, Members: rows, Lock: form.Get("modified")}
	if len(form.Errors) > 0 {
		return p.render(c, form, v)
	}
	here := documentPath(def.Name, d.Name)
	if changed == 0 {
		return page.Redirect(c, here, &page.Flash{Tone: "info", Text: "Nothing was changed in the form, so nothing was written."})
	}
	if !form.Checked("force") {
		var lock record.Writer
		lock.Text("modified", form.Get("modified"))
		body = record.Merge(body, lock.Bytes())
	}
	view, err := col.Update(c.Request.Context(), d.Name, body)
	if form.Failed(err) {
		v.Stale = web.Classify(err).Code == doctype.CodeStale
		return p.render(c, form, v)
	}
	if err != nil {
		return err
	}
	if record.Unquote(record.Member(view, "modified")) == d.Modified.Format(lockTime) {
		return page.Redirect(c, here, page.Warn("By the compare rules of the DocType this is no change, so nothing was written."))
	}
	return page.Redirect(c, here, page.Done("Saved."))
}

func (p *Pages) newDocument(c *gin.Context) error {
	_, def, err := p.open(c, collection.Write)
	if err != nil {
		return err
	}
	form := page.NewForm(url.Values{"json": {"{}"}})
	rows, _ := members(def, nil, form)
	return p.blank(c, def, form, rows)
}

// blank shows the form of a new document.
func (p *Pages) blank(c *gin.Context, def *doctype.Definition, form *page.Form, rows []member) error {
	v := documentView{DocType: def.Name, Members: rows, Tab: c.Query("as"), Naming: def.Autoname, NameRow: def.Autoname == "prompt"}
	if v.Tab != "json" {
		v.Tab = "fields"
	}
	return p.pages.Render(c, form.Status(), "documents/new", page.View{Title: "New " + def.Name, Crumbs: crumbs(def.Name), Form: form, Data: v})
}

func (p *Pages) createDocument(c *gin.Context) error {
	col, def, err := p.open(c, collection.Write)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	rows := again(def, form)
	var body []byte
	if c.Query("as") == "json" {
		form.Alias = map[string]string{}
		body = []byte(strings.TrimSpace(form.Get("json")))
		err = record.Check(body)
		if err != nil && form.Failed(err) {
			form.Errors[0].Field = "json"
		}
	} else {
		body, _ = patch(rows, form, nil)
		if name := strings.TrimSpace(form.Get("name")); def.Autoname == "prompt" {
			var w record.Writer
			w.Text("name", name)
			body = record.Merge(body, w.Bytes())
			form.Alias["name"] = "name"
		}
	}
	if len(form.Errors) > 0 {
		return p.blank(c, def, form, rows)
	}
	made, err := col.Create(c.Request.Context(), body)
	if form.Failed(err) {
		if c.Query("as") == "json" {
			form.Errors[0].Field = "json"
		}
		return p.blank(c, def, form, rows)
	}
	if err != nil {
		return err
	}
	return page.Redirect(c, documentPath(def.Name, record.Unquote(record.Member(made, "name"))), page.Done("Made the document."))
}

func (p *Pages) trash(c *gin.Context) error {
	col, def, d, err := p.document(c, collection.Write)
	if err != nil {
		return err
	}
	if err := col.Delete(c.Request.Context(), d.Name); err != nil {
		return err
	}
	return page.Redirect(c, documentPath(def.Name, d.Name), page.Done("Deleted. It can be restored."))
}

func (p *Pages) restore(c *gin.Context) error {
	col, def, d, err := p.document(c, collection.Write)
	if err != nil {
		return err
	}
	_, err = col.Call(c.Request.Context(), d.Name, "restore", []byte("{}"))
	return p.done(c, documentPath(def.Name, d.Name), err, page.Done("Restored as it was."))
}

// done ends an action that has no form of its own: what the service refuses stands
// on the page it came from.
func (p *Pages) done(c *gin.Context, path string, err error, f *page.Flash) error {
	if err == nil {
		return page.Redirect(c, path, f)
	}
	if form := page.NewForm(nil); form.Failed(err) {
		return page.Redirect(c, path, &page.Flash{Tone: "bad", Text: form.Errors[0].Message})
	}
	return err
}

const (
	maxShown = 256 << 10 // bytes of JSON on a page
	maxTyped = 1 << 20   // bytes of JSON that are edited
)

func (p *Pages) showJSON(c *gin.Context) error {
	_, def, d, err := p.document(c, collection.Read)
	if err != nil {
		return err
	}
	v := documentView{Doc: &d, DocType: def.Name, Lock: d.Modified.Format(lockTime)}
	form := page.NewForm(nil)
	data := d.Record
	if pos := c.Query("pos"); pos != "" {
		e, err := p.event(c.Request.Context(), &d, pos)
		if err != nil {
			return err
		}
		data, v.Version, v.At = e.Data, e.Version, e.At
	}
	return p.asJSON(c, form, v, data)
}

// asJSON shows the tab of the raw record.
func (p *Pages) asJSON(c *gin.Context, form *page.Form, v documentView, data []byte) error {
	v.Tab, v.Text = "json", indent(data)
	v.Editable = len(v.Text) <= maxTyped && v.Version == 0 && v.Doc.TrashedAt == nil
	if v.Editable && !form.Values.Has("json") {
		form.Set("json", v.Text)
		form.Set("shown", hash(v.Text))
	}
	if v.Cut = len(v.Text) > maxShown; v.Cut {
		v.Text = strings.ToValidUTF8(v.Text[:maxShown], "")
	}
	return p.render(c, form, v)
}

// indent writes JSON over several lines, numbers and order untouched.
func indent(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// replace makes what was typed the whole record.
func (p *Pages) replace(c *gin.Context) error {
	_, def, d, err := p.document(c, collection.Write)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	text := literal.Unix(form.Get("json"))
	here := documentPath(def.Name, d.Name, "json")
	if hash(text) == form.Get("shown") {
		return page.Redirect(c, here, &page.Flash{Tone: "info", Text: "Nothing was changed, so nothing was written."})
	}
	v := documentView{Doc: &d, DocType: def.Name, Lock: form.Get("modified")}
	var o documents.UpdateOptions
	if at, err := time.Parse(lockTime, form.Get("modified")); err == nil && !form.Checked("force") {
		o.Modified = &at
	}
	_, err = p.set.Documents.Replace(c.Request.Context(), def.Name, d.Name, []byte(text), o)
	if form.Failed(err) {
		form.Errors[0].Field = "json"
		v.Stale = web.Classify(err).Code == doctype.CodeStale
		return p.asJSON(c, form, v, d.Record)
	}
	if err != nil {
		return err
	}
	return page.Redirect(c, here, page.Done("Saved."))
}

// Yes are the choices of a Check.
func (documentView) Yes() []page.Option {
	return []page.Option{{Label: "not set"}, {Value: "yes", Label: "yes"}, {Value: "no", Label: "no"}}
}
