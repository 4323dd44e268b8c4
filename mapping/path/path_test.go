package path_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"dochook/mapping/path"
)

const sample = ` {
	"name": "QTN-1", "big": 9007199254740993, "price": 2500.0, "exp": 1E+2, "none": null, "yes": true,
	"nested": {"a": {"b": {"c": [10, 20, 30]}}, "z": {}},
	"items": [{"code": "A", "qty": 1.0, "tags": ["x","y"]}, {"code": "B}", "qty": 2.50, "tags": []}, {"qty": 3}],
	"dot.key": 1, "@type": "T", "#n": 2, "!x": 3, "br[0]": 4, "Price (USD)": 5, "a|b": 6, "star*": 7, "back\\slash": 8,
	"\u0065scaped \"key\"": "q\"\\\u00e9", "text": "{\"in\":{\"side\":1}}", "empty": "", "0": "zero", "list": [[1,2],[3]]
} `

func lookup(t *testing.T, expr, json string) (string, bool) {
	t.Helper()
	p, err := path.Parse(expr)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	raw, ok := p.Lookup([]byte(json))
	return string(raw), ok
}

// Alone and together with all the others a path selects the same.
func TestLookup(t *testing.T) {
	var set path.Set
	tests := []struct {
		path, want string // want "" means missing
	}{
		{"name", `"QTN-1"`},
		{"big", "9007199254740993"},
		{"price", "2500.0"},
		{"exp", "1E+2"},
		{"none", "null"},
		{"yes", "true"},
		{"empty", `""`},
		{"nested.a.b.c", "[10, 20, 30]"},
		{"nested.a.b.c.1", "20"},
		{"nested|a|b|c|1", "20"},
		{"nested.a.b.c.3", ""},
		{"nested.a.b.c.x", ""},
		{"nested.z", "{}"},
		{"nested.z.q", ""},
		{"name.first", ""},
		{"none.x", ""},
		{"missing", ""},
		{"0", `"zero"`},
		{"items.0.qty", "1.0"},
		{"items.00.qty", "1.0"},
		{"items.-1", ""},
		{"items.99999999999999999999", ""},
		{"items.1.code", `"B}"`},
		{"items.#", "3"},
		{"items.#.qty", "[1.0,2.50,3]"},
		{"items.#.code", `["A","B}"]`},
		{"items.#(qty>1).code", `"B}"`},
		{"items.#(qty>1)#", `[{"code": "B}", "qty": 2.50, "tags": []},{"qty": 3}]`},
		{"items.#(qty>1)#.qty", "[2.50,3]"},
		{"items.#(qty>1)#|#", "2"},
		{"items.#(qty>9)#", "[]"},
		{"items.#(qty>9)", ""},
		{`items.#(code=="B}").qty`, "2.50"},
		{`items.#(code%"A*").qty`, "1.0"},
		{`items.#(tags.#(=="y")).code`, `"A"`},
		{"items.#(code==~null)#", `[{"qty": 3}]`},
		{`dot\.key`, "1"},
		{`\@type`, `"T"`},
		{`\#n`, "2"},
		{`\!x`, "3"},
		{`br\[0\]`, "4"},
		{"Price (USD)", "5"},
		{`Price \(USD\)`, "5"},
		{`a\|b`, "6"},
		{`star\*`, "7"},
		{`back\\slash`, "8"},
		{`escaped \"key\"`, `"q\"\\\u00e9"`},
		{"pri*", "2500.0"},
		{"n?me", `"QTN-1"`},
		{"nested.?.b.c.0", "10"},
		{"@this", strings.TrimSpace(sample)},
		{"@this.name", `"QTN-1"`},
		{"name.@this", `"QTN-1"`},
		{"nested.a.b.c.@reverse", "[30,20,10]"},
		{"nested.a.b.c|@reverse|0", "30"},
		{"nested.@keys", `["a","z"]`},
		{"nested.z.@values", "[]"},
		{"list.@flatten", "[1,2,3]"},
		{"text.@fromstr.in.side", "1"},
		{"text.in", ""}, // the inside of a string is no object
		{"text.#", ""},
		{"name.@fromstr", ""}, // no JSON comes out
		{"list.@tostr", `"[[1,2],[3]]"`},
		{"nested.@dig:c", "[[10, 20, 30]]"},
		{"nested.a.b.@pretty:{\"indent\":\" \"}.c.0", "10"},
		{"{name,price}", `{"name":"QTN-1","price":2500.0}`},
		{`{"n":name,x:!{"a":1},big}`, `{"n":"QTN-1","x":{"a":1},"big":9007199254740993}`},
		{"[name,missing,big]", `["QTN-1",9007199254740993]`},
		{"items.#.{code,qty}", `[{"code":"A","qty":1.0},{"code":"B}","qty":2.50},{"qty":3}]`},
		{`!"x"`, `"x"`},
		{"!-1.50", "-1.50"},
		{"!null", "null"},
		{`!{"a": [1, 2]}`, `{"a": [1, 2]}`},
	}
	for i, tt := range tests {
		got, ok := lookup(t, tt.path, sample)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s = %s, %t, want %s", tt.path, got, ok, tt.want)
		}
		p, err := path.Parse(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if n := set.Add(p); n != i {
			t.Fatalf("%s is number %d, want %d", tt.path, n, i)
		}
	}
	found := set.Find([]byte(sample), nil)
	for i, tt := range tests {
		if raw, err := found.Value(i); err != nil || string(raw) != tt.want || (raw != nil) != (tt.want != "") {
			t.Errorf("%s in a set = %s, %v, want %s", tt.path, raw, err, tt.want)
		}
	}
}

