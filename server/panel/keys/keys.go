package keys

import (
	"context"
	"crypto/rand"
	"embed"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/server/access"
	"dochook/server/panel/page"
	"dochook/server/web"
)

//go:embed all:templates
var templates embed.FS

// Pages are the pages about keys.
type Pages struct {
	keys  *access.Service
	pages *page.Set
}

// New returns Pages; it starts nothing.
func New(keys *access.Service, pages *page.Set) (*Pages, error) {
	return &Pages{keys, pages}, pages.Add("keys", templates)
}

// Routes are those of the pages, all for admins.
func (p *Pages) Routes() []page.Route {
	one := page.Root + "/keys/key/:name"
	return []page.Route{
		page.Get(page.Path("keys"), web.Admin, p.list),
		page.Get(page.Path("keys", "new"), web.Admin, p.blank),
		page.Post(page.Path("keys", "new"), web.Admin, p.create),
		page.Get(one, web.Admin, p.edit),
		page.Post(one, web.Admin, p.save),
		page.Post(one+"/revoke", web.Admin, p.revoke),
	}
}

func home() page.Crumb { return page.Crumb{Title: "Keys", URL: page.Path("keys")} }

func (p *Pages) list(c *gin.Context) error {
	all, err := p.keys.List(c.Request.Context())
	if err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "keys/list", page.View{Title: "API keys", Data: all})
}

// blank is the form of a new key. It has a name already, so that a form which is
// sent twice makes one key.
func (p *Pages) blank(c *gin.Context) error {
	form := page.NewForm(url.Values{"name": {strings.ToLower(rand.Text()[:15])}, "role": {string(access.RoleReader)}})
	return p.form(c, form, nil)
}

func (p *Pages) create(c *gin.Context) error {
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	made, secret, err := p.keys.Create(ctx, access.Key{
		Name: strings.TrimSpace(form.Get("name")), Owner: strings.TrimSpace(form.Get("user")), Description: strings.TrimSpace(form.Get("description")),
		Role: access.Role(form.Get("role")), DocTypes: lines(form.Get("doctypes")), Enabled: true, ModifiedBy: user(ctx),
	})
	if form.Failed(err) {
		return p.form(c, form, nil)
	}
	if err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "keys/made", page.View{
		Title: "Key made", Crumbs: []page.Crumb{home()},
		Data: struct {
			Key   access.Key
			Token string
		}{made, made.Name + ":" + secret},
	})
}

// form shows the form of a new key, or with a key that of a change.
func (p *Pages) form(c *gin.Context, form *page.Form, key *access.Key) error {
	title := "New key"
	if key != nil {
		title = key.Name
	}
	return p.pages.Render(c, form.Status(), "keys/form", page.View{
		Title: title, Crumbs: []page.Crumb{home()}, Form: form,
		Data: struct {
			Stored *access.Key // nil: a new one
			Own    bool        // it is the one that is signed in
			Roles  []page.Option
		}{key, key != nil && key.Name == web.Principal(c.Request.Context()).Name, []page.Option{
			{Value: "reader", Label: "reader: reads documents and jobs"},
			{Value: "writer", Label: "writer: changes documents and runs jobs"},
			{Value: "admin", Label: "admin: everything"},
		}},
	})
}

func (p *Pages) edit(c *gin.Context) error {
	key, err := p.get(c)
	if err != nil {
		return err
	}
	form := page.NewForm(url.Values{
		"description": {key.Description}, "user": {key.Owner}, "role": {string(key.Role)}, "doctypes": {strings.Join(key.DocTypes, "\n")},
	})
	if key.Enabled {
		form.Set("enabled", "1")
	}
	return p.form(c, form, &key)
}

func (p *Pages) save(c *gin.Context) error {
	key, err := p.get(c)
	if err != nil {
		return err
	}
	form, err := page.Submitted(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	role, enabled, limit := access.Role(form.Get("role")), form.Checked("enabled"), lines(form.Get("doctypes"))
	description, owner := strings.TrimSpace(form.Get("description")), strings.TrimSpace(form.Get("user"))
	_, err = p.keys.Update(ctx, key.Name, access.Patch{
		Owner: &owner, Description: &description, Role: &role, DocTypes: &limit, Enabled: &enabled, ModifiedBy: user(ctx),
	})
	if form.Failed(err) {
		return p.form(c, form, &key)
	}
	if err != nil {
		return err
	}
	return page.Redirect(c, page.Path("keys"), page.Done("Saved the key "+key.Name+"."))
}

func (p *Pages) revoke(c *gin.Context) error {
	key, err := p.get(c)
	if err != nil {
		return err
	}
	err = p.keys.Revoke(c.Request.Context(), key.Name)
	if err == nil {
		return page.Redirect(c, page.Path("keys"), page.Done("Revoked the key "+key.Name+"."))
	}
	if said := web.Classify(err); said.Code == "invalid" { // the last admin
		return page.Redirect(c, page.Path("keys", "key", key.Name), &page.Flash{Tone: "bad", Text: said.Message})
	}
	return err
}

func (p *Pages) get(c *gin.Context) (access.Key, error) {
	name, err := page.Param(c, "name")
	if err != nil {
		return access.Key{}, err
	}
	return p.keys.Get(c.Request.Context(), name)
}

func user(ctx context.Context) string { return doctype.UserOf(ctx).Name }

// lines are the lines that are not blank; nil if there is none.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
