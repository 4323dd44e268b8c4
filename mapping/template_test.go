package mapping_test

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping"
)

// vars are the variables of the tests; what is not here is absent.
func vars(root string) []byte {
	switch root {
	case "doc":
		return []byte(templateDoc)
	case "userId":
		return []byte(`"u-1"`)
	case "changed":
		return []byte(`[{"name":"price","from":1.0,"to":2.50}]`)
	case "globals":
		return []byte(`{"dateUnix":1700000000}`)
	}
	return nil
}

const templateDoc = `{"name":"A & B/ü", "total":2500.0, "big":12345678901234567890, "none":null, "yes":true, "obj":{"k": "v\"w", "n": [1, 2]},
	"q":"say \"hi\"\n\\", "items":[{"code":"}}","qty":1},{"code":"x","qty":2.0}], "crlf":"a\r\nb", "dot":".", "dots":"..", "empty":"",
	"host":"eu-1", "evil":"evil.com/x?y#z@", "port":8443, "emoji":"\ud83d\ude00", "a.b":7, "sp ace":8, "{":9}`

func render(t *testing.T, src string, kind mapping.Kind) (string, error) {
	t.Helper()
	tpl, err := mapping.ParseTemplate(src, kind)
	if err != nil {
		t.Fatalf("ParseTemplate(%q): %v", src, err)
	}
	got, err := tpl.Append([]byte("before "), vars)
	rest, ok := strings.CutPrefix(string(got), "before ")
	if !ok {
		t.Fatalf("%q: what was in dst is lost: %q", src, got)
	}
	return rest, err
}