func TestLookupRoots(t *testing.T) {
	tests := []struct{ path, json, want string }{
		{"0.a", `[{"a":1}]`, "1"},
		{"#.a", `[{"a":1},{"a":2.0}]`, "[1,2.0]"},
		{"a", `"{\"a\":1}"`, ""},
		{"#", `"[1,2]"`, ""},
		{"@this", " 5 ", "5"},
		{"a", "5", ""},
		{"a", "", ""},
		{"@this", "", ""},
		{"a", `{"a":1,"a":2}`, "1"},
	}
	for _, tt := range tests {
		if got, ok := lookup(t, tt.path, tt.json); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s of %s = %s, %t, want %s", tt.path, tt.json, got, ok, tt.want)
		}
	}
	if got, ok := (path.Path{}).Lookup([]byte("{}")); string(got) != "{}" || !ok {
		t.Errorf("the zero path gives %s, %t", got, ok)
	}
}

func TestPlainLookupSharesTheText(t *testing.T) {
	p, err := path.Parse("nested.a.b.c")
	if err != nil {
		t.Fatal(err)
	}
	json := []byte(sample)
	raw, _ := p.Lookup(json)
	json[strings.Index(sample, "[10")+1] = '9'
	if string(raw) != "[90, 20, 30]" {
		t.Errorf("the value was copied: %s", raw)
	}
	if n := testing.AllocsPerRun(100, func() { p.Lookup(json) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		path string
		pos  int
	}{
		{"", 0},
		{".", 0},
		{".a", 0},
		{"|a", 0},
		{"..a", 0},
		{"a.", 1},
		{"a|", 1},
		{"a..b", 2},
		{"a.|b", 2},
		{"a||b", 2},
		{`a\`, 1},
		{"a\x00b", 1},
		{"a\nb", 1},
		{"a\x7f", 1},
		{"a\xff", 0},
		{`a"b`, 1},
		{"a[0]", 1},
		{"a{b}", 1},
		{"a}", 1},
		{"a(b", 0},
		{"a)b", 1},
		{"#x", 0},
		{"a.#[b==1]", 2},
		{"#(a==1", 1},
		{"#(a==1)x", 7},
		{"#(a==1)##", 8},
		{"#()", 2},
		{"#( )", 2},
		{"#(a==)", 5},
		{"#(a!b)", 3},
		{"#(a===1)", 5},
		{"#(a=>1)", 4},
		{`#(a=="x)`, 5},
		{`#(a=="\d")`, 5},
		{`#(a==x"y")`, 6},
		{"#(a==~maybe)", 5},
		{"#(a..b==1)", 4},
		{"#(@nope==1)", 2},
		{"#({a,b}==1)", 2},
		{"#(a==1])", 6},
		{"@nope", 0},
		{"a.@nope", 2},
		{"@type", 0},
		{"@this:x", 6},
		{"@pretty:x", 8},
		{"@pretty:{x}", 8},
		{"@flatten:", 9},
		{"@dig", 0},
		{"@dig:a..b", 7},
		{"@dig:!1", 5},
		{`@tostr"x"`, 0},
		{`@pretty:{"a":1}x`, 15},
		{"a.!1", 2},
		{"!", 1},
		{"!x", 1},
		{"!1.a", 1},
		{"!nan", 1},
		{"{}", 1},
		{"{a,}", 3},
		{"{a, b}", 3},
		{"{a", 0},
		{"[a:b]", 2},
		{"[a}", 2},
		{"{:a}", 1},
		{`{"x:a}`, 1},
		{`{a b :c}`, 1},
		{"{@pretty:{}}", 1},
		{"{a}b", 3},
		{"[[a,b..c]]", 6},
		{strings.Repeat("a", 4097), 4096},
		{strings.Repeat("[", 20) + "a" + strings.Repeat("]", 20), 17},
	}
	for _, tt := range tests {
		_, err := path.Parse(tt.path)
		var e *path.Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q) = %v, want an error", tt.path, err)
			continue
		}
		if e.Code() != path.CodeInvalid || e.Pos != tt.pos {
			t.Errorf("Parse(%.50q) = %v (%s), want offset %d", tt.path, err, e.Code(), tt.pos)
		}
	}
}

