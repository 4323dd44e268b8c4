package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"

	"dochook/server/ingest"
)

// result is everything a Reader said about a body.
type result struct {
	format  string
	records []string // line|key|data, or line|key|!code
	pages   []int    // records in each
	errs    []*ingest.Error
	err     *ingest.Error
}

// read reads a body to its end.
func read(tb testing.TB, r io.Reader, o ingest.Options) result {
	tb.Helper()
	var res result
	in := ingest.NewReader(r, o)
	for {
		p, err := in.Next()
		if err != nil {
			if p != nil {
				tb.Fatal("a page and an error at once")
			}
			if _, again := in.Next(); !errors.Is(again, err) {
				tb.Fatalf("Next again: %v, was %v", again, err)
			}
			if !errors.Is(err, io.EOF) && !errors.As(err, &res.err) {
				tb.Fatalf("foreign error %T: %v", err, err)
			}
			break
		}
		res.pages = append(res.pages, len(p.Records))
		if p.Number != len(res.pages) {
			tb.Fatalf("page %d is numbered %d", len(res.pages), p.Number)
		}
		for _, rec := range p.Records {
			what := string(rec.Data)
			if rec.Err != nil {
				var e *ingest.Error
				if !errors.As(rec.Err, &e) || rec.Data != nil {
					tb.Fatalf("record of line %d: data %q, error %T", rec.Line, rec.Data, rec.Err)
				}
				res.errs = append(res.errs, e)
				what = "!" + e.Code()
			}
			res.records = append(res.records, fmt.Sprintf("%d|%s|%s", rec.Line, rec.Key, what))
		}
	}
	res.format = in.Format()
	return res
}

func hasSKU(record []byte) bool { return gjson.GetBytes(record, "sku").Exists() }

func gzipped(tb testing.TB, body string) string {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, body); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func zstded(tb testing.TB, body string) string {
	tb.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	return string(z.EncodeAll([]byte(body), nil))
}

