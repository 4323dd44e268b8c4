package doctypes_test

import (
	"strings"
	"testing"

	"dochook/migrations/dbtest"
	"dochook/server/panel/page"
	"dochook/server/panel/paneltest"
)

// TestBrowser makes a DocType in a browser, with a mistake on the way.
func TestBrowser(t *testing.T) {
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			s := paneltest.New(t, dbtest.New(t, dbtest.SQLite))
			s.Insert(t, "DocType", `{"name":"Product","autoname":"field:sku"}`)
			s.Ingest(t, "Product", `{"sku":"a"}`)
			b := s.Browser(t, look)
			look := func(name string) {
				t.Helper()
				b.Accessible(t)
				b.Screenshot(t, "doctypes-"+name+"-"+strings.ReplaceAll(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:], " ", "-"))
			}
			b.SignIn(t, "admin")
			b.Go(t, "/app/documents")
			look("list")

			b.Go(t, "/app/documents/new")
			b.Fill(t, "#f-name", "Game")
			b.Fill(t, "#f-naming_field", "id")
			b.Click(t, "#fields > summary")
			b.Fill(t, "#f-fieldname-0", "price")
			b.Choose(t, "#f-fieldtype-0", "Float")
			b.Choose(t, "#f-compare-0", "text")
			b.Fill(t, "#f-tolerance-0", "5%")
			look("new")
			if status := b.Follow(t, ".button.primary"); status != page.Invalid {
				t.Fatalf("a tolerance of text: %d", status)
			}
			b.Choose(t, "#f-compare-0", "number")
			if status := b.Follow(t, ".button.primary"); status != 200 || b.Path(t) != page.Path("documents", "doctype", "Game") {
				t.Fatalf("%d at %s", status, b.Path(t))
			}
			b.Go(t, page.Path("documents", "doctype", "Game", "edit"))
			look("edit")
		})
	}
}
