package foreign_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"dochook/doctype/record"
	"dochook/server/ingest/foreign"
)

// FuzzRead reads anything in every format. Whatever it is, a record is sound,
// and its values are those that encoding/json finds in the body.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"rows.json", "changes.json"} {
		f.Add(example(f, name), "c45bf5749", "url")
	}
	for _, tt := range faults {
		if len(tt.body) < 1000 {
			f.Add([]byte(tt.body), "c1", "a")
		}
	}
	f.Add([]byte(`{"event":"scraper.data.scraped","id":1,"data":[{"a":[1.0]},{"b":"\u0000"},1]}`), "", "")
	f.Add([]byte(`{"fields":[{"id":"c1","name":"a"},{"id":"c2","name":"a"}],"rows":[{"c2":2.0,"c1":[ 1 ]},{"c0":null}]}`), "c0", "a")
	f.Fuzz(func(t *testing.T, text []byte, id, name string) {
		before := bytes.Clone(text)
		for _, format := range []string{"rows", "job", "changes"} {
			p, err := foreign.Read(format, text, map[string]string{id: name})
			if err != nil {
				if code(err) == "" || p.Records != nil || p.Job != nil {
					t.Errorf("%s: %+v, %v", format, p, err)
				}
				continue
			}
			sound(t, p)
			sameAsJSON(t, format, text, p)
		}
		if !bytes.Equal(text, before) {
			t.Error("the body was changed")
		}
	})
}

// sound checks what holds for every push.
func sound(t *testing.T, p foreign.Push) {
	t.Helper()
	for i, r := range p.Records {
		switch {
		case r.Line != i+1:
			t.Errorf("record %d has the line %d", i+1, r.Line)
		case r.Err != nil:
			if code(r.Err) == "" || r.Data != nil {
				t.Errorf("record %d: %s, %v", i+1, r.Data, r.Err)
			}
		default:
			if err := record.Check(r.Data); err != nil {
				t.Errorf("record %d: %s: %v", i+1, r.Data, err)
			}
		}
	}
	taken := map[string]bool{}
	for _, c := range p.Columns {
		if c.Fieldname == "" || c.ID == "" || taken[c.Fieldname] {
			t.Errorf("columns %q", p.Columns)
		}
		taken[c.Fieldname] = true
	}
}

// list is one envelope as encoding/json reads it, its elements being values or
// lists of values.
type list struct {
	Rows     []json.RawMessage
	Data     []json.RawMessage
	Products []json.RawMessage
}

// sameAsJSON compares the values, byte for byte, with those of the body. Names
// that differ in case alone are one for encoding/json; such bodies are left out.
func sameAsJSON(t *testing.T, format string, text []byte, p foreign.Push) {
	t.Helper()
	var l list
	if folded(text, "rows", "data", "products") || json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &l) != nil {
		return
	}
	elements := map[string][]json.RawMessage{"rows": l.Rows, "job": l.Data, "changes": l.Products}[format]
	if p.Job != nil && p.Job.Event != "job.data" {
		elements = nil
	}
	if len(elements) != len(p.Records) {
		t.Fatalf("%s: %d records of %d", format, len(p.Records), len(elements))
	}
	for i, r := range p.Records {
		if r.Err != nil {
			continue
		}
		switch element := elements[i]; format {
		case "rows":
			if got, want := values(t, r.Data), values(t, element); !slices.Equal(got, want) {
				t.Errorf("row %d: %q, want %q", i+1, got, want)
			}
		case "job":
			if !bytes.Equal(r.Data, element) {
				t.Errorf("record %d: %s, want %s", i+1, r.Data, element)
			}
		default:
			var product map[string]json.RawMessage
			if err := json.Unmarshal(element, &product); err != nil || !bytes.Equal(r.Data, product["productData"]) {
				t.Errorf("product %d: %s, want %s (%v)", i+1, r.Data, product["productData"], err)
			}
		}
	}
}

// values are the exact texts of an object's values, sorted.
func values(t *testing.T, object []byte) []string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range members {
		all = append(all, string(v))
	}
	slices.Sort(all)
	return all
}

// folded reports whether a name of the top level is one of these but for case.
func folded(text []byte, names ...string) bool {
	for name := range record.Members(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		for _, n := range names {
			if name != n && bytes.EqualFold([]byte(name), []byte(n)) {
				return true
			}
		}
	}
	return false
}