// shapes are bodies in good order.
var shapes = []struct {
	name, body string
	o          ingest.Options
	format     string
	want       []string
}{
	{name: "ndjson", body: "{\"a\":1}\n{\"a\":2}\n", format: "ndjson", want: []string{`1||{"a":1}`, `2||{"a":2}`}},
	{name: "ndjson, no last newline", body: "{\"a\":1}\n{\"a\":2}", format: "ndjson", want: []string{`1||{"a":1}`, `2||{"a":2}`}},
	{name: "ndjson, CR LF, blank lines, indents", body: "\r\n\n{\"a\":1}\r\n \t\r\n  {\"a\": 2 } \r\n\r\n", format: "ndjson", want: []string{`3||{"a":1}`, `5||{"a": 2 }`}},
	{name: "ndjson with a byte order mark", body: "\ufeff{\"a\":1}\n{\"a\":2}\n", format: "ndjson", want: []string{`1||{"a":1}`, `2||{"a":2}`}},
	{name: "ndjson, exact text", body: "{\"b\":12345678901234567890,\"a\":2500.0,\"é\":\"\\u00e9😀\",\"e\":-1E+2}\n{}\n", format: "ndjson", want: []string{`1||{"b":12345678901234567890,"a":2500.0,"é":"\u00e9😀","e":-1E+2}`, `2||{}`}},
	{name: "ndjson by its type, one line", body: "{\"x\":{\"a\":1}}\n", o: ingest.Options{ContentType: "application/x-ndjson; charset=utf-8", Key: hasSKU}, format: "ndjson", want: []string{`1||{"x":{"a":1}}`}},
	{name: "ndjson by its type, empty", body: " \n", o: ingest.Options{ContentType: "application/jsonl"}, format: "ndjson"},
	{name: "ndjson of what is no record", body: "1\n\"x\"\nnull\n[true,false]\n-0.5e3", o: ingest.Options{ContentType: "application/jsonl"}, format: "ndjson", want: []string{"1||1", `2||"x"`, "3||null", "4||[true,false]", "5||-0.5e3"}},
	{name: "ndjson under a wrong type", body: "{\"a\":1}\n{\"a\":2}\n", o: ingest.Options{ContentType: "application/x-www-form-urlencoded"}, format: "ndjson", want: []string{`1||{"a":1}`, `2||{"a":2}`}},
	{name: "array", body: " [ {\"a\":1} ,\n{\"a\": [2,{}]}, 3,\"x\" , null,[ ]] \n", format: "array", want: []string{`1||{"a":1}`, `2||{"a": [2,{}]}`, "3||3", `4||"x"`, "5||null", "6||[ ]"}},
	{name: "array, empty", body: "[ ]", format: "array"},
	{name: "array under the type of NDJSON", body: "[{\"a\":1}]", o: ingest.Options{ContentType: "application/x-ndjson"}, format: "array", want: []string{`1||{"a":1}`}},
	{name: "array, faults for the caller", body: "[{\"a\":1,\"a\":2},{\"a\":\"\x00\n\"},{\"a\":\"\xff\"},{\"a\":\"\\ud800\"}]", format: "array", want: []string{`1||{"a":1,"a":2}`, "2||{\"a\":\"\x00\n\"}", "3||{\"a\":\"\xff\"}", `4||{"a":"\ud800"}`}},
	{name: "object", body: "{\"a\":1}", format: "object", want: []string{`1||{"a":1}`}},
	{name: "object in many lines", body: "{\n \"a\": {\n  \"b\": 1\n }\n}\n\n", format: "object", want: []string{"1||{\n \"a\": {\n  \"b\": 1\n }\n}"}},
	{name: "object, brace at the start of its second line", body: "{\"a\":\n{\"b\": 1}}", format: "object", want: []string{"1||{\"a\":\n{\"b\": 1}}"}},
	{name: "object of objects with a key", body: "{\"sku\":{\"x\":1},\"b\":{}}", o: ingest.Options{Key: hasSKU}, format: "object", want: []string{`1||{"sku":{"x":1},"b":{}}`}},
	{name: "object of objects, nobody asked for maps", body: "{\"a\":{},\"b\":{}}", format: "object", want: []string{`1||{"a":{},"b":{}}`}},
	{name: "object without members", body: "{}", o: ingest.Options{Key: hasSKU}, format: "object", want: []string{"1||{}"}},
	{name: "object, not all members objects", body: "{\"a\":{},\"b\":1}", o: ingest.Options{Key: hasSKU}, format: "object", want: []string{`1||{"a":{},"b":1}`}},
	{name: "map", body: "{\"k1\":{\"a\":1}, \"k\\u0032\" : {\"a\":2}}\n", o: ingest.Options{Key: hasSKU}, format: "map", want: []string{`1|k1|{"a":1}`, `2|k2|{"a":2}`}},
	{name: "map in many lines", body: "{\n\"k1\": {\"a\":1},\n\"k2\": {\n}\n}", o: ingest.Options{Key: hasSKU}, format: "map", want: []string{`1|k1|{"a":1}`, "2|k2|{\n}"}},
	{name: "map, asked for", body: "{\"k1\":{\"sku\":1},\"\":2,\"a/b\":{}}", o: ingest.Options{Shape: "map", Key: hasSKU}, format: "map", want: []string{`1|k1|{"sku":1}`, "2||2", "3|a/b|{}"}},
	{name: "map, asked for, empty", body: "{}", o: ingest.Options{Shape: "map"}, format: "map"},
	{name: "wrapper", body: "{\"meta\":{\"n\":[1]},\"data\":{\"items\":[{\"a\":1},{\"a\":2}],\"x\":1},\"end\":null}", o: ingest.Options{Records: "data.items"}, format: "array", want: []string{`1||{"a":1}`, `2||{"a":2}`}},
	{name: "wrapper with odd names", body: "{\"a.b\":[[],{\"0\":{\"\\u0078*\":[1]}}]}", o: ingest.Options{Records: `a\.b.1.0.x\*`}, format: "array", want: []string{"1||1"}},
	{name: "wrapper around a map", body: "[{\"d\":{\"k\":{\"a\":1}}}]", o: ingest.Options{Records: "0.d", Key: hasSKU}, format: "map", want: []string{`1|k|{"a":1}`}},
	{name: "wrapper around a map, asked for", body: "{\"d\":{\"k\":1}}", o: ingest.Options{Records: "d", Shape: "map"}, format: "map", want: []string{"1|k|1"}},
	{name: "wrapper around one object", body: "{\"d\":{\"k\":1}}", o: ingest.Options{Records: "d", Key: hasSKU}, format: "object", want: []string{`1||{"k":1}`}},
	{name: "csv", body: "sku,name\nA1,\"Box, \"\"big\"\"\"\nA2,\n", format: "csv", want: []string{`2||{"sku":"A1","name":"Box, \"big\""}`, `3||{"sku":"A2","name":""}`}},
	{name: "csv, semicolons, CR LF, byte order mark", body: "\ufeff\r\n\"sku\"; name \r\nA1; x,y\r\n\r\nA2;\"z\"\r\n", format: "csv", want: []string{`3||{"sku":"A1","name":" x,y"}`, `5||{"sku":"A2","name":"z"}`}},
	{name: "csv, tabs", body: "sku\tname\nA1\t5\" tube\n", o: ingest.Options{ContentType: "text/tab-separated-values"}, format: "csv", want: []string{"2||!invalid"}},
	{name: "csv, lines within cells", body: "sku,text\nA1,\"one\ntwo\n\"\nA2,x", format: "csv", want: []string{`2||{"sku":"A1","text":"one\ntwo\n"}`, `5||{"sku":"A2","text":"x"}`}},
	{name: "csv, one column", body: "sku\nA1\n\nA2", o: ingest.Options{ContentType: "text/csv"}, format: "csv", want: []string{`2||{"sku":"A1"}`, `4||{"sku":"A2"}`}},
	{name: "csv, header alone", body: "sku,name\n", format: "csv"},
	{name: "csv, header like JSON", body: "[sku],{name}\n1,2\n", o: ingest.Options{ContentType: "text/csv"}, format: "csv", want: []string{`2||{"[sku]":"1","{name}":"2"}`}},
	{name: "csv, numbers", body: "sku,n\n1,2500.0\n1,-1e5\n1,01\n1,1e\n1,\n1,NaN\n", o: ingest.Options{Numeric: func(c string) bool { return c == "n" }}, format: "csv", want: []string{
		`2||{"sku":"1","n":2500.0}`, `3||{"sku":"1","n":-1e5}`, `4||{"sku":"1","n":"01"}`, `5||{"sku":"1","n":"1e"}`, `6||{"sku":"1","n":""}`, `7||{"sku":"1","n":"NaN"}`,
	}},
	{name: "csv, bad rows", body: "a,b\n1\n1,2,3\nx\"y,2\n\"x\"y,2\n\xff,2\n1,\"\x00\"\n", format: "csv", want: []string{
		"2||!invalid", "3||!invalid", "4||!invalid", "5||!invalid", "6||!invalid", `7||{"a":"1","b":"\u0000"}`,
	}},
}

