package bulk

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"dochook/doctype/documents"
	"dochook/server/ingest/foreign"
)

func TestReadParameters(t *testing.T) {
	for _, tc := range []struct{ query, want string }{
		{"", ""},
		{"shape=&records=&mode=&results=&job=&format=", ""},
		{"shape=map&records=a.b&mode=merge&results=lines&job=j", ""},
		{"format=rows&mode=merge&results=lines&job=j", ""},
		{"format=job", ""},
		{"format=changes&shape=", ""},
		{"shape=rows", "shape is map"},
		{"mode=append", "mode is replace or merge"},
		{"mode=Replace", "mode is replace or merge"},
		{"results=all", "results is lines"},
		{"format=R", "format is rows, job or changes"},
		{"format=rows&shape=map", "shape does not go with format"},
		{"format=job&records=data", "records does not go with format"},
		{"jobs=1", `no parameter "jobs"`},
	} {
		v, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		p, err := readParameters(v)
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.query, err, tc.want)
		case p.mode != documents.Replace && p.mode != documents.Merge && err == nil:
			t.Errorf("%s: mode %q", tc.query, p.mode)
		}
	}
}

// TestCut has pages hold all records in order, within both bounds.
func TestCut(t *testing.T) {
	large := func(n, size int) []foreign.Record {
		out := make([]foreign.Record, n)
		for i := range out {
			out[i] = foreign.Record{Line: i + 1, Data: make([]byte, size)}
		}
		return out
	}
	for _, tc := range []struct {
		what    string
		records []foreign.Record
		want    []int
	}{
		{"none", nil, nil},
		{"one", large(1, 10), []int{1}},
		{"a full page", large(maxRecords, 1), []int{maxRecords}},
		{"one more", large(maxRecords+1, 1), []int{maxRecords, 1}},
		{"large ones", large(5, 12<<20), []int{2, 2, 1}},
		{"larger than a page", large(3, maxBytes+1), []int{1, 1, 1}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			next, line := cut(tc.records), 0
			for i := 0; ; i++ {
				number, page, err := next()
				if errors.Is(err, io.EOF) && i == len(tc.want) {
					break
				}
				if err != nil || i >= len(tc.want) || number != i+1 || len(page) != tc.want[i] {
					t.Fatalf("page %d: number %d, %d records, %v; want %v", i+1, number, len(page), err, tc.want)
				}
				for _, r := range page {
					if line++; r.Line != line {
						t.Fatalf("record %d is at %d", r.Line, line)
					}
				}
			}
			if line != len(tc.records) {
				t.Errorf("%d of %d records", line, len(tc.records))
			}
		})
	}
}
