package hooks

import (
	"encoding/json"
	"testing"

	"dochook/doctype/record"
	"dochook/mapping"
)

// A body is made of single fields without the view; nobody may see it.
func FuzzRender_rows_take_what_the_view_shows(f *testing.F) {
	for _, doc := range []string{
		`{"price":2500.0,"a":{"b":[1,{"c":null}]},"0":"zero"}`,
		`{"name":"own","owner":1,"price":1,"modified":{"x":2},"doctype":false,"idx":9}`,
		`{"n\u0061me":"own","record":{"name":7},"price":1}`,
		`{"record":{"x":1},"price":2}`, `{"record":5}`, ` { "price" : 1 } `, `{}`,
		`{"price":"\"","creation":"2020","docstatus":{},"modified_by":[]}`,
	} {
		for _, paths := range [][2]string{
			{"name", "price"},
			{"record.name", "owner"},
			{"record", "modified"},
			{"@this", "price"},
			{"a.b.1.c", "idx"},
			{"0", "creation"},
			{`!"fixed"`, "docstatus"},
			{"pri*", "doctype"},
			{"{name,price}", "modified_by"},
			{"name|@tostr", "a.b.#"},
			{"modified.x", "name.x"},
			{"price", "missing"},
		} {
			f.Add(doc, paths[0], paths[1])
		}
	}
	f.Fuzz(func(t *testing.T, doc, first, second string) {
		rows := []mapping.Row{{Fieldname: first, Key: "first"}, {Fieldname: second, Key: "second"}}
		m, err := mapping.Compile(rows)
		if err != nil || record.Check([]byte(doc)) != nil {
			return
		}
		w := Default()
		w.Name, w.WebhookDocType, w.WebhookDocEvent, w.RequestURL, w.WebhookData = "w", "Quotation", "on_update", "https://x.example/", rows
		c, err := Compile(w, anyURL{})
		if err != nil {
			t.Fatal(err)
		}
		e := event("on_update", doc, "")
		d := e.Document()
		want, wrong := m.Append(nil, d.AppendView(nil))
		r, err := c.Render(e)
		if string(r.Body) != string(want) && err == nil || (err == nil) != (wrong == nil) {
			t.Fatalf("%s of %s:\n%s, %v\nwant\n%s, %v", mustJSON(rows), doc, r.Body, err, want, wrong)
		}
		if err == nil && !json.Valid(r.Body) {
			t.Fatalf("%s", r.Body)
		}
	})
}