func TestShapes(t *testing.T) {
	t.Parallel()
	encodings := []struct {
		name   string
		header []string // all of which are fine
		encode func(testing.TB, string) string
	}{
		{"plain", []string{"", "identity", "gzip"}, func(_ testing.TB, s string) string { return s }},
		{"gzip", []string{"", "gzip", "X-GZIP"}, gzipped},
		{"zstd", []string{"", "zstd", "gzip"}, zstded},
		{"zstd in gzip", []string{"zstd, gzip"}, func(tb testing.TB, s string) string { tb.Helper(); return gzipped(tb, zstded(tb, s)) }},
		{"two gzip members", []string{"gzip"}, func(tb testing.TB, s string) string {
			tb.Helper()
			return gzipped(tb, s[:len(s)/2]) + gzipped(tb, s[len(s)/2:])
		}},
	}
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			t.Parallel()
			for _, enc := range encodings {
				body := enc.encode(t, sh.body)
				for _, header := range enc.header {
					o := sh.o
					o.ContentEncoding = header
					check(t, enc.name, read(t, strings.NewReader(body), o), sh.format, sh.want)
				}
				check(t, enc.name+", byte by byte", read(t, iotest.OneByteReader(strings.NewReader(body)), sh.o), sh.format, sh.want)
				check(t, enc.name+", in halves", read(t, iotest.HalfReader(strings.NewReader(body)), sh.o), sh.format, sh.want)
				check(t, enc.name+", EOF with data", read(t, iotest.DataErrReader(strings.NewReader(body)), sh.o), sh.format, sh.want)
			}
		})
	}
}

