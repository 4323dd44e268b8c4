package doctype_test

import (
	"testing"
	"time"

	"dochook/doctype"
	"dochook/doctype/record"
)

func TestView(t *testing.T) {
	doc := doctype.Document{
		DocType: "Pro\"duct", Name: "A/1 ü", Version: 3, Owner: "Administrator", ModifiedBy: "scraper",
		Creation: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.FixedZone("", 3600)),
		Modified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	standard := `"name":"A/1 ü","doctype":"Pro\"duct","owner":"Administrator","creation":"2026-01-02 02:04:05.678901","modified":"2026-01-02 03:04:05.000000","modified_by":"scraper","docstatus":0,"idx":0`
	cases := []struct{ record, want string }{
		{`{}`, ``},
		{`{"b": 2500.0, "a":{"x": 1}}`, `,"b": 2500.0, "a":{"x": 1}`},
		{`{"name":"own","z":1,"idx":9}`, `,"z":1,"record":{"name":"own","idx":9}`},
		{`{"n\u0061me":"own"}`, `,"record":{"n\u0061me":"own"}`},
		{`{"record":"mine"}`, `,"record":"mine"`},
		{`{"record":{"x":1,"name":2}}`, `,"record":{"x":1,"name":2}`},
		{`{"record":"mine","owner":"me"}`, `,"record":{"record":"mine","owner":"me"}`},
		{`{"record":{"name":"inner"}}`, `,"record":{"record":{"name":"inner"}}`},
		{`{"record":{"record":{}}}`, `,"record":{"record":{"record":{}}}`},
		{`{"record":{}}`, `,"record":{}`},
	}
	for _, c := range cases {
		doc.Record = []byte(c.record)
		got := string(doc.AppendView([]byte("x")))
		if want := "x{" + standard + c.want + "}"; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.record, got, want)
		}
		own, std := doctype.SplitView([]byte(got[1:]))
		if !record.Equal(own, doc.Record) || !record.Equal(std, []byte("{"+standard+"}")) {
			t.Errorf("%s came back as %s and %s", c.record, own, std)
		}
	}
}

func TestSplitView(t *testing.T) {
	cases := []struct {
		body          string
		keep          []string
		own, standard string
	}{
		{`{"name":"A","x":1.0,"modified":"now"}`, nil, `{"x":1.0}`, `{"name":"A","modified":"now"}`},
		{`{"name":"A","x":1,"owner":"me"}`, []string{"name", "__newname"}, `{"name":"A","x":1}`, `{"owner":"me"}`},
		{`{"name":"A","record":{"name":"own"}}`, []string{"name"}, `{"name":"own"}`, `{"name":"A"}`},
		{`{"name":"A","record":{"idx":5}}`, []string{"name"}, `{"name":"A","idx":5}`, `{}`},
		{`{"record":{"record":{"name":1}},"doctype":"P"}`, nil, `{"record":{"name":1}}`, `{"doctype":"P"}`},
		{`{"record":{"sku":1}}`, nil, `{"record":{"sku":1}}`, `{}`},
	}
	for _, c := range cases {
		own, standard := doctype.SplitView([]byte(c.body), c.keep...)
		if string(own) != c.own || string(standard) != c.standard {
			t.Errorf("%s: got %s and %s, want %s and %s", c.body, own, standard, c.own, c.standard)
		}
	}
}

func FuzzView(f *testing.F) {
	f.Add(`{"record":{"name":1},"name":"x","a":[1.0]}`)
	f.Add(`{"record":{"record":{}},"owner":null}`)
	f.Fuzz(func(t *testing.T, data string) {
		if record.Check([]byte(data)) != nil {
			return
		}
		view := (&doctype.Document{DocType: "P", Name: "n", Record: []byte(data)}).AppendView(nil)
		if own, _ := doctype.SplitView(view); !record.Equal(own, []byte(data)) {
			t.Fatalf("%s came back as %s", data, own)
		}
	})
}
