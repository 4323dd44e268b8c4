package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"dochook/server/ingest"
)

var errLost = errors.New("connection lost")

// streamFaults are bodies that cannot be read to their end.
var streamFaults = []struct {
	name, body string
	o          ingest.Options
	code       string
	offset     int64
	line       int
	message    string // a part of it
}{
	{name: "empty", code: "not_json", message: "empty"},
	{name: "blank", body: "\ufeff \n", code: "not_json", message: "empty"},
	{name: "empty, with a path", o: ingest.Options{Records: "a"}, code: "not_json", message: "empty"},
	{name: "HTML", body: "\n<!doctype html><p>502</p>", o: ingest.Options{ContentType: "application/json"}, code: "not_json", offset: 1, message: "HTML"},
	{name: "HTML as NDJSON", body: "<html>\n</html>\n", o: ingest.Options{ContentType: "application/x-ndjson"}, code: "not_json", message: "HTML"},
	{name: "HTML, with a path", body: "<html>", o: ingest.Options{Records: "a"}, code: "not_json", message: "HTML"},
	{name: "NaN", body: "NaN", code: "not_json", message: `begins with "NaN"`},
	{name: "NaN, with a path", body: "NaN", o: ingest.Options{Records: "a"}, code: "not_json", message: "NaN"},
	{name: "text", body: "Bad gateway\nTry again\n", code: "not_json", message: "Bad gateway"},
	{name: "numbers", body: "1,2\n3,4\n", code: "not_json", message: "neither"},
	{name: "a string", body: `"abc"`, code: "not_json", message: "neither"},
	{name: "a header without rows or newline", body: "a,b", code: "not_json", message: "neither"},
	{name: "NaN in an array", body: `[{"a":1},{"a":NaN}]`, code: "not_json", offset: 14, line: 2, message: "element 2: invalid character 'N'"},
	{name: "Infinity in an array", body: `[-Infinity]`, code: "not_json", offset: 2, line: 1, message: "in a number"},
	{name: "NaN in an object", body: `{"a":NaN}`, code: "not_json", offset: 5, line: 1, message: "NaN and Infinity"},
	{name: "single quotes", body: `{'a':1}`, code: "not_json", offset: 1, line: 1, message: "name"},
	{name: "leading zero", body: `[01]`, code: "not_json", offset: 2, line: 1, message: "in a number"},
	{name: "bad escape", body: `["\x"]`, code: "not_json", offset: 3, line: 1, message: "in an escape"},
	{name: "bad hex", body: `["\u00g0"]`, code: "not_json", offset: 6, line: 1, message: "in an escape"},
	{name: "trailing comma in an array", body: `[1,]`, code: "not_json", offset: 3, line: 2, message: "behind a comma"},
	{name: "trailing comma in a map", body: `{"a":1,}`, o: ingest.Options{Shape: "map"}, code: "not_json", offset: 7, line: 2, message: "behind a comma"},
	{name: "no comma", body: `[1 2]`, code: "not_json", offset: 3, line: 2, message: "comma"},
	{name: "wrong bracket", body: `[{"a":[1}]`, code: "not_json", offset: 8, line: 1, message: "behind a value"},
	{name: "no colon in a map", body: `{"a" 1}`, o: ingest.Options{Shape: "map"}, code: "not_json", offset: 5, line: 1, message: "colon"},
	{name: "no name in a map", body: `{1:1}`, o: ingest.Options{Shape: "map"}, code: "not_json", offset: 1, line: 1, message: "name"},
	{name: "behind an array", body: "[1]\n[2]", code: "not_json", offset: 4, message: "behind the end"},
	{name: "behind an object", body: `{"a":1} x`, code: "not_json", offset: 8, message: "behind the end"},
	{name: "two objects in many lines", body: "{\n\"a\":1\n}\n{\n\"a\":2\n}\n", code: "not_json", offset: 10, message: "array"},
	{name: "one broken line", body: `{"a":tru}`, code: "not_json", offset: 8, line: 1, message: "true, false or null"},
	{name: "a control character as a value", body: "[\x01]", code: "not_json", offset: 1, line: 1, message: "U+0001"},
	{name: "invalid UTF-8 as a value", body: "[\xff]", code: "not_json", offset: 1, line: 1, message: "0xff"},

	{name: "array cut off", body: `[{"a":1},{"a"`, code: "truncated", offset: 13, line: 2, message: "element 2"},
	{name: "array cut off behind an element", body: `[{"a":1}`, code: "truncated", offset: 8, line: 2},
	{name: "array cut off behind a comma", body: `[1,`, code: "truncated", offset: 3, line: 2},
	{name: "array cut off at once", body: `[`, code: "truncated", offset: 1, line: 1},
	{name: "array cut off in a number", body: `[1, 12`, code: "truncated", offset: 6, line: 2},
	{name: "map cut off in a name", body: `{"ab`, o: ingest.Options{Shape: "map"}, code: "truncated", offset: 4, line: 1},
	{name: "map cut off behind a name", body: `{"ab"`, o: ingest.Options{Shape: "map"}, code: "truncated", offset: 5, line: 1},
	{name: "map cut off behind a colon", body: `{"ab": `, o: ingest.Options{Shape: "map"}, code: "truncated", offset: 7, line: 1},
	{name: "object cut off", body: "{\n\"a\": \"", code: "truncated", offset: 8, line: 1},
	{name: "line cut off", body: "{\"a\":1}\n{\"a\":2}\n{\"a\":\"\\u00", code: "truncated", offset: 26, line: 3, message: "line 3"},
	{name: "first line cut off", body: `{"a":1`, code: "truncated", offset: 6, line: 1},
	{name: "literal cut off", body: "{\"a\":1}\nnul", code: "truncated", offset: 11, line: 2},
	{name: "wrapper cut off behind the records", body: `{"d":[1,2]`, o: ingest.Options{Records: "d"}, code: "truncated", offset: 10, message: "wrapper"},
	{name: "wrapper cut off before the records", body: `{"x":1,`, o: ingest.Options{Records: "d"}, code: "truncated", offset: 7},
	{name: "csv cut off in quotes", body: "a,b\n1,\"x\ny", code: "truncated", offset: 10, line: 2},
	{name: "csv cut off in a row", body: "a,b\n1,2\n1", code: "truncated", offset: 8, line: 3},

	{name: "wrapper broken behind the records", body: `{"d":[1,2],"x":}`, o: ingest.Options{Records: "d"}, code: "not_json", offset: 15},
	{name: "wrapper broken before the records", body: "{\"x\":\"\n\",\"d\":[1]}", o: ingest.Options{Records: "d"}, code: "not_json", offset: 6, message: "in a string"},
	{name: "behind a wrapper", body: `{"d":[1]}{}`, o: ingest.Options{Records: "d"}, code: "not_json", offset: 9},
	{name: "records twice", body: `{"d":[1],"e":{"d":1},"d":[2]}`, o: ingest.Options{Records: "d"}, code: "invalid", offset: 21, message: "twice"},
	{name: "path not found", body: `{"meta":1,"items":[]}`, o: ingest.Options{Records: "data.items"}, code: "invalid", offset: 21, message: `no "data": the members here are "meta", "items"`},
	{name: "path not found in nothing", body: `{}`, o: ingest.Options{Records: "data"}, code: "invalid", offset: 2, message: "empty"},
	{name: "path into a number", body: `{"a":1}`, o: ingest.Options{Records: "a.b"}, code: "invalid", offset: 5, message: `no "b"`},
	{name: "path to a number", body: `{"a":1}`, o: ingest.Options{Records: "a"}, code: "invalid", offset: 5, message: "not an array or object"},
	{name: "path to an array instead of a map", body: `{"a":[]}`, o: ingest.Options{Records: "a", Shape: "map"}, code: "invalid", offset: 5, message: "shape=map"},
	{name: "index out of range", body: `[1,2]`, o: ingest.Options{Records: "2"}, code: "invalid", offset: 5, message: "2 elements"},
	{name: "name in an array", body: `[1,2]`, o: ingest.Options{Records: "a"}, code: "invalid", offset: 1, message: "index"},
	{name: "path with a wildcard", body: `{}`, o: ingest.Options{Records: "a.b*"}, code: "invalid", message: "wildcard"},
	{name: "path with a query", body: `{}`, o: ingest.Options{Records: "a.#(b==1)"}, code: "invalid", message: "query"},
	{name: "path with a modifier", body: `{}`, o: ingest.Options{Records: "@values"}, code: "invalid", message: "modifier"},
	{name: "path with a pipe", body: `{}`, o: ingest.Options{Records: "a|b"}, code: "invalid", message: "modifier"},
	{name: "path with a hole", body: `{}`, o: ingest.Options{Records: "a..b"}, code: "invalid", message: "empty component"},
	{name: "path with an open end", body: `{}`, o: ingest.Options{Records: "a."}, code: "invalid", message: "empty component"},
	{name: "path with a last backslash", body: `{}`, o: ingest.Options{Records: `a\`}, code: "invalid", message: "backslash"},
	{name: "unknown shape", body: `{}`, o: ingest.Options{Shape: "list"}, code: "invalid", message: "list"},
	{name: "array instead of a map", body: ` []`, o: ingest.Options{Shape: "map"}, code: "invalid", offset: 1, message: "array"},
	{name: "csv instead of a map", body: "a,b\n1,2\n", o: ingest.Options{Shape: "map"}, code: "not_json", message: "neither"},

	{name: "csv, a column twice", body: "a, b,a\n", o: ingest.Options{ContentType: "text/csv"}, code: "invalid", line: 1, message: `"a" appears twice`},
	{name: "csv, a column without a name", body: "\n\ta\n", o: ingest.Options{ContentType: "text/csv"}, code: "invalid", offset: 1, line: 2, message: "column 1"},
	{name: "csv, a header that is not UTF-8", body: "a,b\xe4\n", o: ingest.Options{ContentType: "text/csv"}, code: "invalid", line: 1, message: "column 2"},
	{name: "csv, a broken header", body: "a,b\"c\n", o: ingest.Options{ContentType: "text/csv"}, code: "invalid", line: 1, message: "bare"},
	{name: "csv, an endless header", body: strings.Repeat("x,", 40_000) + "\n1,2\n", o: ingest.Options{ContentType: "text/csv"}, code: "too_large", line: 1, message: "65536"},

	{name: "unknown encoding", body: `{}`, o: ingest.Options{ContentEncoding: "gzip, br"}, code: "unsupported", message: "Content-Encoding"},
	{name: "zip", body: "PK\x03\x04\x00", code: "unsupported", message: "zip"},
	{name: "UTF-16", body: "\xff\xfe{\x00}\x00", code: "unsupported", message: "UTF-16"},
	{name: "UTF-16 without a mark", body: "{\x00}\x00", code: "unsupported", message: "UTF-16"},

	{name: "endless blanks in front", body: strings.Repeat(" ", 300), o: ingest.Options{MaxRecord: 100}, code: "too_large", message: "100 blank"},
	{name: "endless blanks within", body: "[1" + strings.Repeat(" ", 300) + "]", o: ingest.Options{MaxRecord: 100}, code: "too_large", offset: 2, message: "blank"},
	{name: "endless blank lines", body: "{}\n{}\n" + strings.Repeat("\n", 300) + "{}", o: ingest.Options{MaxRecord: 100}, code: "too_large", offset: 6, message: "blank"},
	{name: "endless blank rows", body: "a,b\n" + strings.Repeat("\r\n", 300) + "1,2\n", o: ingest.Options{MaxRecord: 100}, code: "too_large", offset: 4, message: "blank"},
	{name: "endless name", body: `{"` + strings.Repeat("x", 300) + `":1}`, o: ingest.Options{MaxRecord: 100, Shape: "map"}, code: "too_large", offset: 1, line: 1, message: "name"},
	{name: "a map that turns out to be none", body: `{"a":{},"b":{"x":"` + strings.Repeat("x", 100) + `"},"c":1}`, o: ingest.Options{MaxRecord: 100, Key: hasSKU}, code: "invalid", offset: 125, line: 3, message: "member 3"},
}

func TestStreamFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range streamFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"whole":        strings.NewReader(tt.body),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.body)),
				"gzip":         strings.NewReader(gzipped(t, tt.body)),
			} {
				got := read(t, r, tt.o)
				if got.err == nil {
					t.Fatalf("%s: no error but %v", name, got.records)
				}
				if len(got.records) > 0 {
					t.Errorf("%s: records of the unfinished page: %v", name, got.records)
				}
				if got.err.Code() != tt.code || !strings.Contains(got.err.Message, tt.message) || got.err.Line != tt.line {
					t.Errorf("%s: %s, line %d: %v; want %s, line %d, %q", name, got.err.Code(), got.err.Line, got.err, tt.code, tt.line, tt.message)
				}
				if got.err.Offset != tt.offset {
					t.Errorf("%s: offset %d, want %d: %v", name, got.err.Offset, tt.offset, got.err)
				}
			}
		})
	}
}

// What was read whole before a fault stays handed out.
func TestPagesBeforeFault(t *testing.T) {
	t.Parallel()
	got := read(t, strings.NewReader("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":"), ingest.Options{MaxRecords: 2})
	if want := []string{`1||{"n":1}`, `2||{"n":2}`}; !slices.Equal(got.records, want) {
		t.Errorf("records %v, want %v", got.records, want)
	}
	if got.err == nil || got.err.Code() != "truncated" || got.err.Line != 4 {
		t.Errorf("error %v", got.err)
	}
}

// recordFaults are bodies with faults that stay with their record.
var recordFaults = []struct {
	name, body string
	o          ingest.Options
	format     string
	want       []string
	message    string // a part of the first one's
	offset     int64
}{
	{
		name: "broken lines", body: "{\"a\":1}\n{\"a\":}\nnonsense\n{\"a\":2}x\n{\"a\":\n{\"a\":3}\n",
		format: "ndjson", want: []string{`1||{"a":1}`, "2||!not_json", "3||!not_json", "4||!not_json", "5||!not_json", `6||{"a":3}`},
		message: "line 2: invalid character '}'", offset: 13,
	},
	{
		name: "first line broken", body: "{\"a\":tru}\n{\"a\":2}\n",
		format: "ndjson", want: []string{"1||!not_json", `2||{"a":2}`}, message: "line 1", offset: 8,
	},
	{
		name: "first line broken in a string", body: "{\"a\":\"x\n{\"a\":2}\n",
		format: "ndjson", want: []string{"1||!not_json", `2||{"a":2}`}, message: "unexpected end of the line", offset: 7,
	},
	{
		name: "first line broken behind a comma", body: "{\"a\":1,\n{\"a\":2}\n",
		format: "ndjson", want: []string{"1||!not_json", `2||{"a":2}`}, message: "unexpected end", offset: 7,
	},
	{
		name: "commas behind lines", body: "{\"a\":1},\n{\"a\":2}\n",
		format: "ndjson", want: []string{"1||!not_json", `2||{"a":2}`}, message: "one record per line", offset: 7,
	},
	{
		name: "broken lines by their type", body: "x\ny", o: ingest.Options{ContentType: "application/x-ndjson"},
		format: "ndjson", want: []string{"1||!not_json", "2||!not_json"}, message: "'x'",
	},
	{
		name: "NaN in a line", body: "{\"a\":1}\n{\"a\":NaN}\n",
		format: "ndjson", want: []string{`1||{"a":1}`, "2||!not_json"}, message: "NaN", offset: 13,
	},
	{
		name: "last line rubbish", body: "{\"a\":1}\n}",
		format: "ndjson", want: []string{`1||{"a":1}`, "2||!not_json"}, message: "'}'", offset: 8,
	},
	{
		name: "large lines", body: "{\"a\":1}\n{\"a\":\"0123456789\"}\n{\"a\":2}\n" + strings.Repeat("x", 50) + "\n{\"a\":\"0123456789\"}", o: ingest.Options{MaxRecord: 16},
		format: "ndjson", want: []string{`1||{"a":1}`, "2||!too_large", `3||{"a":2}`, "4||!too_large", "5||!too_large"}, message: "16 bytes", offset: 8,
	},
	{
		name: "large first line", body: "{\"a\":\"0123456789\"}\n{\"a\":2}\n", o: ingest.Options{MaxRecord: 16},
		format: "ndjson", want: []string{"1||!too_large", `2||{"a":2}`},
	},
	{
		name: "record at the limit", body: "[{\"a\":\"01234567\"},{\"a\":\"012345678\"}]", o: ingest.Options{MaxRecord: 16},
		format: "array", want: []string{`1||{"a":"01234567"}`, "2||!too_large"}, offset: 18,
	},
	{
		name: "large members", body: "{\"a\":{\"a\":\"0123456789\"},\"b\":[0]}", o: ingest.Options{MaxRecord: 16, Shape: "map"},
		format: "map", want: []string{"1|a|!too_large", "2|b|[0]"}, offset: 5,
	},
	{
		name: "large object", body: "{\"a\":\n\"0123456789\"}\n", o: ingest.Options{MaxRecord: 16, Key: hasSKU},
		format: "object", want: []string{"1||!too_large"},
	},
	{
		name: "large map, guessed", body: "{\"a\":{\"b\":1},\"c\":{\"d\":\"012345678\"}}", o: ingest.Options{MaxRecord: 16, Key: hasSKU},
		format: "map", want: []string{`1|a|{"b":1}`, "2|c|!too_large"}, offset: 17,
	},
	{
		name: "names that are not Unicode", body: "{\"\xff\":{},\"b\":{}}", o: ingest.Options{Shape: "map"},
		format: "map", want: []string{"1|\ufffd|!invalid", "2|b|{}"}, message: "Unicode", offset: 1,
	},
	{
		name: "large rows", body: "a,b\n1," + strings.Repeat("x", 50) + "\n1,\"\n\n" + strings.Repeat("x", 50) + "\"\n1,2\n1," + strings.Repeat("\x01", 10) + "\n", o: ingest.Options{MaxRecord: 40},
		format: "csv", want: []string{"2||!too_large", "3||!too_large", `6||{"a":"1","b":"2"}`, "7||!too_large"}, offset: 4,
	},
}

func TestRecordFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range recordFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"whole":        strings.NewReader(tt.body),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.body)),
			} {
				got := read(t, r, tt.o)
				check(t, name, got, tt.format, tt.want)
				if len(got.errs) == 0 {
					t.Fatalf("%s: no record has an error", name)
				}
				if e := got.errs[0]; !strings.Contains(e.Message, tt.message) || e.Offset != tt.offset {
					t.Errorf("%s: %v; want byte %d, %q", name, e, tt.offset, tt.message)
				}
				for _, e := range got.errs {
					if e.Line == 0 {
						t.Errorf("%s: no line: %v", name, e)
					}
				}
			}
		})
	}
}

// A reader that fails has cut the body off, wherever it fails and even where
// the records so far look complete.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"nothing": "", "line": "{\"a\":1}\n", "lines": "{\"a\":1}\n{\"a\":2}\n", "array": `[{"a":1},{"a":2}]`,
		"object": `{"a":1}`, "csv": "a,b\n1,2\n", "gzip": gzipped(t, `[{"a":1}]`), "zstd": zstded(t, `[{"a":1}]`),
		"magic": "\x1f\x8b", "large line": "{\"a\":1}\n{\"a\":\"" + strings.Repeat("x", 100) + "\"}",
	}
	for name, body := range bodies {
		for _, err := range []error{errLost, io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.EOF)} {
			r := io.MultiReader(strings.NewReader(body), iotest.ErrReader(err))
			got := read(t, r, ingest.Options{MaxRecord: 50})
			if got.err == nil || got.err.Code() != "truncated" || len(got.records) > 0 {
				t.Errorf("%s, %v: error %v, records %v", name, err, got.err, got.records)
				continue
			}
			if !errors.Is(err, io.EOF) && !errors.Is(got.err, err) {
				t.Errorf("%s: %v does not unwrap to %v", name, got.err, err)
			}
			if strings.Contains(got.err.Error(), err.Error()) {
				t.Errorf("%s: the client is told of %q", name, err)
			}
		}
	}
}

// A path that leads nowhere is answered with the names that are there: a few,
// and not at length.
func TestMissingPathHint(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString(`{"` + strings.Repeat("x", 39) + `é long":1`)
	for i := range 20 {
		fmt.Fprintf(&body, `,"n%d":{}`, i)
	}
	body.WriteString("}")
	got := read(t, strings.NewReader(body.String()), ingest.Options{Records: "data"})
	want := `the members here are "` + strings.Repeat("x", 39) + `…", "n0", "n1", "n2", "n3", "n4", "n5", "n6", …`
	if got.err == nil || got.err.Code() != "invalid" || !strings.HasSuffix(got.err.Message, want) {
		t.Errorf("%v; want …%s", got.err, want)
	}
}

// Cut off anywhere, compressed data is an error.
func TestCompressedDataBroken(t *testing.T) {
	t.Parallel()
	const body = "{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n{\"a\":3}\n"
	for name, data := range map[string]string{"gzip": gzipped(t, body), "zstd": zstded(t, body)} {
		for n := 4; n < len(data); n++ {
			got := read(t, strings.NewReader(data[:n]), ingest.Options{})
			if got.err == nil || got.err.Code() != "truncated" || len(got.records) > 0 {
				t.Errorf("%s cut at %d of %d: %v, %v", name, n, len(data), got.err, got.records)
			}
		}
		broken := []byte(data)
		broken[len(broken)-3] ^= 0x55 // the checksum
		got := read(t, strings.NewReader(string(broken)), ingest.Options{})
		if got.err == nil || got.err.Code() != "not_json" || !strings.Contains(got.err.Message, "corrupt") {
			t.Errorf("%s with a wrong checksum: %v", name, got.err)
		}
	}
}