func TestPathString(t *testing.T) {
	for _, expr := range []string{"a.b", "@this", `#(a=="x")#.b`, "!1"} {
		if p, err := path.Parse(expr); err != nil || p.String() != expr {
			t.Errorf("%q comes back as %q, %v", expr, p, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := path.Parse("a.@" + strings.Repeat("é", 2000))
	if err == nil || len(err.Error()) > 200 || !strings.HasSuffix(err.Error(), "(at offset 2)") {
		t.Errorf("%v, want a short text with the offset", err)
	}
	if err := inSet(t, "@tostr"+strings.Repeat("|@tostr", 60), sample); err == nil || strings.Contains(err.Error(), "offset") {
		t.Errorf("%v, want no offset", err)
	}
}

// The paths below are short, but without a bound each of them takes gigabytes, hours or the whole process.
func TestPathBombs(t *testing.T) {
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	tests := []struct{ name, path, json string }{
		{"escapes of escapes", "@tostr" + strings.Repeat("|@tostr", 60), sample},
		{"copies of copies", "@this" + strings.Repeat("|[@this,@this,@this,@this]", 20), sample},
		{"copies within", "[" + strings.Repeat("@this,", 600) + "@this]", `"` + strings.Repeat("x", 1<<20) + `"`},
		{"indents", "@pretty", deep},
		{"wide indents", `@pretty:{"indent":"` + strings.Repeat(" ", 4000) + `"}`, deep},
		{"dig", "@dig:a", `{"x":"` + strings.Repeat("x", 1<<20) + `","y":` + deep + `}`},
		{"group", "@group", `{"` + strings.Repeat("k", 1<<16) + `":[` + strings.Repeat("1,", 1<<16) + `1]}`},
		{"depth in a string", `s.@fromstr.@flatten:{"deep":true}`, `{"s":"` + strings.Repeat("[", 1<<20) + `"}`},
		{"depth in a string in a string", "s.@fromstr.@fromstr.@valid", `{"s":"\"` + strings.Repeat(`\\\u0075005b`, 1<<20) + `\""}`},
		{"escaped depth in a string", "s.@fromstr.@valid", `{"s":"` + strings.Repeat(`\u005b`, 1<<20) + `"}`},
	}
	for _, tt := range tests {
		if _, ok := lookup(t, tt.path, tt.json); ok {
			t.Errorf("%s: found", tt.name)
		}
		var e *path.Error
		if err := inSet(t, tt.path, tt.json); !errors.As(err, &e) || e.Code() != path.CodeTooLarge || e.Pos != -1 {
			t.Errorf("%s: %v, want too_large", tt.name, err)
		}
	}
}

// inSet returns the error of looking expr up in a set.
func inSet(t *testing.T, expr, json string) error {
	t.Helper()
	p, err := path.Parse(expr)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	var set path.Set
	n := set.Add(p)
	_, err = set.Find([]byte(json), nil).Value(n)
	return err
}

// The bound must not refuse what people really write, on documents of the size they really have.
func TestGrowthBoundIsNotFelt(t *testing.T) {
	item := `{"code":"A","qty":1.0,"note":"a text of some length, as they are","tags":["x","y"],"more":{"deep":{"er":[1,2,3]}}}`
	json := `{"name":"n","s":"{\"a\":[1,2,3]}","u":"\"` + strings.Repeat(`\u6771`, 20_000) + `\"","items":[` + strings.Repeat(item+",", 2000) + item + `]}` // 230 KB
	for _, expr := range []string{
		"@pretty", "@ugly", "@this|@tostr", "s.@fromstr.a", "items.@dig:er", "items.#.{code,qty,note}",
		"{name,items,a:{b:{c:name},d:items},e:[name,s]}", "items.@reverse.@tostr", `items.@flatten:{"deep":true}`,
		"items.#.more.@join", "items.0.@keys", "u.@fromstr",
	} {
		if _, ok := lookup(t, expr, json); !ok {
			t.Errorf("%s is refused", expr)
		}
	}
}

func TestSetAllocations(t *testing.T) {
	var set path.Set
	for _, expr := range []string{"nested.a.b.c.1", "nested.a.b", "name", "missing", "@this", `!"x"`} {
		p, err := path.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(p)
	}
	if n := set.Places(); n != 8 {
		t.Errorf("%d places, want one for the text and for each of nested, a, b, c, 1, name, missing", n)
	}
	json := []byte(sample)
	n := testing.AllocsPerRun(100, func() {
		room := [8][]byte{1: json, 7: json} // what is left of an earlier text must not be found
		found := set.Find(json, room[:])
		for i := range 6 {
			if raw, err := found.Value(i); err != nil || (raw == nil) != (i == 3) {
				t.Errorf("path %d: %s, %v", i, raw, err)
			}
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMembers(t *testing.T) {
	tests := []struct{ object, want string }{
		{"", ""},
		{"null", ""},
		{`"{}"`, ""},
		{`["a",1]`, ""},
		{" {} ", ""},
		{"\n{ \"b\" : 1.0 ,\t\"a\":\"x, }\" , \"b\":{ \"q\": [1] } }", `"b"=1.0;"a"="x, }";"b"={ "q": [1] };`},
		{`{"\u0061":null}`, `"\u0061"=null;`},
		{`{"a":1,`, `"a"=1;`}, // no JSON: it ends all the same
	}
	for _, tt := range tests {
		var got strings.Builder
		for name, value := range path.Members([]byte(tt.object)) {
			got.WriteString(string(name) + "=" + string(value) + ";")
		}
		if got.String() != tt.want {
			t.Errorf("%s: %s, want %s", tt.object, got.String(), tt.want)
		}
	}
	for name := range path.Members([]byte(`{"a":1,"b":2}`)) {
		if string(name) != `"a"` {
			t.Errorf("%s comes first", name)
		}
		break
	}
}

func TestElements(t *testing.T) {
	tests := []struct{ array, want string }{
		{"", ""},
		{"null", ""},
		{`"[1]"`, ""},
		{`{"a":[1]}`, ""},
		{" [ ] ", ""},
		{"\n[ 1.0 ,\t\"x, ]\" ,{ \"q\": [1] },[],null ]", `1.0;"x, ]";{ "q": [1] };[];null;`},
		{`[1,`, `1;`}, // no JSON: it ends all the same
		{`[1}2`, `1;};2;`},
	}
	for _, tt := range tests {
		var got strings.Builder
		for value := range path.Elements([]byte(tt.array)) {
			got.WriteString(string(value) + ";")
		}
		if got.String() != tt.want {
			t.Errorf("%s: %s, want %s", tt.array, got.String(), tt.want)
		}
	}
	for value := range path.Elements([]byte(`[1,2]`)) {
		if string(value) != "1" {
			t.Errorf("%s comes first", value)
		}
		break
	}
}

func FuzzPath(f *testing.F) {
	for _, expr := range []string{
		"a", "a.b.0", `a\.b`, "items.#(qty>1)#.code", "@this|@tostr", `{"x":a,b}`, "[a,@this]", `!{"a":1}`, "a*.?",
		"@dig:code", "@pretty:{\"indent\":\" \"}", "items.#.tags.#", "text.@fromstr", `#(a.#(=="x"))`, "@group", "nested.@join",
	} {
		f.Add(expr, sample)
		f.Add(expr, `[{"a":[{"b":1}]},[2],"x"]`)
	}
	f.Fuzz(func(t *testing.T, expr, json string) {
		p, err := path.Parse(expr)
		if err != nil {
			var e *path.Error
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(expr) || e.Code() != path.CodeInvalid {
				t.Fatalf("Parse(%q): %#v", expr, err)
			}
			return
		}
		first, ok := p.Lookup([]byte(json)) // any bytes: it must not panic
		if !jsontext.Value(json).IsValid() {
			return
		}
		if ok && !jsontext.Value(first).IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("%q of %q = %q, which is not JSON", expr, json, first)
		}
		if second, _ := p.Lookup([]byte(json)); !bytes.Equal(first, second) {
			t.Fatalf("%q of %q = %q and %q", expr, json, first, second)
		}
		checkSet(t, p, json, first)
		if isPlain(expr) && strings.ContainsAny(json[:1], "{[") { // in other texts gjson looks for braces inside strings
			want := gjson.Get(json, expr)
			if ok != want.Exists() || string(first) != want.Raw {
				t.Fatalf("%q of %q = %q, gjson says %q", expr, json, first, want.Raw)
			}
		}
	})
}

// checkSet checks that p selects want among others too.
func checkSet(t *testing.T, p path.Path, json string, want []byte) {
	t.Helper()
	var set path.Set
	for _, expr := range []string{"a", "a.b", "items.0"} {
		other, err := path.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(other)
	}
	n := set.Add(p)
	if got, err := set.Find([]byte(json), nil).Value(n); !bytes.Equal(got, want) {
		t.Fatalf("%q of %q = %q, in a set %q, %v", p, json, want, got, err)
	}
}

// isPlain tells paths that must agree with gjson to the byte.
func isPlain(expr string) bool {
	return !strings.ContainsAny(expr, `@#!*?{}[]()"|\`) && !strings.Contains(expr, "..")
}
