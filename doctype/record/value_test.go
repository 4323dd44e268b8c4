package record_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"dochook/doctype/record"
)

func TestEqual(t *testing.T) {
	long := strings.Repeat("9", 900)
	cases := []struct {
		a, b string
		want bool
	}{
		{"50", "50.0", true},
		{"1e2", "100", true},
		{"100", "1E+2", true},
		{"1.50", "15e-1", true},
		{"0", "-0", true},
		{"0.0", "-0e99999999999999999999", true},
		{"5", "-5", false},
		{"0.1", "0.10000000000000000001", false},
		{"9007199254740993", "9007199254740992", false},
		{"9007199254740993.0", "9007199254740993", true},
		{long, long + ".0", true},
		{long, long + "e1", false},
		{"1e999999999999999999999", "10e999999999999999999998", true},
		{"1e999999999999999999999", "1e999999999999999999998", false},
		{"1e-999999999999999999999", "0.1e-999999999999999999998", true},
		{"1", "true", false},
		{"1", `"1"`, false},
		{"null", "null", true},
		{"null", "", false},
		{"", "", true},
		{"null", "false", false},
		{`"a\u00e4"`, `"aä"`, true},
		{`"a\/b"`, `"a/b"`, true},
		{`"a\\u0041"`, `"aA"`, false},
		{`"😀"`, `"\ud83d\ude00"`, true},
		{`"é"`, "\"e\u0301\"", false},
		{`{"a":1,"b":[1,{"c":2.0}]}`, `{ "b" : [1.0, {"c":2}], "a":1e0 }`, true},
		{`{"a":1,"b":2}`, `{"a":1}`, false},
		{`{"a":1}`, `{"a":1,"b":null}`, false},
		{`{"a":1,"b":2}`, `{"a":1,"c":2}`, false},
		{`{"a":1,"b":2,"c":3}`, `{"c":3,"a":1,"b":4}`, false},
		{`{"\u0061":1,"b":2}`, `{"b":2,"a":1}`, true},
		{`[1,2]`, `[2,1]`, false},
		{`[1,2]`, `[1,2,3]`, false},
		{`[]`, `{}`, false},
		{`[[]]`, `[[],[]]`, false},
		{`"}{]["`, `"}{]["`, true},
		{`["a,b"]`, `["a","b"]`, false},
	}
	for _, c := range cases {
		if record.Equal([]byte(c.a), []byte(c.b)) != c.want || record.Equal([]byte(c.b), []byte(c.a)) != c.want {
			t.Errorf("%.80s and %.80s: want %v", c.a, c.b, c.want)
		}
		if got := string(record.AppendCanonical(nil, []byte(c.a))) == string(record.AppendCanonical(nil, []byte(c.b))); got != c.want {
			t.Errorf("canonical forms of %.80s and %.80s: want same %v", c.a, c.b, c.want)
		}
	}
}

func TestMembers(t *testing.T) {
	object := `{ "b" : 2500.0 , "a\"\u00e4": {"x":"}"} ,"": [ 1 , 2 ],"z":null}`
	var got []string
	for name, raw := range record.Members([]byte(object)) {
		if got = append(got, name, string(raw)); name == "" {
			break
		}
	}
	if want := `b|2500.0|a"ä|{"x":"}"}||[ 1 , 2 ]`; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
	for name, want := range map[string]string{"b": "2500.0", `a"ä`: `{"x":"}"}`, "": "[ 1 , 2 ]", "z": "null", "x": "", "B": ""} {
		if got := string(record.Member([]byte(object), name)); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

func TestQuotedMembersAndElements(t *testing.T) {
	var got []string
	for quoted, raw := range record.QuotedMembers([]byte(` {"b\u0061" : [1, "x" ,{"y":[]}],"":null}`)) {
		got = append(got, string(quoted), record.Unquote(quoted))
		for v := range record.Elements(raw) {
			got = append(got, string(v))
		}
	}
	if want := `"b\u0061"|ba|1|"x"|{"y":[]}|""|`; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
	for v := range record.Elements([]byte(`{"a":1}`)) {
		t.Errorf("an object has the element %s", v)
	}
}

func TestIsInteger(t *testing.T) {
	for v, want := range map[string]bool{"5": true, "-5.0": true, "5e3": true, "50e-1": true, "0.0": true, "1e-1": false, "5.5": false, `"5"`: false, "true": false, "": false} {
		if record.IsInteger([]byte(v)) != want {
			t.Errorf("%s: want %v", v, want)
		}
	}
}

func TestWriter(t *testing.T) {
	var w record.Writer
	if got := string(w.Bytes()); got != "{}" {
		t.Errorf("nothing written: %s", got)
	}
	for _, dst := range []string{"", "x"} {
		w := record.NewWriter([]byte(dst))
		w.Text(`a"`, "ü\n")
		w.Raw("none", nil)
		w.Raw("n", []byte("2500.0"))
		w.Quoted([]byte(`"\u0061"`), []byte("{ }"))
		if got, want := string(w.Bytes()), dst+`{"a\"":"ü\n","n":2500.0,"\u0061":{ }}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzEqual compares with what math/big and encoding/json say.
func FuzzEqual(f *testing.F) {
	f.Add(`{"a":[1,2.50,"x\u0041"]}`, `{"a":[1.0,25e-1,"xA"]}`)
	f.Add(`[1e2,{"b":null,"a":[]}]`, `[100,{"a":[],"b":null}]`)
	f.Add("1e-5", "0.00001")
	f.Fuzz(func(t *testing.T, a, b string) {
		if record.Check([]byte(`{"v":`+a+`}`)) != nil || record.Check([]byte(`{"v":`+b+`}`)) != nil {
			record.Equal([]byte(a), []byte(b)) // must not panic or hang
			return
		}
		got := record.Equal([]byte(a), []byte(b))
		if want := sameValue(decode(t, a), decode(t, b)); got != want {
			t.Errorf("%s and %s: got %v, want %v", a, b, got, want)
		}
		ca, cb := record.AppendCanonical(nil, []byte(a)), record.AppendCanonical(nil, []byte(b))
		if (string(ca) == string(cb)) != got {
			t.Errorf("canonical %s and %s, Equal %v", ca, cb, got)
		}
		if !record.Equal([]byte(a), ca) {
			t.Errorf("%s is not equal to its canonical form %s", a, ca)
		}
	})
}

func decode(t *testing.T, s string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, okX := new(big.Rat).SetString(a.String())
		y, okY := new(big.Rat).SetString(b.String())
		return okX && okY && x.Cmp(y) == 0
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if v, ok := b[k]; !ok || !sameValue(a[k], v) {
				return false
			}
		}
		return true
	}
	return a == b
}
