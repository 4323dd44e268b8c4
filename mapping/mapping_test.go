package mapping_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping"
)

const sample = ` {
	"name": "QTN-1", "big": 9007199254740993, "price": 2500.0, "none": null, "nested": {"a": {"b": {"c": [10, 20, 30]}}, "z": {}},
	"items": [{"code": "A", "qty": 1.0, "tags": ["x","y"]}, {"code": "B}", "qty": 2.50, "tags": []}, {"qty": 3}],
	"dot.key": 1, "\u0065scaped \"key\"": "q\"\\\u00e9", "text": "{\"in\":{\"side\":1}}", "empty": ""
} `

func rows(pairs ...string) []mapping.Row {
	var list []mapping.Row
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, mapping.Row{Fieldname: pair[0], Key: pair[1]})
	}
	return list
}

func TestMapping(t *testing.T) {
	doc := ` { "name" : "QTN-1", "total":2500.0, "big":12345678901234567890, "none":null,
		"items":[ {"qty": 1.0 , "s":"a  b"} , {"qty":2} ], "nested":{"deep":{"er":"é\u00e9 \" ]"}} } `
	tests := []struct {
		rows []mapping.Row
		want string
	}{
		{nil, ``},
		{rows("name", "id"), `{"id":"QTN-1"}`},
		{rows("name", "id", "items", "lineItems"), `{"id":"QTN-1","lineItems":[{"qty":1.0,"s":"a  b"},{"qty":2}]}`},
		{rows("total", "z", "big", "a"), `{"z":2500.0,"a":12345678901234567890}`},
		{rows("none", "n", "missing", "m", "name.x.y", "s"), `{"n":null,"m":null,"s":null}`},
		{rows("nested.deep.er", "x"), `{"x":"é\u00e9 \" ]"}`},
		{rows("nested.deep", "a", "nested", "b", "nested.deep.er", "c"), `{"a":{"er":"é\u00e9 \" ]"},"b":{"deep":{"er":"é\u00e9 \" ]"}},"c":"é\u00e9 \" ]"}`},
		{rows("name", "a.b"), `{"a":{"b":"QTN-1"}}`},
		{rows("name", `a\.b`), `{"a.b":"QTN-1"}`},
		{rows("name", `a\\.b`), `{"a\\":{"b":"QTN-1"}}`},
		{rows("name", "a.x", "total", "b", "none", "a.y.z", "big", "a.y.w"), `{"a":{"x":"QTN-1","y":{"z":null,"w":12345678901234567890}},"b":2500.0}`},
		{rows("name", `q"k`, "name", "ключ", "name", " "), `{"q\"k":"QTN-1","ключ":"QTN-1"," ":"QTN-1"}`},
		{rows("name", "0.1"), `{"0":{"1":"QTN-1"}}`},
		{rows("items", ""), `[{"qty":1.0,"s":"a  b"},{"qty":2}]`},
		{rows("missing", ""), `null`},
		{rows("@this", "doc"), `{"doc":{"name":"QTN-1","total":2500.0,"big":12345678901234567890,"none":null,"items":[{"qty":1.0,"s":"a  b"},{"qty":2}],"nested":{"deep":{"er":"é\u00e9 \" ]"}}}}`},
		{rows("items.#.qty", "q", "items.#(qty>1)#", "many", "items.#", "n"), `{"q":[1.0,2],"many":[{"qty":2}],"n":2}`},
		{rows(`!"fixed"`, "k", "@pretty", "p.q"), `{"k":"fixed","p":{"q":{"name":"QTN-1","total":2500.0,"big":12345678901234567890,"none":null,"items":[{"qty":1.0,"s":"a  b"},{"qty":2}],"nested":{"deep":{"er":"é\u00e9 \" ]"}}}}}`},
		{rows("{name,total}", "x"), `{"x":{"name":"QTN-1","total":2500.0}}`},
		{rows("name", "a", "name", "b", "name.@this", "c"), `{"a":"QTN-1","b":"QTN-1","c":"QTN-1"}`},
	}
	for _, tt := range tests {
		m, err := mapping.Compile(tt.rows)
		if err != nil {
			t.Errorf("Compile(%v): %v", tt.rows, err)
			continue
		}
		got, err := m.Append([]byte("before "), []byte(doc))
		if err != nil || string(got) != "before "+tt.want {
			t.Errorf("%v:\n got %s, %v\nwant before %s", tt.rows, got, err, tt.want)
		}
	}
}

