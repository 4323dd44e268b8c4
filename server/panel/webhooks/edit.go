package webhooks

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/sender"
	"dochook/server/panel/page"
	"dochook/server/panel/webhooks/draft"
	"dochook/server/rest/collection"
)

// editing is what the page of the form shows.
type editing struct {
	Stored  *hooks.Stored // nil: a new one
	Format  string
	Formats []draft.Format
	Events  []draft.Event
	Uses    map[string]string // formats by the field they use

	DocTypes, Scrapers []page.Option
	Methods, Bodies    []page.Option
	Structures, Orders []page.Option
	TryEvents          []page.Option
	Headers, Rows      []draft.Place
	Variables          []draft.Variable
	Trial              trial

	wrong map[string]bool // fields with a mistake
}

// Action is where the form is sent.
func (e *editing) Action() string {
	if e.Stored == nil {
		return page.Path("webhooks", "new")
	}
	return to(e.Stored.Name, "edit")
}

// Preview is where it is sent while it is typed in.
func (e *editing) Preview() string {
	if e.Stored == nil {
		return page.Path("webhooks", "preview")
	}
	return to(e.Stored.Name, "preview")
}

// Back is where leaving it leads.
func (e *editing) Back() string {
	if e.Stored == nil {
		return page.Path("webhooks")
	}
	return to(e.Stored.Name)
}

// Used reports whether the format chosen is among those named.
func (e *editing) Used(formats string) bool {
	return slices.Contains(strings.Fields(formats), e.Format)
}

// Wrong reports whether one of the fields has a mistake.
func (e *editing) Wrong(fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return e.wrong[f] })
}

// HasKey reports whether a client key is stored.
func (e *editing) HasKey() bool { return e.Stored != nil && e.Stored.ClientKey != "" }

// HasSecret reports whether a secret is stored.
func (e *editing) HasSecret() bool { return e.Stored != nil && e.Stored.Secret }

// blank is the form of a new webhook; ?doctype= and ?scraper= fill it in;
// the only DocType there is needs no choosing.
func (p *Pages) blank(c *gin.Context) error {
	docType, scraper := c.Query("doctype"), c.Query("scraper")
	if docType == "" && scraper == "" {
		all, err := p.set.Documents.DocTypes(c.Request.Context(), query.Query{Limit: 2})
		if err != nil {
			return err
		}
		if len(all) == 1 {
			docType = all[0].Name
		}
	}
	return p.form(c, draft.Fresh(docType, scraper), nil, "")
}

func (p *Pages) edit(c *gin.Context) error {
	w, err := p.stored(c)
	if err != nil {
		return err
	}
	return p.form(c, draft.Filled(w), w, "")
}

// stored is the webhook that the path names; nil if it names none.
func (p *Pages) stored(c *gin.Context) (*hooks.Stored, error) {
	name, err := page.Param(c, "name")
	if err != nil || c.Param("name") == "" {
		return nil, err
	}
	w, err := p.set.Webhooks.Get(c.Request.Context(), name)
	return &w, err
}

// What a button of the form does; without one it saves.
const (
	doSave    = "save"
	doSearch  = "search"  // for scrapers
	doRefresh = "refresh" // shows the fields of the format, and the preview
	doHeader  = "header"  // more rows
	doRow     = "row"
	doSecret  = "secret" // a fresh one into its field
	doTest    = "test"
)

// wanted is what was asked for. Who presses Enter in the field of the search
// wants to search.
func wanted(form *page.Form) string {
	do := form.Get("do")
	if do == "" && strings.TrimSpace(form.Get("scraper_search")) != form.Get("searched") {
		return doSearch
	}
	return do
}

