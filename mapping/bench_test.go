package mapping_test

import (
	"os"
	"testing"

	"github.com/tidwall/gjson"

	"dochook/mapping"
)

// The document is the Quotation of Frappe's documentation, 1.1 KB.
func benchDoc(b *testing.B) []byte {
	b.Helper()
	doc, err := os.ReadFile("testdata/quotation.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	return doc
}

func benchMapping(b *testing.B, list []mapping.Row) {
	b.Helper()
	doc := benchDoc(b)
	m, err := mapping.Compile(list)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 4<<10)
	for b.Loop() {
		if _, err := m.Append(buf, doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMappingQuotation(b *testing.B) {
	benchMapping(b, rows("name", "id", "items", "lineItems"))
}

func BenchmarkMappingTenFields(b *testing.B) {
	benchMapping(b, rows("name", "id", "doctype", "type", "items.0.item_code", "item.code", "items.0.qty", "item.qty",
		"items.0.uom", "item.uom", "items.0.rate", "item.rate", "items.0.name", "item.name", "items.0.owner", "owner",
		"items.0.modified", "modified", "missing", "missing"))
}

func BenchmarkMappingThis(b *testing.B) { benchMapping(b, rows("@this", "")) }

func BenchmarkMappingQuery(b *testing.B) {
	benchMapping(b, rows("name", "id", "items.#(qty>0).item_code", "code", "items.#.qty", "quantities"))
}

// BenchmarkGjsonTenFields is gjson alone, looking up what MappingTenFields looks up.
func BenchmarkGjsonTenFields(b *testing.B) {
	doc := benchDoc(b)
	buf := make([]byte, 0, 4<<10)
	paths := []string{
		"name", "doctype", "items.0.item_code", "items.0.qty", "items.0.uom", "items.0.rate", "items.0.name",
		"items.0.owner", "items.0.modified", "missing",
	}
	for b.Loop() {
		out := buf[:0]
		for _, path := range paths {
			out = append(out, gjson.GetBytes(doc, path).Raw...)
		}
		buf = out
	}
}

func BenchmarkTemplateJSON(b *testing.B) {
	doc := benchDoc(b)
	tpl, err := mapping.ParseTemplate(`{"userId":"{{userId}}","eventData":{"id":"{{doc.name}}"},"resource":"{{doc.items}}","text":"{{doc.name}} has {{doc.items.0.qty}}"}`, mapping.JSON)
	if err != nil {
		b.Fatal(err)
	}
	root := func(name string) []byte {
		if name == "doc" {
			return doc
		}
		return nil
	}
	buf := make([]byte, 0, 4<<10)
	for b.Loop() {
		if _, err := tpl.Append(buf, root); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTemplateURL(b *testing.B) {
	doc := benchDoc(b)
	tpl, err := mapping.ParseTemplate("https://example.com/orders/{{doc.name}}?by={{doc.items.0.owner}}", mapping.URL)
	if err != nil {
		b.Fatal(err)
	}
	root := func(string) []byte { return doc }
	buf := make([]byte, 0, 4<<10)
	for b.Loop() {
		if _, err := tpl.Append(buf, root); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkForm(b *testing.B) {
	doc := benchDoc(b)
	buf := make([]byte, 0, 8<<10)
	for b.Loop() {
		if _, err := mapping.AppendForm(buf, doc); err != nil {
			b.Fatal(err)
		}
	}
}