func TestMappingOfOtherRoots(t *testing.T) {
	m, err := mapping.Compile(rows("0", "first", "#", "n", "a", "a"))
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`["x",2]`:       `{"first":"x","n":2,"a":null}`,
		`{"0":1}`:       `{"first":1,"n":null,"a":null}`,
		`"{\"a\":1}"`:   `{"first":null,"n":null,"a":null}`,
		`5`:             `{"first":null,"n":null,"a":null}`,
		`{}`:            `{"first":null,"n":null,"a":null}`,
		`{"a":1,"a":2}`: `{"first":null,"n":null,"a":1}`,
	} {
		if got, err := m.Append(nil, []byte(doc)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", doc, got, err, want)
		}
	}
}

func TestMappingOfManyRows(t *testing.T) {
	var list []mapping.Row
	var doc, want []string
	for i := range 1000 {
		list = append(list, mapping.Row{Fieldname: fmt.Sprintf("f%d", 999-i), Key: fmt.Sprintf("k%d", i)})
		doc = append(doc, fmt.Sprintf(`"f%d":%d`, i, i))
		want = append(want, fmt.Sprintf(`"k%d":%d`, i, 999-i))
	}
	m, err := mapping.Compile(list)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Append(nil, []byte("{"+strings.Join(doc, ",")+"}"))
	if err != nil || string(got) != "{"+strings.Join(want, ",")+"}" {
		t.Errorf("%.100s, %v", got, err)
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct {
		rows  []mapping.Row
		code  string
		field string
		pos   int
	}{
		{rows("a..b", "x"), mapping.CodeInvalidPath, "webhook_data[0].fieldname", 2},
		{rows("a", "x", "", "y"), mapping.CodeInvalidPath, "webhook_data[1].fieldname", 0},
		{rows("a", "x", "b", ""), mapping.CodeInvalidMapping, "webhook_data[1].key", -1},
		{rows("a", "", "b", "x"), mapping.CodeInvalidMapping, "webhook_data[0].key", -1},
		{rows("a", "x", "b", "x"), mapping.CodeInvalidMapping, "webhook_data[1].key", 0},
		{rows("a", "x", "b", "x.y"), mapping.CodeInvalidMapping, "webhook_data[1].key", 1},
		{rows("a", "x.y", "b", "x"), mapping.CodeInvalidMapping, "webhook_data[1].key", 0},
		{rows("a", "x.y", "b", "x.y"), mapping.CodeInvalidMapping, "webhook_data[1].key", 0},
		{rows("a", "x..y"), mapping.CodeInvalidMapping, "webhook_data[0].key", 2},
		{rows("a", ".x"), mapping.CodeInvalidMapping, "webhook_data[0].key", 0},
		{rows("a", "x."), mapping.CodeInvalidMapping, "webhook_data[0].key", 2},
		{rows("a", `x\`), mapping.CodeInvalidMapping, "webhook_data[0].key", 1},
		{rows("a", `x\n`), mapping.CodeInvalidMapping, "webhook_data[0].key", 1},
		{rows("a", "x\ny"), mapping.CodeInvalidMapping, "webhook_data[0].key", 1},
		{rows("a", "x\xff"), mapping.CodeInvalidMapping, "webhook_data[0].key", 0},
		{rows("a", strings.Repeat("x", 4097)), mapping.CodeInvalidMapping, "webhook_data[0].key", 4096},
		{rows("a", "x"+strings.Repeat(".x", 32)), mapping.CodeInvalidMapping, "webhook_data[0].key", 65},
		{make([]mapping.Row, 1001), mapping.CodeInvalidMapping, "webhook_data[1000].key", -1},
	}
	for _, tt := range tests {
		_, err := mapping.Compile(tt.rows)
		var e *mapping.Error
		if !errors.As(err, &e) {
			t.Errorf("Compile(%.80v) = %v, want an error", tt.rows, err)
			continue
		}
		if e.Code() != tt.code || e.Field != tt.field || e.Pos != tt.pos {
			t.Errorf("Compile(%.80v) = %s %q %d (%v), want %s %q %d", tt.rows, e.Code(), e.Field, e.Pos, err, tt.code, tt.field, tt.pos)
		}
		if !strings.HasPrefix(err.Error(), tt.field+": ") {
			t.Errorf("%v does not name its field", err)
		}
	}
}

func TestMappingTooLarge(t *testing.T) {
	doc := []byte(`{"a":"` + strings.Repeat("x", 5<<20) + `"}`)
	fits, err := mapping.Compile(rows("a", "1", "a", "2", "a", "3"))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := fits.Append(nil, doc); err != nil || len(body) < 15<<20 {
		t.Errorf("15 MiB: %d bytes, %v", len(body), err)
	}
	var ten []mapping.Row // 50 MiB
	for i := range 10 {
		ten = append(ten, mapping.Row{Fieldname: "a", Key: fmt.Sprint(i)})
	}
	big, err := mapping.Compile(ten)
	if err != nil {
		t.Fatal(err)
	}
	body, err := big.Append([]byte("kept"), doc)
	var e *mapping.Error
	if !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge || string(body) != "kept" {
		t.Errorf("50 MiB: %.10q, %v", body, err)
	}
	if cap(body) > 2*mapping.MaxBytes {
		t.Errorf("%d bytes were built before it stopped", cap(body))
	}
}

// A path that could make too much of the document is an error that names its row or its variable.
func TestPathTooLarge(t *testing.T) {
	bomb := "@tostr" + strings.Repeat("|@tostr", 60)
	m, err := mapping.Compile(rows("name", "a", bomb, "b"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.Append([]byte("kept"), []byte(sample))
	var e *mapping.Error
	if !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge || e.Field != "webhook_data[1].fieldname" || e.Pos != -1 || string(body) != "kept" {
		t.Errorf("mapping: %.20q, %v, want too_large", body, err)
	}
	tpl, err := mapping.ParseTemplate(`["{{doc.name}}","{{doc|`+bomb+`}}"]`, mapping.JSON)
	if err != nil {
		t.Fatal(err)
	}
	body, err = tpl.Append([]byte("kept"), func(string) []byte { return []byte(sample) })
	if !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge || !strings.HasPrefix(err.Error(), "{{doc."+bomb+"}}: ") || string(body) != "kept" {
		t.Errorf("template: %.20q, %v, want too_large", body, err)
	}
}

// The example of Frappe's documentation of webhooks: name as id, items as lineItems, and what httpbin echoed.
func TestQuotation(t *testing.T) {
	doc, err := os.ReadFile("testdata/quotation.json")
	if err != nil {
		t.Fatal(err)
	}
	echo, err := os.ReadFile("testdata/quotation_echo.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Compile(rows("name", "id", "items", "lineItems"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Append(nil, doc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got, []byte(`{"id":"QTN-00001","lineItems":[{"stock_qty":1.0,"base_price_list_rate":1.0,"image":"","creation":"2017-09-14 13:41:58.373023",`)) {
		t.Errorf("order or spelling is lost: %.150s", got)
	}
	if !reflect.DeepEqual(decode(t, got), decode(t, echo)) {
		t.Errorf("got %s\nwant %s", got, echo)
	}
}

// decode keeps the spelling of numbers.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	dec := stdjson.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMappingAllocations(t *testing.T) {
	m, err := mapping.Compile(rows("name", "id", "nested.a.b", "n", "items", "lineItems", "items.1.qty", "q", "missing", "m"))
	if err != nil {
		t.Fatal(err)
	}
	buf, doc := make([]byte, 0, 4096), []byte(sample)
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Append(buf, doc) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendForm(t *testing.T) {
	tests := []struct{ object, want string }{
		{`{}`, ``},
		{` { "a" : 1.0 , "b" : "x y" } `, `a=1.0&b=x+y`},
		{`{"z":true,"a":false,"n":null,"e":""}`, `z=true&a=false&n=&e=`},
		{`{"o":{"k": [1, 2]},"l":[ ]}`, `o=%7B%22k%22%3A%5B1%2C2%5D%7D&l=%5B%5D`},
		{`{"k&=\"é":"a&b=c+d%\n\u00e9😀"}`, `k%26%3D%22%C3%A9=a%26b%3Dc%2Bd%25%0A%C3%A9%F0%9F%98%80`},
		{`{"s":"\ud83d\ude00\\"}`, `s=%F0%9F%98%80%5C`},
		{`{"big":12345678901234567890,"e":1E+2}`, `big=12345678901234567890&e=1E%2B2`},
	}
	for _, tt := range tests {
		got, err := mapping.AppendForm([]byte("x="), []byte(tt.object))
		if err != nil || string(got) != "x="+tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.object, got, err, tt.want)
		}
	}
	for _, object := range []string{`[1]`, `"x"`, `null`, `5`, ``} {
		got, err := mapping.AppendForm([]byte("x="), []byte(object))
		var e *mapping.Error
		if !errors.As(err, &e) || e.Code() != mapping.CodeRenderFailed || string(got) != "x=" {
			t.Errorf("%s: %s, %v, want render_failed", object, got, err)
		}
	}
	large := `{"a":"` + strings.Repeat("%", 6<<20) + `"}`
	var e *mapping.Error
	if _, err := mapping.AppendForm(nil, []byte(large)); !errors.As(err, &e) || e.Code() != mapping.CodeTooLarge {
		t.Errorf("18 MiB: %v, want too_large", err)
	}
}

func FuzzMapping(f *testing.F) {
	f.Add("name", "id", "items", "lineItems", sample)
	f.Add("a.b", "a.b", "a.#", `a\.b`, `{"a":{"b":[1.0,{"c":null}]}}`)
	f.Add("@this", "", "@keys", "x", `[[" \\\" "], 1e400]`)
	f.Add("#.a", "k.l", "{a,b}", "k.m", ` [ {"a" : 1 , "b" : [ ] } ] `)
	f.Fuzz(func(t *testing.T, path1, key1, path2, key2, doc string) {
		for _, list := range [][]mapping.Row{rows(path1, key1), rows(path1, key1, path2, key2), rows(path1, "")} {
			m, err := mapping.Compile(list)
			if err != nil {
				var e *mapping.Error
				if !errors.As(err, &e) || e.Field == "" {
					t.Fatalf("%v: %v", list, err)
				}
				continue
			}
			body, err := m.Append(nil, []byte(doc))
			if !jsontext.Value(doc).IsValid() {
				continue
			}
			if err != nil {
				t.Fatalf("%v of %q: %v", list, doc, err)
			}
			if !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)) {
				t.Fatalf("%v of %q = %q, which is not JSON", list, doc, body)
			}
			again, err := m.Append(nil, []byte(doc))
			if err != nil || !bytes.Equal(body, again) {
				t.Fatalf("%v of %q = %q and %q, %v", list, doc, body, again, err)
			}
			form, err := mapping.AppendForm(nil, body)
			if err == nil && !isForm(form) {
				t.Fatalf("%q as a form is %q", body, form)
			}
		}
	})
}

func isForm(form []byte) bool {
	for _, c := range form {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
