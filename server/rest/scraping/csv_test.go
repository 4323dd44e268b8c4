package scraping

import (
	"bufio"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"dochook/doctype/record"
)

// written is the CSV of records, as writeCSV makes it.
func written(t *testing.T, records ...string) string {
	t.Helper()
	var b strings.Builder
	out := bufio.NewWriter(&b)
	each := func(fn func(data []byte) error) error {
		for _, r := range records {
			if err := fn([]byte(r)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := newTable().write(out, each); err != nil {
		t.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCSV(t *testing.T) {
	for _, tc := range []struct {
		what    string
		records []string
		want    string
	}{
		{"nothing", nil, ""},
		{"no members", []string{`{}`, `{}`}, ""},
		{"union in order of first appearance", []string{`{"b":1,"a":2}`, `{"c":3,"a":4}`, `{}`}, "b,a,c\r\n1,2,\r\n,4,3\r\n,,\r\n"},
		{"numbers as they are spelled", []string{`{"a":2500.0,"b":12345678901234567890,"c":-1e-7}`}, "a,b,c\r\n2500.0,12345678901234567890,-1e-7\r\n"},
		{"kinds", []string{`{"a":true,"b":false,"c":null,"d":"","e":{"x":[1, 2]},"f":[]}`}, "a,b,c,d,e,f\r\ntrue,false,,\"\",\"{\"\"x\"\":[1, 2]}\",[]\r\n"},
		{
			"quotes",
			[]string{`{"a":"x,y","b":"say \"hi\"","c":"two\nlines","d":" blank","e":"tab\t","f":"ü\u20ac"}`},
			"a,b,c,d,e,f\r\n\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\",\" blank\",\"tab\t\",ü€\r\n",
		},
		{"names that need quotes", []string{`{"a,b":1,"":2}`}, "\"a,b\",\"\"\r\n1,2\r\n"},
		{"one column", []string{`{"a":1}`, `{}`, `{"a":null}`, `{"a":""}`}, "a\r\n1\r\n\"\"\r\n\"\"\r\n\"\"\r\n"},
		{"formulas are text", []string{`{"a":"=1+1"}`}, "a\r\n=1+1\r\n"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			if got := written(t, tc.records...); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// TestCSV_grows has records come between the two passes.
func TestCSV_grows(t *testing.T) {
	var b strings.Builder
	out := bufio.NewWriter(&b)
	records := []string{`{"a":1}`, `{"a":2}`}
	err := newTable().write(out, func(fn func(data []byte) error) error {
		for _, r := range records {
			if err := fn([]byte(r)); err != nil {
				return err
			}
		}
		records = append(records, `{"b":3}`)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != "a\r\n1\r\n2\r\n" {
		t.Errorf("%q", got)
	}
}

func TestCSV_wide(t *testing.T) {
	var r strings.Builder
	r.WriteString(`{"a":1`)
	for i := range maxColumns {
		r.WriteString(`,"c` + strings.Repeat("x", i%7) + string(rune('0'+i%10)) + strings.Repeat("y", i/70) + `":1`)
	}
	r.WriteString("}")
	err := newTable().write(bufio.NewWriter(&strings.Builder{}), func(fn func(data []byte) error) error { return fn([]byte(r.String())) })
	if err == nil || !strings.Contains(err.Error(), "results.ndjson") {
		t.Errorf("%v", err)
	}
}

// FuzzCSV reads what was written with the standard library's reader.
func FuzzCSV(f *testing.F) {
	f.Add(`{"a":"x,\"y\"\r\nz"}`, `{"b":[1,{"c":"d"}],"a":null}`)
	f.Add(`{"":""}`, `{" ":" "}`)
	f.Fuzz(func(t *testing.T, one, two string) {
		var names []string
		var rows [][]string
		for _, r := range []string{one, two} {
			if record.Check([]byte(r)) != nil {
				return
			}
			for name := range record.Members([]byte(r)) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		for _, r := range []string{one, two} {
			row := make([]string, len(names))
			for name, value := range record.Members([]byte(r)) {
				text := string(value)
				switch value[0] {
				case 'n':
					text = ""
				case '"':
					text = record.Unquote(value)
				}
				row[slices.Index(names, name)] = strings.ReplaceAll(text, "\r\n", "\n") // as the reader does
			}
			rows = append(rows, row)
		}
		reader := csv.NewReader(strings.NewReader(written(t, one, two)))
		got, err := reader.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 {
			if len(got) != 0 {
				t.Errorf("%q", got)
			}
			return
		}
		for i := range names {
			names[i] = strings.ReplaceAll(names[i], "\r\n", "\n")
		}
		if !slices.EqualFunc(got, append([][]string{names}, rows...), slices.Equal) {
			t.Errorf("got %q, want %q %q", got, names, rows)
		}
	})
}
