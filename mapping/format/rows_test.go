package format_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"dochook/mapping/format"
)

func columns(idsAndNames ...string) []format.Column {
	var out []format.Column
	for pair := range slices.Chunk(idsAndNames, 2) {
		out = append(out, format.Column{ID: pair[0], Name: pair[1]})
	}
	return out
}

func TestRowsAsDocumented(t *testing.T) {
	want := documented(t, "rows.json")
	known := columns("cb3a5adda", "title", "c2f7a2473", "brand", "c7a768d57", "price", "c6eb7913d", "cover", "c45bf5749", "link")
	var records [][]byte
	for _, row := range gjson.Get(want, "rows").Array() {
		record := row.Raw
		for _, c := range known {
			record = strings.Replace(record, `"`+c.ID+`":`, `"`+c.Name+`":`, 1)
		}
		records = append(records, []byte(record))
	}
	if len(records) != 2 || gjson.GetBytes(records[1], "brand").String() != "Rag & Bone" {
		t.Fatalf("the records are %s", records)
	}
	h := format.Rows{Recipe: "@official/shopbop-products", Table: "T391", Columns: format.Columns(known, records)}
	if got := appended(t, func(dst []byte) []byte { return h.Append(dst, records) }); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestRows(t *testing.T) {
	abc := columns("1", "a", "2", "b", "3", "c")
	tests := []struct {
		columns []format.Column
		records [][]byte
		fields  string
		rows    string
	}{
		{nil, nil, "", ""},
		{nil, raws(`{}`, `{"a":1}`), "", "{},{}"},
		{abc, nil, `{"id":"1","name":"a"},{"id":"2","name":"b"},{"id":"3","name":"c"}`, ""},
		{abc, raws(`{"a":1.0,"b":"x","c":null}`), `{"id":"1","name":"a"},{"id":"2","name":"b"},{"id":"3","name":"c"}`, `{"1":1.0,"2":"x","3":null}`},
		// The order is that of the columns; what is missing in a record is missing in its row, not in the next one.
		{abc, raws(`{"c":3,"a":1}`, `{"b":2}`, `{}`), `{"id":"1","name":"a"},{"id":"2","name":"b"},{"id":"3","name":"c"}`, `{"1":1,"3":3},{"2":2},{}`},
		{abc[:1], raws(`{"x":0,"a":1,"y":0}`), `{"id":"1","name":"a"}`, `{"1":1}`},
		// Values and the white space in them stay as they are.
		{columns("1", "a"), raws(" {\n\"a\" : { \"k\": [ 1.50 ] } } "), `{"id":"1","name":"a"}`, `{"1":{ "k": [ 1.50 ] }}`},
		{columns("1", "a"), raws(`{"a":"\u0061\/12345678901234567890.10"}`), `{"id":"1","name":"a"}`, `{"1":"\u0061\/12345678901234567890.10"}`},
		// Names are compared by what they mean.
		{columns("1", "ü\"", "2", ""), raws(`{"\u00fc\"":1}`, `{"":2,"ü\u0022":1}`), `{"id":"1","name":"ü\""},{"id":"2","name":""}`, `{"1":1},{"1":1,"2":2}`},
		// A renamed field keeps its id.
		{columns("cb3a5adda", "headline"), raws(`{"headline":"Lili Jeans"}`), `{"id":"cb3a5adda","name":"headline"}`, `{"cb3a5adda":"Lili Jeans"}`},
		{columns(`i"d`, "a"), raws(`{"a":1}`), `{"id":"i\"d","name":"a"}`, `{"i\"d":1}`},
	}
	for _, tt := range tests {
		h := format.Rows{Recipe: `r"`, Table: "t", Columns: tt.columns}
		want := `{"recipeName":"r\"","tableName":"t","fields":[` + tt.fields + `],"rows":[` + tt.rows + `]}`
		got := appended(t, func(dst []byte) []byte { return h.Append(dst, tt.records) })
		if got != want {
			t.Errorf("%v of %s\n got %s\nwant %s", tt.columns, tt.records, got, want)
		}
	}
}

func TestFieldID(t *testing.T) {
	for name, want := range map[string]string{"title": "caaf23206", "": "ce3b0c442"} {
		if got := format.FieldID(name); got != want {
			t.Errorf("%q has the id %s, want %s", name, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	id := format.FieldID
	tests := []struct {
		known   []format.Column
		records [][]byte
		want    []format.Column
	}{
		{nil, nil, nil},
		{nil, raws(`{}`, `{"b":1,"a":2}`, `{"c":3,"a":4}`), columns(id("b"), "b", id("a"), "a", id("c"), "c")},
		{columns("x", "a"), raws(`{"b":1,"a":2}`), columns("x", "a", id("b"), "b")},
		{nil, raws(`{"\u0061":1}`, `{"a":1,"\"":1}`), columns(id("a"), "a", id(`"`), `"`)},
		{nil, raws(`{"":1}`), columns(id(""), "")},
		// These two names have the same hash: who comes first has the id.
		{nil, raws(`{"field_2149":1,"field_13701":2}`), columns("c607c7e12", "field_2149", id("field_13701#2"), "field_13701")},
		{nil, raws(`{"field_13701":1,"field_2149":2}`), columns("c607c7e12", "field_13701", id("field_2149#2"), "field_2149")},
		{columns(id("a"), "b", id("a#2"), "c"), raws(`{"a":1}`), columns(id("a"), "b", id("a#2"), "c", id("a#3"), "a")},
		{columns("", "a", id("a"), "b", "", "c"), nil, columns(id("a#2"), "a", id("a"), "b", id("c"), "c")},
	}
	for _, tt := range tests {
		known := slices.Clone(tt.known)
		got := format.Columns(tt.known, tt.records)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v with %s\n got %v\nwant %v", tt.known, tt.records, got, tt.want)
		}
		if again := format.Columns(got, tt.records); !slices.Equal(again, got) {
			t.Errorf("%v with %s: another page makes %v of %v", tt.known, tt.records, again, got)
		}
		if !slices.Equal(known, tt.known) {
			t.Errorf("%v became %v", known, tt.known)
		}
	}
}

func TestColumnsDoNotGrowIntoKnown(t *testing.T) {
	room := append(make([]format.Column, 0, 4), columns("x", "a")...)
	format.Columns(room, raws(`{"b":1}`))
	if got := room[:2][1]; got != (format.Column{}) {
		t.Errorf("the caller's array has %v behind its end", got)
	}
}

func FuzzRows(f *testing.F) {
	f.Add("a", `{"a":1.0,"b":"\u00e4"}`, `{"b":{"c" : [1e400]},"\u0061":null}`)
	f.Add("\xff", ` {"field_2149":1,"field_13701":2} `, `{}`)
	f.Add("", `{"":-0}`, `{"x\"y\\":true,"":false}`)
	valid := regexp.MustCompile(`^c[0-9a-f]{8}$`)
	f.Fuzz(func(t *testing.T, name, record1, record2 string) {
		if !isObject(record1) || !isObject(record2) {
			return
		}
		records := raws(record1, record2)
		h := format.Rows{Recipe: name, Table: name, Columns: format.Columns(columns(format.FieldID(name), strings.ToValidUTF8(name, "?")), records)}
		body := appended(t, func(dst []byte) []byte { return h.Append(dst, records) })
		ids := map[string]string{}
		for _, c := range h.Columns {
			if ids[c.Name] != "" || !valid.MatchString(c.ID) {
				t.Fatalf("columns %v", h.Columns)
			}
			ids[c.Name] = c.ID
		}
		all := membersOf(t, []byte(body))
		rows := elementsOf(t, []byte(valueOf(all, "rows")))
		for i, record := range records {
			want := map[string]string{}
			for _, m := range membersOf(t, record) {
				want[ids[m.name]] = m.value
			}
			got := map[string]string{}
			for _, m := range membersOf(t, []byte(rows[i])) {
				got[m.name] = m.value
			}
			if !maps.Equal(got, want) {
				t.Fatalf("%s makes %s", record, rows[i])
			}
		}
	})
}

// benchRecords are a page of 500 products with 8 members.
func benchRecords() [][]byte {
	records := make([][]byte, 500)
	for i := range records {
		records[i] = fmt.Appendf(nil, `{"id":"product%d","name":"Ergonomic Chair %d","brand":"Rag & Bone","price":%d.99,"stock":%d,`+
			`"link":"https://shop.example/p/%d?os=false","tags":["office","chair"],"seen":"2026-01-02T03:04:05Z"}`, i, i, i, i%40, i)
	}
	return records
}

// perRecord reports what an Append of the 500 records costs each of them.
func perRecord(b *testing.B, appendTo func(dst []byte) []byte) {
	b.Helper()
	b.ReportAllocs()
	buf := appendTo(nil)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		buf = appendTo(buf[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/record")
}

func BenchmarkRows(b *testing.B) {
	records := benchRecords()
	h := format.Rows{Recipe: "shop", Table: "T1", Columns: format.Columns(nil, records)}
	perRecord(b, func(dst []byte) []byte { return h.Append(dst, records) })
}

func BenchmarkRowsOtherOrder(b *testing.B) {
	records := benchRecords()
	h := format.Rows{Recipe: "shop", Table: "T1", Columns: format.Columns(nil, records)}
	slices.Reverse(h.Columns)
	perRecord(b, func(dst []byte) []byte { return h.Append(dst, records) })
}

func BenchmarkColumns(b *testing.B) {
	records := benchRecords()
	known := format.Columns(nil, records)
	b.ReportAllocs()
	for b.Loop() {
		format.Columns(known, records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/record")
}

func BenchmarkJob(b *testing.B) {
	records := benchRecords()
	h := format.Job{Event: "scraper.data.scraped", JobID: "42", Status: "in_progress", Timestamp: "2026-01-02T03:04:05Z", HasData: true}
	perRecord(b, func(dst []byte) []byte { return h.Append(dst, records) })
}

func benchChanges(b *testing.B, h *format.Changes) {
	b.Helper()
	products := make([]format.Product, 0, 500)
	for _, record := range benchRecords() {
		products = append(products, format.Product{
			Event: format.Updated, Data: record,
			Changed: []byte(`[{"name":"price","from":199.99,"to":120.99},{"name":"stock","from":1},{"name":"seen","from":"","to":"x"}]`),
		})
	}
	perRecord(b, func(dst []byte) []byte { return h.Append(dst, products) })
}

func BenchmarkChanges(b *testing.B) { benchChanges(b, &format.Changes{JobID: "644"}) }

func BenchmarkChangesTrimmed(b *testing.B) {
	benchChanges(b, &format.Changes{JobID: "644", Fields: []string{"price", "stock"}, OnlyChanged: true})
}