// submit takes the form: it is saved, or shown again after one of its buttons.
func (p *Pages) submit(c *gin.Context) error {
	w, err := p.stored(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	form.Alias = draft.Aliases()
	switch do := wanted(form); do {
	case doSearch, doRefresh, doHeader, doRow, doTest:
		return p.form(c, form, w, do)
	case doSecret:
		secret, err := sender.NewSecret("")
		if err != nil {
			return err
		}
		form.Set("webhook_secret", secret)
		return p.form(c, form, w, do)
	}
	name, err := p.save(c.Request.Context(), form, w)
	if err == nil && len(form.Errors) == 0 {
		text := "Saved the webhook " + name + "."
		if w == nil {
			text = "Made the webhook " + name + ". It begins with what happens from now on."
		}
		return page.Redirect(c, to(name), page.Done(text))
	}
	if err != nil && !failed(form, err) {
		return err
	}
	return p.form(c, form, w, doSave)
}

// save writes what was typed; mistakes in it stand in the form, or are the error.
func (p *Pages) save(ctx context.Context, form *page.Form, w *hooks.Stored) (name string, err error) {
	members, wrong := draft.Read(form, w == nil)
	form.Errors = wrong
	if w != nil && form.Get("version") != strconv.FormatInt(w.Version, 10) {
		form.Set("version", strconv.FormatInt(w.Version, 10))
		form.Wrong("", "%s changed this webhook while you were at it. Saving again writes your version over theirs.", w.ModifiedBy)
	}
	if len(form.Errors) > 0 {
		return "", nil
	}
	body, err := json.Marshal(members)
	if err != nil {
		return "", err
	}
	col, err := p.open(ctx, collection.Write)
	if err != nil {
		return "", err
	}
	if w != nil {
		_, err = col.Update(ctx, w.Name, body)
		return w.Name, err
	}
	made, err := col.Create(ctx, body)
	if err != nil {
		return "", err
	}
	var out struct {
		Name string `json:"name"`
	}
	err = json.Unmarshal(made, &out)
	return out.Name, err
}

// form shows the form, with what the webhook would do as it stands there.
func (p *Pages) form(c *gin.Context, form *page.Form, w *hooks.Stored, do string) error {
	ctx := c.Request.Context()
	d := &editing{
		Stored: w, Format: draft.FormatOf(form.Get("format")).Value, Formats: draft.Formats(), Events: draft.Events(), Uses: draft.Uses(), Variables: draft.Variables(), TryEvents: tryEvents(),
		Methods: page.Choices("POST", "PUT", "PATCH", "DELETE"),
		Bodies: []page.Option{
			{Value: draft.ByMapping, Label: "mapping rows"}, {Value: draft.ByTemplate, Label: "a JSON template"}, {Value: draft.NoBody, Label: "no body at all"},
		},
		Structures: []page.Option{{Value: "", Label: "JSON"}, {Value: "JSON", Label: "JSON, as Frappe spells it"}, {Value: "Form URL-Encoded", Label: "Form URL-Encoded"}},
		Orders: []page.Option{
			{Value: "document", Label: "document: events of a document one after the other"}, {Value: "none", Label: "none: all as fast as they can"},
		},
		wrong: map[string]bool{},
	}
	var err error
	if d.Trial, err = p.sketch(ctx, form, w, do == doTest); err != nil {
		return err
	}
	keyword := shorten(form.Get("scraper_search"))
	form.Set("searched", keyword)
	if d.Scrapers, err = p.scrapers(ctx, keyword, form.Get("scraper")); err != nil {
		return err
	}
	if d.DocTypes, err = p.docTypes(ctx, form.Get("webhook_doctype")); err != nil {
		return err
	}
	d.Headers, d.Rows = draft.Places(form, draft.HeaderRows, spare(do == doHeader)), draft.Places(form, draft.DataRows, spare(do == doRow))
	for _, e := range form.Errors {
		d.wrong[e.Field] = true
	}
	v := page.View{Title: "New webhook", Crumbs: []page.Crumb{home()}, Form: form, Data: d}
	if w != nil {
		v.Title, v.Crumbs = "Edit "+w.Name, crumbs(w.Name)
	}
	return p.pages.Render(c, form.Status(), "webhooks/form", v)
}

func spare(more bool) int {
	if more {
		return draft.MoreRows
	}
	return draft.SpareRows
}

// somewhere is a URL for a draft that has none yet. Nothing is sent there.
const somewhere = "https://example.com/"

// sketch tries the webhook as it stands in the form, which it leaves as it is but
// for the numbers of its rows.
func (p *Pages) sketch(ctx context.Context, form *page.Form, w *hooks.Stored, send bool) (trial, error) {
	members, wrong := draft.Read(form, w == nil)
	s, mistake := subjectOf(form)
	if len(wrong) > 0 {
		mistake = wrong[0].Message
	}
	docType, scraper := form.Get("webhook_doctype"), form.Get("scraper")
	if docType == "" && scraper != "" {
		found, err := p.set.Scrapers.Get(ctx, scraper)
		if err != nil && !isNotFound(err) {
			return trial{}, err
		}
		docType = found.Feeds
		members["webhook_doctype"] = docType
	}
	name := ""
	if w != nil {
		name = w.Name
	} else if members["name"] == "" {
		members["name"] = "draft" // it is asked for when it is saved
	}
	t := trial{Problem: mistake}
	if mistake == "" {
		homeless := members["request_url"] == "" && !send
		if homeless {
			members["request_url"] = somewhere // the body can be shown without
		}
		body, err := json.Marshal(members)
		if err != nil {
			return t, err
		}
		s.Webhook = body
		if t, err = p.look(ctx, name, s, send); err != nil {
			return t, err
		}
		if homeless && t.Request != nil {
			t.Request.URL = ""
		}
	}
	t.JobsAlone = draft.JobsAlone(form)
	var err error
	t.Suggested, err = p.suggest(ctx, docType, scraper, t.JobsAlone)
	return t, err
}

// preview answers a form that is being typed in with what the webhook would do.
func (p *Pages) preview(c *gin.Context) error {
	w, err := p.stored(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	t, err := p.sketch(c.Request.Context(), form, w, form.Get("do") == doTest)
	if err != nil {
		return err
	}
	return p.pages.Fragment(c, http.StatusOK, "webhooks/form", "live", page.View{Form: form, Data: t})
}

// findScrapers answers ?search=&scraper= with the options of the list of
// scrapers.
func (p *Pages) findScrapers(c *gin.Context) error {
	found, err := p.scrapers(c.Request.Context(), shorten(c.Query("search")), c.Query("scraper"))
	if err != nil {
		return err
	}
	form := page.NewForm(map[string][]string{"scraper": {c.Query("scraper")}})
	return p.pages.Fragment(c, http.StatusOK, "webhooks/form", "scrapers", page.View{Form: form, Data: found})
}
