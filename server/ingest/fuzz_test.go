package ingest_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"dochook/server/ingest"
)

// FuzzReader reads anything in every way. Whatever it is, pieces must not
// matter and nothing may be made up; and what encoding/json can split must be
// split the same way.
func FuzzReader(f *testing.F) {
	for _, sh := range shapes {
		f.Add([]byte(sh.body), sh.o.ContentType, sh.o.Shape, sh.o.Records)
	}
	for _, tt := range streamFaults {
		if len(tt.body) < 1000 {
			f.Add([]byte(tt.body), tt.o.ContentType, tt.o.Shape, tt.o.Records)
		}
	}
	for _, tt := range recordFaults {
		f.Add([]byte(tt.body), tt.o.ContentType, tt.o.Shape, tt.o.Records)
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, shape, records string) {
		o := ingest.Options{ContentType: contentType, Shape: shape, Records: records, Key: hasSKU, MaxRecords: 3, MaxBytes: 100, MaxRecord: 64}
		whole := read(t, bytes.NewReader(body), o)
		bytewise := read(t, iotest.OneByteReader(bytes.NewReader(body)), o)
		if whole.format != bytewise.format || !slices.Equal(whole.records, bytewise.records) ||
			!slices.Equal(whole.pages, bytewise.pages) || fmt.Sprint(whole.err) != fmt.Sprint(bytewise.err) {
			t.Errorf("in pieces:\n%+v, %v\nwhole:\n%+v, %v", bytewise, bytewise.err, whole, whole.err)
		}
		if whole.format != "csv" && whole.err == nil && len(whole.records) > len(body) {
			t.Errorf("%d records of %d bytes", len(whole.records), len(body))
		}
		sameAsJSON(t, body)
		sameAsCSV(t, body)
	})
}

// sameAsJSON compares with the split of encoding/json, of the body itself and
// of shapes made from it.
func sameAsJSON(t *testing.T, body []byte) {
	t.Helper()
	if !json.Valid(body) {
		return
	}
	value := bytes.Trim(body, " \t\r\n")
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		t.Fatal(err)
	}
	line := compact.String()
	tests := []struct {
		body string
		o    ingest.Options
		want []string
	}{
		{body: fmt.Sprintf("[%s , %s]", value, value), want: []string{"1||" + string(value), "2||" + string(value)}},
		{body: line + "\n\n" + line, o: ingest.Options{ContentType: "application/x-ndjson"}, want: []string{"1||" + line, "3||" + line}},
		{body: fmt.Sprintf(`{"k":%s}`, value), o: ingest.Options{Shape: "map"}, want: []string{"1|k|" + string(value)}},
		{body: fmt.Sprintf(`{"x":%s,"y":[0,[%s]],"z":%s}`, value, value, value), o: ingest.Options{Records: "y.1"}, want: []string{"1||" + string(value)}},
	}
	if line[0] == '[' { // the type of NDJSON does not make lines of arrays
		tests = slices.Delete(tests, 1, 2)
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			t.Fatal(err)
		}
		var want []string
		for i, e := range elements {
			want = append(want, fmt.Sprintf("%d||%s", i+1, e))
		}
		tests = append(tests, tests[0])
		tests[len(tests)-1].body, tests[len(tests)-1].want = string(body), want
	}
	for _, tt := range tests {
		got := read(t, strings.NewReader(tt.body), tt.o)
		// A control character is an error in the wrapper only, and there are none in valid JSON.
		if got.err != nil || !slices.Equal(got.records, tt.want) {
			t.Errorf("%q: %q, %v; want %q", tt.body, got.records, got.err, tt.want)
		}
	}
}

// sameAsCSV compares with encoding/csv reading the body in one go.
func sameAsCSV(t *testing.T, body []byte) {
	t.Helper()
	body = append([]byte("a,b\n"), body...)
	c := csv.NewReader(bytes.NewReader(body))
	c.FieldsPerRecord = 2
	rows, err := c.ReadAll()
	if err != nil {
		return
	}
	got := read(t, bytes.NewReader(body), ingest.Options{ContentType: "text/csv"})
	if got.err != nil || len(got.records) != len(rows)-1 {
		t.Fatalf("%q: %q, %v; want %q", body, got.records, got.err, rows)
	}
	for i, row := range rows[1:] {
		_, data, _ := strings.Cut(got.records[i], "||")
		if data == "!invalid" {
			continue // invalid UTF-8
		}
		var cells struct{ A, B string }
		if err := json.Unmarshal([]byte(data), &cells); err != nil || cells.A != row[0] || cells.B != row[1] {
			t.Errorf("row %d: %s, want %q", i, data, row)
		}
	}
}
