package documents_test

import (
	"fmt"
	"strings"
	"testing"

	"dochook/server/panel/page"
	"dochook/server/panel/paneltest"
)

// TestBrowser goes the whole way in a browser: records are imported, found, changed,
// brought back, deleted and restored.
func TestBrowser(t *testing.T) {
	for _, look := range paneltest.Looks() {
		t.Run(look.String(), func(t *testing.T) {
			s := site(t)
			s.Insert(t, "DocType", `{"name":"Game","autoname":"field:id","fields":[{"fieldname":"price","fieldtype":"Float"}]}`)
			var records strings.Builder
			for i := range 60 {
				fmt.Fprintf(&records, `{"sku":"P-%03d","price":%d.50,"about":"Waterproof trail running shoe, number %d","stock":%d,"new":%t,"colour":"red","url":"https://shop.example/p/%d","variants":[{"size":%d,"price":%d}]}`+"\n", i, i, i, i%7, i%2 == 0, i, 38+i%8, i)
			}
			s.Ingest(t, "Product", records.String())
			s.Ingest(t, "Product", `{"sku":"odd/one?","about":`+quoted(t, paneltest.Hostile)+`}`)
			b := s.Browser(t, look)
			look := func(name string) {
				t.Helper()
				b.Accessible(t)
				b.Screenshot(t, "documents-"+name+"-"+strings.ReplaceAll(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:], " ", "-"))
			}
			b.SignIn(t, "admin")
			b.Go(t, page.Path("documents", "doctype", "Game"))
			b.Follow(t, ".empty .button")
			b.Fill(t, "#f-text", `[{"id":1,"price":5},{"id":2,"price":"cheap"}]`)
			if status := b.Follow(t, "form .button.primary"); status != 200 {
				t.Fatal(status)
			}
			look("import")

			b.Go(t, products)
			look("list")
			b.Fill(t, "#f-q", "number 42")
			b.Follow(t, ".find-line button")
			if n := b.Count(t, ".docs tbody tr"); n != 1 {
				t.Fatalf("%d rows found", n)
			}
			b.Follow(t, ".docs tbody a")
			look("document")
			b.Fill(t, "input[value='42.50']", "99.90")
			if status := b.Follow(t, ".members .button.primary"); status != 200 || !strings.Contains(b.Text(t, ".notice"), "Saved") {
				t.Fatalf("%d: %s", status, b.Text(t, "main"))
			}
			b.Follow(t, ".tabs li:nth-child(2) a")
			look("json")
			b.Follow(t, ".tabs li:nth-child(3) a")
			if text := b.Text(t, ".diff"); !strings.Contains(text, "42.50") || !strings.Contains(text, "99.90") {
				t.Fatal(text)
			}
			look("history")
			b.Click(t, ".history .confirm summary")
			b.Follow(t, ".history .confirm-box button")
			if text := b.Text(t, ".history"); !strings.Contains(text, "Version 3") {
				t.Fatal(text)
			}
			b.Click(t, ".actions .confirm summary")
			b.Follow(t, ".actions .confirm-box button")
			look("deleted")
			b.Follow(t, ".actions .button.primary")
			if !strings.Contains(b.Text(t, ".notice"), "Restored") {
				t.Fatal(b.Text(t, "main"))
			}
			b.Go(t, doc("odd/one?"))
			b.Accessible(t)
			b.Go(t, products+"/new")
			look("new")
			b.Go(t, products+"?field=price&op=%3E&value=40&sort=price&dir=asc")
			look("filtered")
		})
	}
}
