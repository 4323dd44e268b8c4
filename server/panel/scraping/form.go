package scraping

import (
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

// bounds are the brakes that are numbers, as members of removal and fields of the form.
var bounds = []string{"min_ratio", "max_ratio", "max_removals", "misses"} //nolint:gochecknoglobals // a table

// own is the value of the field brakes where the scraper has its own.
const own = "own"

func (p *Pages) blank(c *gin.Context) error {
	form := page.NewForm(url.Values{"mode": {scrapers.Full}, "feeds": {c.Query("doctype")}})
	usual(form)
	return p.form(c, form, "")
}

// usual fills in the brakes that there are without any.
func usual(form *page.Form) {
	form.Set("on_zero", "1")
	form.Set("min_ratio", "0.5")
	form.Set("max_ratio", "0.5")
	form.Set("misses", "1")
}

// form shows the form of a scraper, "" for a new one.
func (p *Pages) form(c *gin.Context, form *page.Form, name string) error {
	ctx := c.Request.Context()
	if _, err := p.set.Open(ctx, scraperName, collection.Write); err != nil {
		return err
	}
	defined, err := p.set.Documents.DocTypes(ctx, query.Query{Order: []query.Order{{Field: "name"}}, Limit: 1000})
	if err != nil {
		return err
	}
	options := []page.Option{{Label: "choose one"}}
	for i := range defined {
		options = append(options, page.Option{Value: defined[i].Name, Label: defined[i].Name})
	}
	view := page.View{Title: "New scraper", Crumbs: []page.Crumb{home()}, Form: form, Data: struct {
		Name     string
		DocTypes []page.Option
		Modes    []page.Option
		Brakes   []page.Option
	}{name, options, []page.Option{
		{Value: scrapers.Full, Label: "full: a job brings all there is, what it did not bring is gone"},
		{Value: scrapers.Partial, Label: "partial: a job brings some of it"},
	}, []page.Option{{Value: "", Label: "those of the DocType, or the usual ones"}, {Value: own, Label: "its own"}}}}
	if name != "" {
		view.Title, view.Crumbs = "Edit "+name, append(view.Crumbs, scraperCrumb(name))
	}
	return p.pages.Render(c, form.Status(), "scraping/form", view)
}

func (p *Pages) create(c *gin.Context) error {
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	var w record.Writer
	name := strings.TrimSpace(form.Get("name"))
	w.Text("name", name)
	ok, err := p.write(c, form, &w, func(col *collection.Collection, body []byte) error {
		_, err := col.Create(c.Request.Context(), body)
		return err
	})
	if err != nil {
		return err
	}
	if !ok {
		return p.form(c, form, "")
	}
	return page.Redirect(c, page.Path("scrapers", "scraper", name), page.Done("Made the scraper "+name+"."))
}

func (p *Pages) edit(c *gin.Context) error {
	s, err := p.scraper(c)
	if err != nil {
		return err
	}
	form := page.NewForm(url.Values{
		"title": {s.Title}, "description": {s.Description}, "feeds": {s.Feeds}, "table": {s.Table}, "mode": {s.Mode},
	})
	usual(form)
	if len(s.Removal) > 0 {
		form.Set("brakes", own)
		for name, value := range record.Members(s.Removal) {
			switch text := string(value); {
			case name == "on_zero" || name == "on_nameless":
				form.Set(name, map[bool]string{true: "1"}[text == `"hold"` || name == "on_zero" && text == "null"])
			case text == "null":
				form.Set(name, "")
			default:
				form.Set(name, text)
			}
		}
	}
	return p.form(c, form, s.Name)
}

func (p *Pages) save(c *gin.Context) error {
	s, err := p.scraper(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	ok, err := p.write(c, form, &record.Writer{}, func(col *collection.Collection, body []byte) error {
		_, err := col.Update(c.Request.Context(), s.Name, body)
		return err
	})
	if err != nil {
		return err
	}
	if !ok {
		return p.form(c, form, s.Name)
	}
	return page.Redirect(c, page.Path("scrapers", "scraper", s.Name), page.Done("Saved the scraper "+s.Name+"."))
}

// write stores what the form says; ok is false, and the form tells why, where that is wrong.
func (p *Pages) write(c *gin.Context, form *page.Form, w *record.Writer, store func(*collection.Collection, []byte) error) (ok bool, err error) {
	form.Alias = map[string]string{"removal.on_zero": "on_zero", "removal.on_nameless": "on_nameless", "removal": "brakes"}
	for _, name := range bounds {
		form.Alias["removal."+name] = name
	}
	for _, name := range []string{"title", "description", "feeds", "table"} {
		w.Text(name, strings.TrimSpace(form.Get(name)))
	}
	w.Text("mode", form.Get("mode"))
	w.Raw("removal", removal(form))
	if len(form.Errors) > 0 {
		return false, nil
	}
	col, err := p.collection(c.Request.Context(), scraperName)
	if err != nil {
		return false, err
	}
	err = store(col, w.Bytes())
	switch {
	case err == nil:
		return true, nil
	case form.Failed(err):
		return false, nil
	}
	return false, err
}

// removal is the member of that name.
func removal(form *page.Form) []byte {
	if form.Get("brakes") != own {
		return []byte("null")
	}
	var w record.Writer
	for _, name := range []string{"on_zero", "on_nameless"} {
		if form.Checked(name) {
			w.Text(name, "hold")
		} else {
			w.Text(name, "allow")
		}
	}
	for _, name := range bounds {
		w.Raw(name, number(form, name))
	}
	return w.Bytes()
}

// number is what a field says as JSON; an empty one is null.
func number(form *page.Form, name string) []byte {
	text := strings.TrimSpace(form.Get(name))
	if text == "" {
		return []byte("null")
	}
	if text[0] != '-' && (text[0] < '0' || text[0] > '9') || record.Check([]byte(`{"n":`+text+`}`)) != nil {
		form.Wrong(name, "this is not a number such as 0.5 or 12")
	}
	return []byte(text)
}

// object is what a field says as a JSON object; an empty one is {}.
func object(form *page.Form, name string) []byte {
	text := strings.TrimSpace(form.Get(name))
	if text == "" {
		return []byte("{}")
	}
	if err := record.Check([]byte(text)); err != nil {
		form.Wrong(name, "%s", web.Classify(err).Message)
		return []byte("{}")
	}
	return []byte(text)
}

// orders are the members of a job that have fields of their own.
var orders = []string{"scraper", "mode", "scope", "expect", "baseline", "max_updates"} //nolint:gochecknoglobals // a table

// order is the form that begins a job.
func (p *Pages) order(c *gin.Context) error {
	s, err := p.scraper(c)
	if err != nil {
		return err
	}
	return p.orderForm(c, page.NewForm(url.Values{"mode": {s.Mode}}), &s)
}

func (p *Pages) orderForm(c *gin.Context, form *page.Form, s *scrapers.Stored) error {
	return p.pages.Render(c, form.Status(), "scraping/start", page.View{
		Title: "Start a job", Crumbs: []page.Crumb{home(), scraperCrumb(s.Name)}, Form: form, Data: struct {
			Scraper *scrapers.Stored
			Modes   []page.Option
		}{s, []page.Option{
			{Value: scrapers.Full, Label: "full: it brings all there is in its scope"}, {Value: scrapers.Partial, Label: "partial: it brings some of it, and nothing is removed"},
		}},
	})
}

// begin makes a job.
func (p *Pages) begin(c *gin.Context) error {
	s, err := p.scraper(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	col, err := p.collection(ctx, jobName)
	if err != nil {
		return err
	}
	var w record.Writer
	w.Text("scraper", s.Name)
	w.Text("mode", form.Get("mode"))
	w.Raw("baseline", map[bool][]byte{true: []byte("true"), false: []byte("false")}[form.Checked("baseline")])
	w.Raw("expect", number(form, "expect"))
	w.Raw("max_updates", number(form, "max_updates"))
	if scope := strings.TrimSpace(form.Get("scope")); scope != "" {
		w.Text("scope", scope)
	}
	for quoted, value := range record.QuotedMembers(object(form, "input")) {
		for _, taken := range orders {
			if record.Unquote(quoted) == taken {
				form.Wrong("input", "%s is no input: it has a field of its own", taken)
			}
		}
		w.Quoted(quoted, value)
	}
	if len(form.Errors) > 0 {
		return p.orderForm(c, form, &s)
	}
	made, err := col.Create(ctx, w.Bytes())
	if form.Failed(err) {
		return p.orderForm(c, form, &s)
	}
	if err != nil {
		return err
	}
	id := record.Unquote(record.Member(made, "name"))
	return page.Redirect(c, page.Path("scrapers", "job", id), page.Done("Made the job. It begins with its first page."))
}