func check(t *testing.T, name string, got result, format string, want []string) {
	t.Helper()
	if got.err != nil {
		t.Errorf("%s: %s: %v", name, got.err.Code(), got.err)
	}
	if got.format != format {
		t.Errorf("%s: format %q, want %q", name, got.format, format)
	}
	if !slices.Equal(got.records, want) {
		t.Errorf("%s: records\n%s\nwant\n%s", name, strings.Join(got.records, "\n"), strings.Join(want, "\n"))
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	// The records are `{"n":1}` and so on, 7 bytes each.
	records := make([]string, 9)
	for i := range records {
		records[i] = fmt.Sprintf(`{"n":%d}`, i+1)
	}
	big := `{"n":"` + strings.Repeat("x", 40) + `"}`
	array := "[" + strings.Join(records, ",") + "]"
	tests := []struct {
		name, body string
		o          ingest.Options
		want       []int
	}{
		{"by count", strings.Join(records, "\n"), ingest.Options{MaxRecords: 4}, []int{4, 4, 1}},
		{"by count, exactly", array, ingest.Options{MaxRecords: 3}, []int{3, 3, 3}},
		{"by bytes", array, ingest.Options{MaxBytes: 21}, []int{3, 3, 3}},
		{"by bytes, one short", array, ingest.Options{MaxBytes: 20}, []int{2, 2, 2, 2, 1}},
		{"by bytes, less than a record", array, ingest.Options{MaxBytes: 1}, []int{1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"by bytes, one large record", "[1," + big + ",2,3]", ingest.Options{MaxBytes: 10}, []int{1, 1, 2}},
		{"keys count", `{"aaaa":1,"bbbb":2,"cccc":3}`, ingest.Options{Shape: "map", MaxBytes: 10}, []int{2, 1}},
		{"broken lines count", "{}\nx\nx\n{}\nx", ingest.Options{ContentType: "text/jsonl", MaxRecords: 2}, []int{2, 2, 1}},
		{"one object", "{}", ingest.Options{MaxRecords: 1}, []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			whole := read(t, strings.NewReader(tt.body), tt.o)
			if whole.err != nil || !slices.Equal(whole.pages, tt.want) {
				t.Errorf("pages %v, %v; want %v", whole.pages, whole.err, tt.want)
			}
			bytewise := read(t, iotest.OneByteReader(strings.NewReader(tt.body)), tt.o)
			if !slices.Equal(bytewise.pages, whole.pages) || !slices.Equal(bytewise.records, whole.records) {
				t.Errorf("byte by byte: %v %v; want %v %v", bytewise.pages, bytewise.records, whole.pages, whole.records)
			}
		})
	}
}

// A page handed out must not change while the next ones are read.
func TestPagesStayValid(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&body, "{\"n\":%d}\n", i)
	}
	r := ingest.NewReader(strings.NewReader(body.String()), ingest.Options{MaxRecords: 100})
	var records []ingest.Record
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, p.Records...)
		for i := range p.Records {
			_ = append(p.Records[i].Data, "overwritten?"...)
		}
	}
	if len(records) != 20_000 {
		t.Fatalf("%d records", len(records))
	}
	for i, rec := range records {
		if want := fmt.Sprintf(`{"n":%d}`, i); string(rec.Data) != want || rec.Line != i+1 {
			t.Fatalf("record %d is %s of line %d", i, rec.Data, rec.Line)
		}
	}
}
