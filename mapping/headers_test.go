package mapping_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping"
)

func ExampleParseHeaders() {
	h, err := mapping.ParseHeaders(`{"X-Order": "{{doc.name}}", "X-Note": "{{doc.customer.name}} pays {{doc.total}}", "X-Fixed": "yes"}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	pairs, err := h.Render(doc)
	for _, p := range pairs {
		fmt.Printf("%s: %s\n", p.Name, p.Value)
	}
	fmt.Println(err)
	// Output:
	// X-Order: QTN-1
	// X-Note: Ada & Söhne pays 2500.0
	// X-Fixed: yes
	// <nil>
}

func ExampleParseHeaders_mistakes() {
	for _, text := range []string{
		`{"X-Task": 5}`,
		`{"X-Task": "{{resource}}"}`,
		`{"X Task": "a"}`,
		"{\"X-Task\": \"a\",\n \"x-task\": \"b\"}",
	} {
		_, err := mapping.ParseHeaders(text)
		fmt.Println(err)
	}
	// Output:
	// a header's value is a text in quotes (line 1, column 12)
	// {{resource}} is not a text, name a member of it (line 1, column 12)
	// "X Task" is not a header name (line 1, column 2)
	// the header "X-Task" comes twice (line 2, column 2)
}

// pairs makes headers of names and values.
func pairs(namesAndValues ...string) []mapping.Pair {
	var out []mapping.Pair
	for pair := range slices.Chunk(namesAndValues, 2) {
		out = append(out, mapping.Pair{Name: pair[0], Value: pair[1]})
	}
	return out
}

func TestHeaders(t *testing.T) {
	tests := []struct {
		text string
		want []mapping.Pair
	}{
		{`{}`, nil},
		{" {\n} ", nil},
		{`{"A":"b"}`, pairs("A", "b")},
		{`{"b":"1","A":"2"}`, pairs("b", "1", "A", "2")},
		{`{"A":"","B":" x ","C":"a\tb\"\\\/\u00fc"}`, pairs("A", "", "B", " x ", "C", "a\tb\"\\/ü")},
		{`{"!#$%&'*+-.^_|~9zZ":"b", "` + "`" + `":"c"}`, pairs("!#$%&'*+-.^_|~9zZ", "b", "`", "c")},
		{`{"\u0041":"b"}`, pairs("A", "b")},
		{`{"A":"{{userId}}"}`, pairs("A", "u-1")},
		{`{"A":{{userId}}}`, pairs("A", "u-1")},
		{`{"A":{{ doc.emoji }},"B":"{{doc.name}}"}`, pairs("A", "😀", "B", "A & B/ü")},
		{`{"A":"{{doc.empty}}"}`, pairs("A", "")},
		{`{"A":"at {{globals.dateUnix}}"}`, pairs("A", "at 1700000000")},
		{`{"A":"{{doc.total}};{{doc.big}};{{doc.yes}}"}`, pairs("A", "2500.0;12345678901234567890;true")},
		{`{"A":"<{{doc.none}}{{doc.missing}}{{old}}>"}`, pairs("A", "<>")},
		{`{"A":"{{doc.obj}} "}`, pairs("A", `{"k":"v\"w","n":[1,2]} `)},
		{`{"A":"{{doc.obj|@tostr}}"}`, pairs("A", `{"k": "v\"w", "n": [1, 2]}`)},
		{`{"A":"{{ doc.items.#(qty==1).code }}","B":"{{ doc.items.#(code=="x").code }}"}`, pairs("A", "}}", "B", "x")},
		{`{"A":"}} { }{"}`, pairs("A", "}} { }{")},
		{`{"A":"doc {{changed.0.name}}","B":"{{changed.0.name}}"}`, pairs("A", "doc price", "B", "price")},
	}
	for _, tt := range tests {
		h, err := mapping.ParseHeaders(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got, err := h.Render(vars)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s = %q, %v, want %q", tt.text, got, err, tt.want)
		}
		var names []string
		for _, p := range tt.want {
			names = append(names, p.Name)
		}
		if !slices.Equal(h.Names(), names) {
			t.Errorf("%s has the names %q", tt.text, h.Names())
		}
	}
}

func TestRenderHeadersFails(t *testing.T) {
	tests := []struct{ text, code, message string }{
		{`{"A":"{{globals.dateUnix}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but a number"},
		{`{"A":"x","B":{{doc.total}}}`, mapping.CodeRenderFailed, "header B: the value is not a string but a number"},
		{`{"A":"{{doc.missing}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but null, or missing"},
		{`{"A":"{{userName}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but null, or missing"},
		{`{"A":"{{doc.none}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but null, or missing"},
		{`{"A":"{{doc.yes}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but true or false"},
		{`{"A":"{{doc.obj}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but an object"},
		{`{"A":"{{doc.@this}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but an object"},
		{`{"A":"{{doc.items}}"}`, mapping.CodeRenderFailed, "header A: the value is not a string but an array"},
		{`{"A":"{{doc.crlf}}"}`, mapping.CodeRenderFailed, "header A: a value puts a line break or another control character into the text"},
		{`{"A":"say {{doc.q}}"}`, mapping.CodeRenderFailed, "header A: a value puts a line break or another control character into the text"},
		{`{"A":"` + strings.Repeat("x", 16<<10) + `{{doc.name}}"}`, mapping.CodeTooLarge, "header A: the result is larger than 16384 bytes"},
		{`{"A":"{{doc.@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr}}"}`, mapping.CodeTooLarge, ""},
	}
	for _, tt := range tests {
		h, err := mapping.ParseHeaders(tt.text)
		if err != nil {
			t.Errorf("%.80s: %v", tt.text, err)
			continue
		}
		got, err := h.Render(vars)
		var e *mapping.Error
		if !errors.As(err, &e) || e.Code() != tt.code || got != nil || tt.message != "" && e.Error() != tt.message {
			t.Errorf("%.80s = %q, %v, want %s %q", tt.text, got, err, tt.code, tt.message)
		}
	}
}

func TestParseHeadersRefuses(t *testing.T) {
	tests := []struct {
		text              string
		pos, line, column int
	}{
		{"", 0, 1, 1},
		{"X-A: b", 0, 1, 1},
		{`"a"`, 0, 1, 1},
		{` ["a"]`, 1, 1, 2},
		{"\n{{doc}}", 1, 2, 1},
		{`"{{doc.x}}"`, 0, 1, 1},
		{`{"A":"b"`, 8, 1, 9},
		{`{"A":"b",}`, 9, 1, 10},
		{`{"A":"b"} x`, 10, 1, 11},
		{`{A:"b"}`, 1, 1, 2},
		{`{"A":b}`, 5, 1, 6},
		{`{"A":"{{doc.x"}`, 6, 1, 7},
		{`{"A":"{{doc.x}"}`, 6, 1, 7},
		{`{"A":"{{ nope }}"}`, 9, 1, 10},
		{`{"A":"{{ doc..x }}"}`, 13, 1, 14},
		{`{"A":1}`, 5, 1, 6},
		{`{"A":null}`, 5, 1, 6},
		{`{"A":true}`, 5, 1, 6},
		{"{\"A\":\"ü\",\n \"B\": {}}", 17, 2, 7},
		{`{"A":["{{doc.x}}"]}`, 5, 1, 6},
		{`{"A":{"B":{{doc.x}}}}`, 5, 1, 6},
		{`{"A":"{{userId}}","B":null}`, 22, 1, 23},
		{`{"A":"{{doc}}"}`, 5, 1, 6},
		{`{"A":"{{userId}}","B":{{ old }}}`, 22, 1, 23},
		{`{"A":"{{changed}}"}`, 5, 1, 6},
		{`{"A":"{{globals}}"}`, 5, 1, 6},
		{`{"A":"{{eventData}}"}`, 5, 1, 6},
		{`{"A":"{{ resource }}"}`, 5, 1, 6},
		{`{"":"b"}`, 1, 1, 2},
		{`{"A B":"b"}`, 1, 1, 2},
		{`{"A:":"b"}`, 1, 1, 2},
		{`{"A\r":"b"}`, 1, 1, 2},
		{`{"ü":"b"}`, 1, 1, 2},
		{`{"A":"{{userId}}","{{doc.x}}":"b"}`, 18, 1, 19},
		{`{"A{{doc.x}}":"b"}`, 1, 1, 2},
		{`{"A":"b","A":"c"}`, 9, 1, 10},
		{`{"A":"{{userId}}","B":"c","a":"d"}`, 26, 1, 27},
		{`{"A":"{{userId}}\r\n"}`, 16, 1, 17},
		{`{"A":"a\u000Ab"}`, 7, 1, 8},
		{`{"A":"\\\u007f"}`, 8, 1, 9},
		{"{\"A\":\"a\x7f\"}", 7, 1, 8},
		{`{"A":"\b"}`, 6, 1, 7},
	}
	for _, tt := range tests {
		_, err := mapping.ParseHeaders(tt.text)
		var e *mapping.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v, want an error", tt.text, err)
			continue
		}
		if e.Code() != mapping.CodeInvalidTemplate || e.Pos != tt.pos || e.Line != tt.line || e.Column != tt.column {
			t.Errorf("%q: %s %v at %d, want %d (line %d, column %d)", tt.text, e.Code(), err, e.Pos, tt.pos, tt.line, tt.column)
		}
	}
	var e *mapping.Error
	if _, err := mapping.ParseHeaders(strings.Repeat(" ", 1<<20) + "{}"); !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge {
		t.Errorf("a template of more than 1 MiB: %v", err)
	}
	var many strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&many, `,"X-%04d":""`, i)
	}
	if _, err := mapping.ParseHeaders("{" + many.String()[1:] + "}"); !errors.As(err, &e) || e.Pos != 1000*len(`,"X-0000":""`)+1 {
		t.Errorf("a template of 1,001 headers: %v", err)
	}
}

func TestHeaderErrorsHoldNoValues(t *testing.T) {
	for _, text := range []string{`{"A":"{{doc}}!"}`, `{"A":"{{doc.x}}"}`} {
		h, err := mapping.ParseHeaders(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{`{"x":["s3cret"]}`, `"s3cret\r\n"`, `{"x":"s3cret\n"}`} {
			if _, err := h.Render(func(string) []byte { return []byte(value) }); err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s of %s: %v", text, value, err)
			}
		}
	}
}

func TestHeaderNamesAreACopy(t *testing.T) {
	h, err := mapping.ParseHeaders(`{"A":"b"}`)
	if err != nil {
		t.Fatal(err)
	}
	h.Names()[0] = "changed by the caller"
	if got, err := h.Render(vars); err != nil || !slices.Equal(got, pairs("A", "b")) {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzHeaders(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"A":"b","C":"{{doc.name}}"}`, `{"A":{{doc.total}},"a":"x"}`, `{"A":"{{doc.items.#(code==\"x\").code}} \u000a"}`,
		`{"A\t":"{{doc.crlf}}"}`, `{"{{doc.name}}":"x"}`, `["{{doc}}"]`, `{"A":"-{{0}}","B":"{{doc.{a,b}}}\\"}`,
	} {
		f.Add(text, templateDoc)
		f.Add(text, `"\ud83d\ude00\u007f"`)
	}
	f.Fuzz(func(t *testing.T, text, doc string) {
		h, err := mapping.ParseHeaders(text)
		if err != nil {
			var e *mapping.Error
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(text) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("ParseHeaders(%q): %#v", text, err)
			}
			return
		}
		root := func(string) []byte { return []byte(doc) }
		got, err := h.Render(root)
		if !jsontext.Value(doc).IsValid() {
			return
		}
		if err != nil {
			var e *mapping.Error
			if !errors.As(err, &e) || got != nil {
				t.Fatalf("%q of %q: %q, %v", text, doc, got, err)
			}
			return
		}
		if again, err := h.Render(root); err != nil || !slices.Equal(got, again) {
			t.Fatalf("%q of %q: %q and %q, %v", text, doc, got, again, err)
		}
		for i, p := range got {
			if p.Name != h.Names()[i] {
				t.Fatalf("%q of %q: %q", text, doc, got)
			}
			checkPair(t, p)
		}
		if len(got) != len(h.Names()) {
			t.Fatalf("%q of %q: %q", text, doc, got)
		}
	})
}

// checkPair checks that a reader of HTTP finds this header and no other.
func checkPair(t *testing.T, p mapping.Pair) {
	t.Helper()
	lines := bufio.NewReader(strings.NewReader(p.Name + ": " + p.Value + "\r\n\r\n"))
	read, err := textproto.NewReader(lines).ReadMIMEHeader()
	values := read.Values(p.Name)
	if err != nil || len(read) != 1 || len(values) != 1 || values[0] != strings.Trim(p.Value, " \t") || strings.ContainsRune(p.Value, 0) {
		t.Fatalf("%q is read as %q, %v", p, read, err)
	}
}