func TestJSONTemplate(t *testing.T) {
	tests := []struct{ src, want string }{
		{`{}`, `{}`},
		{` [1, "a"] `, ` [1, "a"] `},
		{`{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`"{{doc.total}}"`, `2500.0`},
		{`{{doc.total}}`, `2500.0`},
		{`{"a":"{{doc.total}}"}`, `{"a":2500.0}`},
		{`{"a":{{doc.total}}}`, `{"a":2500.0}`},
		{`{"a":{{ doc.big }},"b":[{{doc.yes}},{{doc.none}},{{doc.missing}}]}`, `{"a":12345678901234567890,"b":[true,null,null]}`},
		{`{"a":"{{doc.obj}}"}`, `{"a":{"k":"v\"w","n":[1,2]}}`},
		{`{"a":"{{doc.name}}"}`, `{"a":"A & B/ü"}`},
		{`{"a":"{{doc.emoji}}"}`, `{"a":"\ud83d\ude00"}`},
		{`{"a":"{{doc.missing}}","b":"{{old}}","c":"{{old.x}}"}`, `{"a":null,"b":null,"c":null}`},
		{`{"a":"<{{doc.missing}}{{doc.none}}{{old}}>"}`, `{"a":"<>"}`},
		{`{"a":" {{doc.total}}"}`, `{"a":" 2500.0"}`},
		{`{"a":"{{doc.yes}}{{doc.big}}"}`, `{"a":"true12345678901234567890"}`},
		{`{"a":"{{doc.q}}!"}`, `{"a":"say \"hi\"\n\\!"}`},
		{`{"a":"{{doc.obj}}!"}`, `{"a":"{\"k\":\"v\\\"w\",\"n\":[1,2]}!"}`},
		{`{"{{doc.name}}":1}`, `{"A & B/ü":1}`},
		{`{"{{doc.total}}" : "{{doc.total}}"}`, `{"2500.0" : 2500.0}`},
		{`{"{{doc.missing}}":1,"{{doc.name}}":2}`, `{"":1,"A & B/ü":2}`},
		{`{"id {{userId}}":"{{ userId }}"}`, `{"id u-1":"u-1"}`},
		{`{"a":"{{changed.0.to}}","n":{{ changed.# }},"t":{{globals.dateUnix}}}`, `{"a":2.50,"n":1,"t":1700000000}`},
		{`["{{ doc.items.#(qty>1)#.code }}","{{doc.items.0.code}}"]`, `[["x"],"}}"]`},
		{`["{{ doc.items.#(code==\"x\").qty }}"]`, `[2.0]`},
		{`["{{ doc.items.#(code=="x").qty }}"]`, `[2.0]`},
		{`[{{ doc.items.#(code=="}}").qty }}]`, `[1]`},
		{`["{{ doc.items.#(code=="}}").qty }}"]`, `[1]`},
		{`["{{ doc.items.#(code==\"}}\").qty }}"]`, `[1]`},
		{`["{{doc.{total,yes}}}",{{doc.[total,yes]}}]`, `[{"total":2500.0,"yes":true},[2500.0,true]]`},
		{`["{{doc|@keys|0}}","{{doc.obj.@keys}}"]`, `["name",["k","n"]]`},
		{`["{{doc.a\.b}}","{{doc.a\\.b}}",{{doc.a\.b}}]`, `[7,7,7]`},
		{`["{{doc.sp ace}}","{{	doc.total	}}"]`, `[8,2500.0]`},
		{`["{{doc.\{}}"]`, `[9]`},
		{`["}} { }","a}}b"]`, `["}} { }","a}}b"]`},
		{`["\"{{doc.total}}\""]`, `["\"2500.0\""]`},
		{`["\\{{doc.total}}"]`, `["\\2500.0"]`},
		{`["\u007b{doc.total}}"]`, `["\u007b{doc.total}}"]`},
		{`{{doc}}`, strings.NewReplacer("\n\t", "", `, "`, `,"`, `: "`, `:"`, ": [1, 2]", ":[1,2]").Replace(templateDoc)},
	}
	for _, tt := range tests {
		got, err := render(t, tt.src, mapping.JSON)
		if err != nil || got != tt.want {
			t.Errorf("%s\n got %s, %v\nwant %s", tt.src, got, err, tt.want)
		}
		if !jsontext.Value(got).IsValid() {
			t.Errorf("%s gives %s, which is not JSON", tt.src, got)
		}
	}
}

func TestTextTemplate(t *testing.T) {
	tests := []struct{ src, want string }{
		{"", ""},
		{"plain }} { } \t", "plain }} { } \t"},
		{"Bearer {{userId}}", "Bearer u-1"},
		{"{{doc.name}}", "A & B/ü"},
		{"{{doc.total}};{{doc.big}};{{doc.yes}}", "2500.0;12345678901234567890;true"},
		{"<{{doc.none}}{{doc.missing}}{{old}}{{doc.empty}}>", "<>"},
		{"{{doc.obj}}", `{"k":"v\"w","n":[1,2]}`},
		{"{{doc.emoji}}", "😀"},
		{`{{doc.items.#(code=="x").qty}}`, "2.0"},
		{`"{{doc.total}}"`, `"2500.0"`},
		{"{{doc.items.0.code}}", "}}"},
	}
	for _, tt := range tests {
		if got, err := render(t, tt.src, mapping.Text); err != nil || got != tt.want {
			t.Errorf("%s = %q, %v, want %q", tt.src, got, err, tt.want)
		}
	}
}

func TestURLTemplate(t *testing.T) {
	tests := []struct{ src, want string }{
		{"https://h.test/a?b=c#d", "https://h.test/a?b=c#d"},
		{"HTTP://h.test", "HTTP://h.test"},
		{"https://h.test/{{doc.name}}/x", "https://h.test/A%20%26%20B%2F%C3%BC/x"},
		{"https://h.test/?q={{doc.name}}&{{doc.evil}}=1", "https://h.test/?q=A%20%26%20B%2F%C3%BC&evil.com%2Fx%3Fy%23z%40=1"},
		{"https://h.test/{{doc.total}}/{{doc.missing}}/{{doc.emoji}}", "https://h.test/2500.0//%F0%9F%98%80"},
		{"https://h.test/{{doc.obj}}", "https://h.test/%7B%22k%22%3A%22v%5C%22w%22%2C%22n%22%3A%5B1%2C2%5D%7D"},
		{"https://{{doc.host}}.h.test:{{doc.port}}/x", "https://eu-1.h.test:8443/x"},
		{"https://h.test/%2F{{doc.host}}", "https://h.test/%2Feu-1"},
		{"https://h.test/a{{doc.dot}}", "https://h.test/a."},
		{"https://h.test/?q={{doc.dots}}/{{doc.dots}}", "https://h.test/?q=../.."},
		{"https://[::1]:80/{{doc.host}}", "https://[::1]:80/eu-1"},
	}
	for _, tt := range tests {
		got, err := render(t, tt.src, mapping.URL)
		if err != nil || got != tt.want {
			t.Errorf("%s = %q, %v, want %q", tt.src, got, err, tt.want)
		}
	}
}

func TestRenderFails(t *testing.T) {
	tests := []struct {
		src  string
		kind mapping.Kind
		code string
	}{
		{"{{doc.crlf}}", mapping.Text, mapping.CodeRenderFailed},
		{"{{doc.q}}", mapping.Text, mapping.CodeRenderFailed},
		{"https://h.test/{{doc.dots}}/x", mapping.URL, mapping.CodeRenderFailed},
		{"https://h.test/{{doc.dot}}", mapping.URL, mapping.CodeRenderFailed},
		{"https://h.test/.{{doc.dot}}", mapping.URL, mapping.CodeRenderFailed},
		{"https://h.test/%2E{{doc.dot}}/", mapping.URL, mapping.CodeRenderFailed},
		{"https://h.test/{{doc.dots}};v=1/", mapping.URL, mapping.CodeRenderFailed},
		{"https://{{doc.missing}}/x", mapping.URL, mapping.CodeRenderFailed},
		{"https://{{doc.missing}}.h.test/x", mapping.URL, mapping.CodeRenderFailed},
		{"https://{{doc.evil}}.h.test/x", mapping.URL, mapping.CodeRenderFailed},
		{"https://h{{doc.dots}}test/x", mapping.URL, mapping.CodeRenderFailed},
		{"https://h.test:{{doc.host}}/", mapping.URL, mapping.CodeRenderFailed},
		{strings.Repeat("{{doc.name}}", 999) + strings.Repeat("x", 16<<10), mapping.Text, mapping.CodeTooLarge},
		{"https://h.test/" + strings.Repeat("{{doc.obj}}", 1000), mapping.URL, mapping.CodeTooLarge},
		{"[" + strings.Repeat(`{{doc.@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr|@tostr}},`, 10) + "1]", mapping.JSON, mapping.CodeTooLarge},
	}
	for _, tt := range tests {
		got, err := render(t, tt.src, tt.kind)
		var e *mapping.Error
		if !errors.As(err, &e) || e.Code() != tt.code || got != "" {
			t.Errorf("%.80s = %.80q, %v, want %s", tt.src, got, err, tt.code)
		}
	}
}

func TestTemplateTooLarge(t *testing.T) {
	value := []byte(`"` + strings.Repeat("x", 5<<20) + `"`)
	tpl, err := mapping.ParseTemplate("["+strings.Repeat("{{doc}},", 9)+"{{doc}}]", mapping.JSON)
	if err != nil {
		t.Fatal(err)
	}
	body, err := tpl.Append(nil, func(string) []byte { return value })
	var e *mapping.Error
	if !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge || len(body) != 0 {
		t.Errorf("50 MiB: %d bytes, %v", len(body), err)
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	tests := []struct {
		src               string
		kind              mapping.Kind
		pos, line, column int
	}{
		{"", mapping.JSON, 0, 1, 1},
		{" \n ", mapping.JSON, 0, 1, 1},
		{`{"a":1`, mapping.JSON, 6, 1, 7},
		{`{"a":"x`, mapping.JSON, 7, 1, 8},
		{"{\n \"ü\": {{doc.x}}\n x}", mapping.JSON, 20, 3, 2},
		{`{"a":1} {}`, mapping.JSON, 8, 1, 9},
		{`{{doc.x}} {{doc.y}}`, mapping.JSON, 10, 1, 11},
		{`1{{doc.x}}`, mapping.JSON, 1, 1, 2},
		{`{{doc.x}}1`, mapping.JSON, 9, 1, 10},
		{`-{{doc.x}}`, mapping.JSON, 1, 1, 2},
		{`{ {{doc.x}}: 1}`, mapping.JSON, 2, 1, 3},
		{`{"a":1,"a":{{doc.x}}}`, mapping.JSON, 7, 1, 8},
		{`["\{{doc.x}}"]`, mapping.JSON, 2, 1, 3},
		{`["\u00{{doc.x}}41"]`, mapping.JSON, 2, 1, 3},
		{`["\ud83d{{doc.x}}\ude00"]`, mapping.JSON, 2, 1, 3},
		{"[\"a\nb\"]", mapping.JSON, 3, 1, 4},
		{`["{{doc.x"]`, mapping.JSON, 2, 1, 3},
		{`["{{doc.x}"]`, mapping.JSON, 2, 1, 3},
		{"[\"{{doc.\nx}}\"]", mapping.JSON, 2, 1, 3},
		{`["{{}}"]`, mapping.JSON, 2, 1, 3},
		{`["{{  }}"]`, mapping.JSON, 2, 1, 3},
		{`["{{ foo }}"]`, mapping.JSON, 5, 1, 6},
		{`["{{ docs.x }}"]`, mapping.JSON, 5, 1, 6},
		{`["{{ .x }}"]`, mapping.JSON, 5, 1, 6},
		{`["{{ {doc.a,doc.b} }}"]`, mapping.JSON, 5, 1, 6},
		{`["{{ {{doc.x}} }}"]`, mapping.JSON, 5, 1, 6},
		{`["{{ doc[0] }}"]`, mapping.JSON, 8, 1, 9},
		{`["{{ doc. }}"]`, mapping.JSON, 9, 1, 10},
		{`["{{ doc.a..b }}"]`, mapping.JSON, 11, 1, 12},
		{`["{{ doc.#(a== }}"]`, mapping.JSON, 2, 1, 3},
		{"[\xff]", mapping.JSON, 0, 1, 1},
		{"a\r\nb", mapping.Text, 1, 1, 2},
		{"a\x00b", mapping.Text, 1, 1, 2},
		{"é {{ nope }}", mapping.Text, 6, 1, 6},
		{"{{doc.x", mapping.Text, 0, 1, 1},
		{"", mapping.URL, 0, 1, 1},
		{"{{doc.url}}", mapping.URL, 0, 1, 1},
		{"{{doc.scheme}}://h.test/", mapping.URL, 0, 1, 1},
		{"ftp://h.test/", mapping.URL, 0, 1, 1},
		{"//h.test/", mapping.URL, 0, 1, 1},
		{"h.test/", mapping.URL, 0, 1, 1},
		{"https:///x", mapping.URL, 8, 1, 9},
		{"https://:80/x", mapping.URL, 8, 1, 9},
		{"https://h.test:x/", mapping.URL, 8, 1, 9},
		{"https://u:p@h.test/", mapping.URL, 8, 1, 9},
		{"https://{{doc.x}}@h.test/", mapping.URL, 8, 1, 9},
		{"https://h.test/a b", mapping.URL, 16, 1, 17},
		{`https://h.test\@x/`, mapping.URL, 14, 1, 15},
		{"https://h.test/{{doc.x}}/%2", mapping.URL, 25, 1, 26},
		{"https://h.test/%{{doc.x}}", mapping.URL, 15, 1, 16},
		{"https://h.test/%{{doc.x}}0", mapping.URL, 15, 1, 16},
		{"https://h.test/%2{{doc.x}}", mapping.URL, 15, 1, 16},
		{"https://h.test/a/../{{doc.x}}", mapping.URL, 0, 1, 1},
		{"https://h.test/{{doc.x}}/%2e%2E", mapping.URL, 0, 1, 1},
		{"https://h.test/{{doc.x}}\n", mapping.URL, 24, 1, 25},
	}
	for _, tt := range tests {
		_, err := mapping.ParseTemplate(tt.src, tt.kind)
		var e *mapping.Error
		if !errors.As(err, &e) {
			t.Errorf("ParseTemplate(%q) = %v, want an error", tt.src, err)
			continue
		}
		if e.Code() != mapping.CodeInvalidTemplate || e.Pos != tt.pos || e.Line != tt.line || e.Column != tt.column {
			t.Errorf("ParseTemplate(%q) = %s %v at %d, want %d (line %d, column %d)", tt.src, e.Code(), err, e.Pos, tt.pos, tt.line, tt.column)
		}
	}
	var e *mapping.Error
	if _, err := mapping.ParseTemplate(strings.Repeat(" ", 1<<20)+"1", mapping.JSON); !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge {
		t.Errorf("a template of more than 1 MiB: %v", err)
	}
	if _, err := mapping.ParseTemplate(strings.Repeat("{{doc}}", 1001), mapping.Text); !errors.As(err, &e) || e.Pos != 7000 {
		t.Errorf("a template of 1,001 variables: %v", err)
	}
}

func TestErrorsHoldNoValues(t *testing.T) {
	secret := func(string) []byte { return []byte(`"s3cret\r\n.."`) }
	for src, kind := range map[string]mapping.Kind{"{{doc}}": mapping.Text, "https://{{doc}}/": mapping.URL} {
		tpl, err := mapping.ParseTemplate(src, kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tpl.Append(nil, secret); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestRoots(t *testing.T) {
	roots := mapping.Roots()
	for _, root := range roots {
		if _, err := mapping.ParseTemplate("{{"+root+"}}", mapping.Text); err != nil {
			t.Errorf("%s: %v", root, err)
		}
	}
	roots[0] = "changed by the caller"
	if slices.Equal(roots, mapping.Roots()) {
		t.Error("the caller can change the roots")
	}
}

func TestTemplateAllocations(t *testing.T) {
	for src, kind := range map[string]mapping.Kind{
		`{"a":"{{doc.obj}}","b":"{{doc.name}} {{doc.total}} {{doc.obj}}","c":{{doc.items.0.qty}}}`: mapping.JSON,
		`Bearer {{doc.name}}`: mapping.Text,
	} {
		tpl, err := mapping.ParseTemplate(src, kind)
		if err != nil {
			t.Fatal(err)
		}
		json, buf := []byte(templateDoc), make([]byte, 0, 4096)
		root := func(string) []byte { return json }
		if n := testing.AllocsPerRun(100, func() { _, _ = tpl.Append(buf, root) }); n > 0 {
			t.Errorf("%s: %v allocations", src, n)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, src := range []string{
		`{"a":"{{doc.total}}","{{doc.q}}":{{doc}},"c":"x{{doc.obj}}{{doc.missing}}"}`, `["{{doc.items.#(code==\"x\").qty}}"]`,
		"Bearer {{doc.name}}", "https://{{doc.host}}.h.test/{{doc.name}}/x?y={{doc.obj}}", "https://h.test/{{doc}}/{{doc.dots}}",
		`"{{doc.{a,b}}}"`, `"\\{{doc}}"`, "{{doc|@tostr}}",
	} {
		f.Add(src, templateDoc)
		f.Add(src, `"\ud83d\ude00/..\r\n"`)
	}
	f.Fuzz(func(t *testing.T, src, doc string) {
		for _, kind := range []mapping.Kind{mapping.JSON, mapping.Text, mapping.URL} {
			tpl, err := mapping.ParseTemplate(src, kind)
			if err != nil {
				var e *mapping.Error
				if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(src) || e.Line < 1 || e.Column < 1 {
					t.Fatalf("ParseTemplate(%q): %#v", src, err)
				}
				continue
			}
			got, err := tpl.Append(nil, func(string) []byte { return []byte(doc) })
			if err != nil || !jsontext.Value(doc).IsValid() {
				continue
			}
			if again, err := tpl.Append(nil, func(string) []byte { return []byte(doc) }); err != nil || !bytes.Equal(got, again) {
				t.Fatalf("%q of %q = %q and %q, %v", src, doc, got, again, err)
			}
			switch kind {
			case mapping.JSON:
				if !jsontext.Value(got).IsValid(jsontext.AllowDuplicateNames(true)) {
					t.Fatalf("%q of %q = %q, which is not JSON", src, doc, got)
				}
			case mapping.Text:
				if bytes.ContainsAny(got, "\r\n\x00") {
					t.Fatalf("%q of %q = %q", src, doc, got)
				}
			case mapping.URL:
				checkURL(t, src, string(got), tpl)
			}
		}
	})
}

// checkURL checks that a rendered URL parses and that its values stayed where they were put: whatever they are, the URL
// has the delimiters and, if no variable stands in it, the host of the template.
func checkURL(t *testing.T, src, got string, tpl *mapping.Template) {
	t.Helper()
	parsed, err := url.Parse(got)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		t.Fatalf("%q gives %q: %v", src, got, err)
	}
	other, err := tpl.Append(nil, func(string) []byte { return []byte(`"x"`) })
	if err != nil {
		return // no host without the values
	}
	for _, delimiter := range "/?#&=@:;" {
		if strings.Count(got, string(delimiter)) != strings.Count(string(other), string(delimiter)) {
			t.Fatalf("%q gives %q and %q", src, got, other)
		}
	}
	_, authority, _ := strings.Cut(src, "://")
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority = authority[:i]
	}
	if same, err := url.Parse(string(other)); !strings.Contains(authority, "{{") && (err != nil || same.Host != parsed.Host) {
		t.Fatalf("%q gives %q and %q: the host changed", src, got, other)
	}
}
