package doctypes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/panel/page"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

func TestDocTypes(t *testing.T) {
	s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	c := s.SignIn(t, "admin")
	c.Get(t, "/app/documents").Want(t, http.StatusOK, "No DocTypes yet", "New DocType")
	form := url.Values{
		"name": {"Game"}, "open": {"1"}, "naming": {"format"}, "naming_format": {"{store"}, "rows": {"3"}, "title": {"Games"}, "min_ratio": {"0.9"}, "max_ratio": {"none"}, "on_zero": {"allow"},
		"fieldname.0": {"price"}, "fieldtype.0": {"Float"}, "compare.0": {"number"}, "tolerance.0": {"5%"}, "default.0": {"1.50"}, "position.0": {"2"},
		"fieldname.1": {"store"}, "fieldtype.1": {"Select"}, "options.1": {"x\r\ny"}, "reqd.1": {"1"}, "default.1": {"x"}, "position.1": {"1"},
		"fieldtype.2": {"Data"},
	}
	c.Post(t, "/app/documents/new", form).Want(t, page.Invalid, "a { without }", `id="f-naming_format-error"`, `value="{store"`, `value="5%"`)
	form.Set("naming_format", "{store}-{id}")
	form.Set("tolerance.0", "much")
	c.Post(t, "/app/documents/new", form).Want(t, page.Invalid, `id="f-tolerance-0-error"`, `value="much"`)
	form.Set("tolerance.0", "5%")
	form.Set("min_ratio", "2")
	c.Post(t, "/app/documents/new", form).Want(t, page.Invalid, `id="f-min_ratio-error"`)
	form.Set("min_ratio", "0.9")
	form.Set("more", "1")
	c.Post(t, "/app/documents/new", form).Want(t, http.StatusOK, `name="rows" value="6"`, `id="f-fieldname-5"`, `value="5%"`)
	form.Del("more")
	if r := c.Post(t, "/app/documents/new", form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	d, err := s.App.Documents.DocType(t.Context(), "Game")
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`"id":"[^"]*",`)
	before := `{"name":"Game","autoname":"format:{store}-{id}","title":"Games","fields":[{"fieldname":"store","fieldtype":"Select","reqd":true,"options":"x\ny","default":"x"},` +
		`{"fieldname":"price","fieldtype":"Float","default":1.50,"compare":"number","tolerance":"5%"}],"open":true,"track_changes":false,"removal":{"on_zero":"allow","min_ratio":0.9,"max_ratio":null}}`
	if got := ids.ReplaceAllString(string(d.JSON()), ""); got != before {
		t.Fatalf("got  %s\nwant %s", got, before)
	}

	// Saved as it stands it stays as it is, ids of columns included.
	edit := page.Path("documents", "doctype", "Game", "edit")
	r := c.Get(t, edit)
	form = r.Form()
	form.Set("naming", "format")
	form.Set("open", "1")
	form.Set("reqd.0", "1")
	was := string(d.JSON())
	if r = c.Post(t, edit, form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	if d, err = s.App.Documents.DocType(t.Context(), "Game"); err != nil || string(d.JSON()) != was {
		t.Fatalf("got  %s\nwant %s (%v)", d.JSON(), was, err)
	}
	s.Ingest(t, "Game", `{"store":"x","id":1}`)
	form.Set("naming", "hash")
	c.Post(t, edit, form).Want(t, page.Invalid, "cannot change while it has documents")
	form.Set("naming", "format")
	form.Set("drop.1", "1")
	for _, name := range []string{"min_ratio", "max_ratio", "on_zero"} {
		form.Set(name, "")
	}
	if r = c.Post(t, edit, form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	if d, err = s.App.Documents.DocType(t.Context(), "Game"); err != nil || len(d.Fields) != 1 || strings.Contains(string(d.Removal), "ratio") {
		t.Fatalf("%s %v", d.JSON(), err)
	}
	remove := page.Path("documents", "doctype", "Game", "delete")
	c.Get(t, c.Post(t, remove, nil).Location()).Want(t, http.StatusOK, "still has documents")
	if err := s.API(t).Delete(t.Context(), "Game", "x-1"); err != nil {
		t.Fatal(err)
	}
	if r = c.Post(t, remove, nil); r.Location() != "/app/documents" {
		t.Fatal(r.Status, r.Location())
	}
	c.Get(t, edit).Want(t, http.StatusNotFound)
}

// TestNavigation: the pages stand among the documents.
func TestNavigation(t *testing.T) {
	s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	s.Insert(t, "DocType", `{"name":"Product"}`)
	c := s.SignIn(t, "admin")
	for _, path := range []string{"/app/documents", "/app/documents/new", "/app/documents/doctype/Product/edit"} {
		c.Get(t, path).Want(t, http.StatusOK, `href="/app/documents" aria-current="page"`)
	}
}

func TestRoles(t *testing.T) {
	s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	s.Insert(t, "DocType", `{"name":"Product","autoname":"field:sku"}`, "DocType", `{"name":"Private","autoname":"field:sku"}`)
	product, private := "/app/documents/doctype/Product", "/app/documents/doctype/Private"
	gets := map[string]map[string]int{
		"/app/documents":                   {"admin": 200, "writer": 200, "limited": 200, "reader": 200, "": 303},
		"/app/documents/new":               {"admin": 200, "writer": 403, "limited": 403, "reader": 403, "": 303},
		product + "/edit":                  {"admin": 200, "writer": 403, "limited": 403, "reader": 403, "": 303},
		"/app/documents/doctype/None/edit": {"admin": 404, "writer": 403, "limited": 403, "reader": 403, "": 303},
	}
	posts := map[string]map[string]int{
		"/app/documents/new": {"writer": 403, "limited": 403, "reader": 403, "": 401},
		product + "/edit":    {"writer": 403, "limited": 403, "reader": 403, "": 401},
		product + "/delete":  {"writer": 403, "limited": 403, "reader": 403, "": 401},
	}
	for _, key := range []string{"admin", "writer", "limited", "reader", ""} {
		c := s.SignIn(t, key)
		for path, statuses := range gets {
			if r := c.Get(t, path); r.Status != statuses[key] {
				t.Errorf("%q gets %s: %d, want %d", key, path, r.Status, statuses[key])
			}
		}
		for path, statuses := range posts {
			if status, ok := statuses[key]; ok {
				if r := c.Post(t, path, nil); r.Status != status {
					t.Errorf("%q posts to %s: %d, want %d", key, path, r.Status, status)
				}
			}
		}
	}
	body := s.SignIn(t, "limited").Get(t, "/app/documents").Body
	if strings.Contains(body, `href="`+private) || !strings.Contains(body, `href="`+product) || !strings.Contains(body, "not for this key") {
		t.Error("a limited key is shown the way to what it may not see")
	}
}

func TestHostile(t *testing.T) {
	s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	hostile, err := json.Marshal(paneltest.Hostile)
	if err != nil {
		t.Fatal(err)
	}
	h := string(hostile)
	s.Insert(t, "DocType", fmt.Sprintf(`{"name":"Bad","autoname":"field:k","title":%s,"description":%s,"fields":[{"fieldname":"k","label":%s},{"fieldname":%s,"label":%s,"fieldtype":"Select","options":%s}]}`, h, h, h, h, h, h))
	c := s.SignIn(t, "admin")
	edit := page.Path("documents", "doctype", "Bad", "edit")
	form := c.Get(t, edit).Form()
	form.Set("naming", "field")
	for _, name := range []string{"min_ratio", "naming_field", "tolerance.0", "fieldtype.1"} {
		form.Set(name, paneltest.Hostile)
	}
	for what, r := range map[string]paneltest.Reply{"list": c.Get(t, "/app/documents"), "edit": c.Get(t, edit), "saved": c.Post(t, edit, form)} {
		if r.Status >= 500 || r.Status == http.StatusSeeOther || strings.Contains(r.Body, "<script>alert") || strings.Contains(r.Body, "<img src=x") {
			t.Errorf("%s: %d %s", what, r.Status, r.Body)
		}
	}
}
