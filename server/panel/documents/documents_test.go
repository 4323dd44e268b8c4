package documents_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/panel/page"
	"dochook/server/panel/paneltest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const products = "/app/documents/doctype/Product"

// product is a DocType with a field of each editor.
const product = `{"name":"Product","autoname":"field:sku","title":"Goods","fields":[
	{"fieldname":"sku","label":"SKU","fieldtype":"Data","reqd":1},
	{"fieldname":"price","label":"Price","fieldtype":"Currency","compare":"number","tolerance":"5%"},
	{"fieldname":"about","fieldtype":"Text","compare":"text"},
	{"fieldname":"stock","fieldtype":"Int"},
	{"fieldname":"new","fieldtype":"Check"},
	{"fieldname":"colour","fieldtype":"Select","options":"red\nblue"},
	{"fieldname":"url","fieldtype":"URL","compare":"url","compare_options":"utm_*","unique":1}]}`

func site(t *testing.T) *paneltest.Site {
	t.Helper()
	s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
	s.Insert(t, "DocType", product)
	return s
}

func doc(name string, more ...string) string {
	return page.Path(append([]string{"documents", "doctype", "Product", "doc", name}, more...)...)
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// field is the number of the row in which a member is edited.
func field(t *testing.T, form url.Values, name string) string {
	t.Helper()
	for key := range form {
		if n, ok := strings.CutPrefix(key, "n."); ok && form.Get(key) == name {
			return "v." + n
		}
	}
	t.Fatalf("%s is not in the form", name)
	return ""
}

func stored(t *testing.T, s *paneltest.Site, name string) string {
	t.Helper()
	d, err := s.App.Documents.Get(t.Context(), "Product", name)
	if err != nil {
		t.Fatal(err)
	}
	return string(d.Record)
}

func TestEdit(t *testing.T) {
	s := site(t)
	record := `{"sku":"a/1","price":2500.0,"big":12345678901234567890.10,"about":"one\r\ntwo","stock":3,"new":1,"colour":"red","name":"own","nested":{"b":1.50,"a":[]},"gone":null}`
	s.Ingest(t, "Product", record)
	c := s.SignIn(t, "writer")
	form := c.Get(t, doc("a/1")).Form()

	// What nobody touched is not written.
	r := c.Post(t, doc("a/1"), form)
	if r.Status != http.StatusSeeOther || stored(t, s, "a/1") != record {
		t.Fatalf("%d: %s", r.Status, stored(t, s, "a/1"))
	}
	form.Set(field(t, form, "price"), "3000.50")
	form.Set(field(t, form, "new"), "no")
	form.Set(field(t, form, "name"), "other")
	form.Set(field(t, form, "nested"), "{\r\n  \"b\": 1.50,\r\n \"a\": [2.0] }")
	empty := ""
	for key := range form {
		if n, ok := strings.CutPrefix(key, "new."); ok && (empty == "" || n < empty) {
			empty = n
		}
	}
	form.Set("n."+empty, "added")
	form.Set("v."+empty, `["x", 1.0]`)
	if r = c.Post(t, doc("a/1"), form); r.Status != http.StatusSeeOther {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	changed := `{"sku":"a/1","price":3000.50,"big":12345678901234567890.10,"about":"one\r\ntwo","stock":3,"new":0,"colour":"red","name":"other","nested":{"b":1.50,"a":[2.0]},"gone":null,"added":["x",1.0]}`
	if got := stored(t, s, "a/1"); got != changed {
		t.Fatalf("got  %s\nwant %s", got, changed)
	}

	// The form was read before that: somebody else came in between.
	form.Set(field(t, form, "stock"), "4")
	r = c.Post(t, doc("a/1"), form)
	r.Want(t, page.Invalid, "modified after you opened it", "Save all the same", `value="4"`)
	form.Set("force", "1")
	if r = c.Post(t, doc("a/1"), form); r.Status != http.StatusSeeOther {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	if got := stored(t, s, "a/1"); !strings.Contains(got, `"stock":4`) || !strings.Contains(got, `"price":3000.50`) {
		t.Fatal(got)
	}
}

func TestEditMistakes(t *testing.T) {
	s := site(t)
	s.Ingest(t, "Product", `{"sku":"a","price":1,"nested":[1]}`)
	c := s.SignIn(t, "writer")
	form := c.Get(t, doc("a")).Form()
	nested, stock := field(t, form, "nested"), field(t, form, "stock")
	form.Set(nested, `1,"price":2`)
	form.Set(stock, "many")
	r := c.Post(t, doc("a"), form)
	r.Want(t, page.Invalid, "this is not JSON", `1,"price":2`, `value="many"`, `<a href="#f-`+strings.ReplaceAll(nested, ".", "-"))
	form.Set(nested, "[1]")
	r = c.Post(t, doc("a"), form)
	r.Want(t, page.Invalid, "must be a whole number", `value="many"`, `id="f-`+strings.ReplaceAll(stock, ".", "-")+`-error"`)
	form.Set(stock, "")
	form.Set(field(t, form, "sku"), "b")
	c.Post(t, doc("a"), form).Want(t, page.Invalid, "sku cannot change")
	if got := stored(t, s, "a"); got != `{"sku":"a","price":1,"nested":[1]}` {
		t.Fatal(got)
	}
}

func TestHistory(t *testing.T) {
	s := site(t)
	for _, r := range []string{
		`{"sku":"a","price":1,"variants":[{"id":1,"price":5},{"id":2,"price":6}]}`,
		`{"sku":"a","price":2,"variants":[{"id":1,"price":5},{"id":2,"price":7.50}],"extra":true}`,
	} {
		s.Ingest(t, "Product", r)
	}
	c := s.SignIn(t, "writer")
	r := c.Get(t, doc("a", "history"))
	r.Want(t, http.StatusOK, "variants[1].price", "<del><bdi>6</bdi></del>", "<ins><bdi>7.50</bdi></ins>", "extra", "Version 2")
	form := r.Form()
	if form.Get("pos") == "" {
		t.Fatal("there is no way back to version 1")
	}
	c.Get(t, doc("a", "json")+"?pos="+form.Get("pos")).Want(t, http.StatusOK, "Version 1", `"price": 1`)
	c.Get(t, doc("a", "json")+"?pos=999999").Want(t, http.StatusNotFound)

	// Back to what it was: also a member that came later goes.
	if r = c.Post(t, doc("a", "version"), url.Values{"pos": {form.Get("pos")}}); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	if got := stored(t, s, "a"); got != `{"sku":"a","price":1,"variants":[{"id":1,"price":5},{"id":2,"price":6}]}` {
		t.Fatal(got)
	}

	// Deleted, found among the deleted, restored.
	if r = c.Post(t, doc("a", "delete"), nil); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status)
	}
	c.Get(t, doc("a")).Want(t, http.StatusOK, "This is how it was last", "Restore")
	c.Get(t, products).Want(t, http.StatusOK, "No documents yet")
	c.Get(t, products+"?state=deleted").Want(t, http.StatusOK, doc("a"))
	c.Get(t, doc("a", "history")).Want(t, http.StatusOK, "on_trash")
	if r = c.Post(t, doc("a", "restore"), nil); r.Status != http.StatusSeeOther || stored(t, s, "a") == "" {
		t.Fatal(r.Status)
	}
	if r = c.Post(t, doc("a", "restore"), nil); r.Status != http.StatusSeeOther { // it is not deleted: told on its page
		t.Fatal(r.Status, r.Body)
	}
	c.Get(t, r.Location()).Want(t, http.StatusOK, "is not trashed")
}

func TestReplace(t *testing.T) {
	s := site(t)
	s.Ingest(t, "Product", `{"sku":"a","price":1.00,"extra":[1]}`)
	c := s.SignIn(t, "writer")
	form := c.Get(t, doc("a", "json")).Form()
	typed := `{"sku":"a","price":1.10`
	form.Set("json", typed)
	c.Post(t, doc("a", "json"), form).Want(t, page.Invalid, typed, `aria-invalid="true"`)
	form.Set("json", `{"sku":"b"}`)
	c.Post(t, doc("a", "json"), form).Want(t, page.Invalid, "sku cannot change")
	form.Set("json", `{"sku":"a","price":1.10}`)
	if r := c.Post(t, doc("a", "json"), form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	form.Set("json", `{"sku":"a","price":9.10}`)
	c.Post(t, doc("a", "json"), form).Want(t, page.Invalid, "Save all the same")
	if got := stored(t, s, "a"); got != `{"sku":"a","price":1.00,"extra":[1]}` && got != `{"sku":"a","price":1.10}` {
		t.Fatal(got)
	}
}

func TestNew(t *testing.T) {
	s := site(t)
	s.Insert(t, "DocType", `{"name":"Note","autoname":"prompt"}`, "DocType", `{"name":"Chance"}`, "DocType", `{"name":"Free","autoname":"field:id"}`)
	c := s.SignIn(t, "writer")
	form := c.Get(t, products+"/new").Form()
	form.Set(field(t, form, "sku"), "x 1")
	form.Set(field(t, form, "price"), "9.90")
	form.Set(field(t, form, "new"), "yes")
	form.Set(field(t, form, "colour"), "green")
	c.Post(t, products+"/new", form).Want(t, page.Invalid, "must be one of red, blue", `value="x 1"`)
	form.Set(field(t, form, "colour"), "blue")
	r := c.Post(t, products+"/new", form)
	if r.Status != http.StatusSeeOther || r.Location() != doc("x 1") {
		t.Fatal(r.Status, r.Location(), r.Body)
	}
	if got := stored(t, s, "x 1"); got != `{"sku":"x 1","price":9.90,"new":true,"colour":"blue"}` {
		t.Fatal(got)
	}
	c.Post(t, products+"/new", form).Want(t, page.Invalid, "already exists")
	asJSON := products + "/new?as=json"
	c.Post(t, asJSON, url.Values{"json": {`{"sku":`}}).Want(t, page.Invalid, `{"sku":`, `id="f-json-error"`)
	if r = c.Post(t, asJSON, url.Values{"json": {`{"sku":"y","n":1.0}`}}); r.Location() != doc("y") || stored(t, s, "y") != `{"sku":"y","n":1.0}` {
		t.Fatal(r.Status, r.Body)
	}
	for path, set := range map[string]map[string]string{
		page.Path("documents", "doctype", "Note", "new"): {"name": "../a?b"},
		page.Path("documents", "doctype", "Free", "new"): {"v.0": `"é/ü"`},
	} {
		form = c.Get(t, path).Form()
		for key, value := range set {
			form.Set(key, value)
		}
		r = c.Post(t, path, form)
		if r.Status != http.StatusSeeOther {
			t.Fatal(path, r.Status, r.Body)
		}
		c.Get(t, r.Location()).Want(t, http.StatusOK)
	}
	path := page.Path("documents", "doctype", "Chance", "new")
	form = c.Get(t, path).Form()
	form.Set("n.0", "owner")
	form.Set("v.0", "5")
	if r = c.Post(t, path, form); r.Status != http.StatusSeeOther {
		t.Fatal(r.Status, r.Body)
	}
	c.Get(t, r.Location()+"/json").Want(t, http.StatusOK, `"owner": 5`)
}

func TestRoles(t *testing.T) {
	s := site(t)
	s.Insert(t, "DocType", `{"name":"Private","autoname":"field:sku"}`)
	s.Ingest(t, "Product", `{"sku":"a"}`)
	s.Ingest(t, "Private", `{"sku":"p"}`)
	private := "/app/documents/doctype/Private"
	gets := map[string]map[string]int{
		products:                         {"admin": 200, "writer": 200, "limited": 200, "reader": 200, "": 303},
		products + "/new":                {"admin": 200, "writer": 200, "limited": 200, "reader": 403, "": 303},
		products + "/import":             {"admin": 200, "writer": 200, "limited": 200, "reader": 403, "": 303},
		doc("a"):                         {"admin": 200, "writer": 200, "limited": 200, "reader": 200, "": 303},
		doc("a", "history"):              {"admin": 200, "writer": 200, "limited": 200, "reader": 200, "": 303},
		doc("none"):                      {"admin": 404, "writer": 404, "limited": 404, "reader": 404, "": 303},
		private:                          {"admin": 200, "writer": 200, "limited": 403, "reader": 200, "": 303},
		private + "/doc/p":               {"admin": 200, "writer": 200, "limited": 403, "reader": 200, "": 303},
		private + "/new":                 {"admin": 200, "writer": 200, "limited": 403, "reader": 403, "": 303},
		"/app/documents/doctype/Webhook": {"admin": 404, "writer": 403, "limited": 403, "reader": 403, "": 303},
		"/app/documents/doctype/None":    {"admin": 404, "writer": 404, "limited": 403, "reader": 404, "": 303},
	}
	posts := map[string]map[string]int{
		products + "/new":          {"reader": 403, "": 401},
		products + "/import":       {"reader": 403, "": 401},
		doc("a"):                   {"reader": 403, "": 401},
		doc("a", "json"):           {"reader": 403, "": 401},
		doc("a", "version"):        {"reader": 403, "": 401},
		doc("a", "delete"):         {"reader": 403, "": 401},
		doc("a", "restore"):        {"reader": 403, "": 401},
		private + "/import":        {"limited": 403},
		private + "/new":           {"limited": 403},
		private + "/doc/p":         {"limited": 403},
		private + "/doc/p/json":    {"limited": 403},
		private + "/doc/p/delete":  {"limited": 403},
		private + "/doc/p/version": {"limited": 403},
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
	if body := s.SignIn(t, "reader").Get(t, doc("a")).Body; strings.Contains(body, `<form method="post" action="`+doc("a")) {
		t.Error("a reader gets a form to change a document")
	}
}

func TestHostile(t *testing.T) {
	s := site(t)
	h := quoted(t, paneltest.Hostile)
	name := paneltest.Hostile
	s.Insert(t, "DocType", fmt.Sprintf(`{"name":"Bad","autoname":"field:k","title":%s,"description":%s,"fields":[{"fieldname":"k","label":%s},{"fieldname":%s,"label":%s,"fieldtype":"Select","options":%s}]}`, h, h, h, h, h, h))
	for i := range 2 {
		s.Ingest(t, "Bad", fmt.Sprintf(`{"k":%s,%s:%s,"o":{%s:[%s,%d]},"t":%s,"n":%d}`, h, h, h, h, h, i, quoted(t, strings.Repeat(name, 5)), i))
	}
	c := s.SignIn(t, "admin")
	bad := page.Path("documents", "doctype", "Bad")
	one := page.Path("documents", "doctype", "Bad", "doc", name)
	q := url.QueryEscape(name)
	for _, path := range []string{
		bad, bad + "?q=" + q, bad + "?field=" + q + "&op=%3D&value=" + q, bad + "?sort=" + q, bad + "?columns=" + q, bad + "?at=" + q, bad + "?state=deleted&q=" + q,
		bad + "/new", bad + "/import", one, one + "/json", one + "/history", one + "/json?pos=" + q,
	} {
		r := c.Get(t, path)
		if r.Status >= 500 || strings.Contains(r.Body, "<script>alert") || strings.Contains(r.Body, "<img src=x") {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
	r := c.Post(t, bad+"/import", url.Values{"text": {`{"k":` + h + `,` + h + `:"x"}` + "\n" + `{"nokey":` + h + `}`}, "mode": {"replace"}})
	if r.Status != 200 || strings.Contains(r.Body, "<script>alert") || strings.Contains(r.Body, "<img src=x") {
		t.Errorf("import: %d %s", r.Status, r.Body)
	}
}
