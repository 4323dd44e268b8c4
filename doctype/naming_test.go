package doctype_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/doctype"
	"dochook/doctype/record"
)

func TestNameOf(t *testing.T) {
	long := strings.Repeat("x", doctype.MaxName)
	cases := []struct {
		autoname, record, mapKey string
		want                     string // or the error's text, when it begins with !
	}{
		{"field:sku", `{"sku":"A/1 ü"}`, "", "A/1 ü"},
		{"field:sku", `{"sku":" A "}`, "", " A "},
		{"field:sku", `{"sku":2500.0}`, "", "2500.0"},
		{"field:sku", `{"sku":12345678901234567890123}`, "", "12345678901234567890123"},
		{"field:sku", `{"s\u006bu":"\u00e4\/"}`, "", "ä/"},
		{"field:a.b.0", `{"a":{"b":["x"]}}`, "", "x"},
		{`field:a\.b`, `{"a.b":"x"}`, "", "x"},
		{"field:name", `{"name":"own"}`, "", "own"},
		{"field:sku", `{}`, "", "!sku: the key is missing or empty"},
		{"field:sku", `{"sku":null}`, "", "!sku: the key is missing or empty"},
		{"field:sku", `{"sku":" \t"}`, "", "!sku: the key is missing or empty"},
		{"field:sku", `{"sku":true}`, "", "!sku: a key cannot be true or false"},
		{"field:sku", `{"sku":{"a":1}}`, "", "!sku: a key cannot be an object or array"},
		{"field:sku", `{"sku":["x"]}`, "", "!sku: a key cannot be an object or array"},
		{"field:sku", `{"sku":"a\nb"}`, "", "!name: the name has a control character"},
		{"field:sku", `{"sku":"` + long + `"}`, "", long},
		{"field:sku", `{"sku":"` + long + `x"}`, "", "!name: the name has 1001 bytes, more than 1000"},
		{"field:@key", `{}`, "9NBLGGH4R02V", "9NBLGGH4R02V"},
		{"field:@key", `{"@key":"x"}`, "", "!@key: the key is missing or empty"},
		{"format:{name}|{socket}|{color}", `{"name":"X","socket":"AM5","color":null}`, "", "X|AM5|"},
		{"format:{name}|{socket}|{color}", `{"socket":1.0}`, "", "|1.0|"},
		{"format:{name}|{socket}|{color}", `{"name":"","color":" "}`, "", "!name, socket, color: the key is missing or empty"},
		{"format:{name}-{modular}", `{"name":"X","modular":false}`, "", "X-false"},
		{"format:{name}-{modular}", `{"name":"X","modular":[]}`, "", "!modular: a key cannot be an object or array"},
		{"format:{@key}/{ a.b }", `{"a":{"b":2}}`, "k", "k/2"},
		{"prompt", `{"name":"A"}`, "", "A"},
		{"prompt", `{"name":"","__newname":"B"}`, "k", "B"},
		{"prompt", `{}`, "k", "k"},
		{"prompt", `{}`, "", "!name: please set the document name"},
		{"prompt", `{"name":{}}`, "k", "!name: a key cannot be an object or array"},
	}
	for _, c := range cases {
		d, err := doctype.Compile(doctype.DocType{Name: "P", Autoname: c.autoname})
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.NameOf([]byte(c.record), c.mapKey)
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			var coded *doctype.Error
			if !errors.As(err, &coded) || coded.Code() != doctype.CodeName || err.Error() != want {
				t.Errorf("%s of %.60s: got %v, want %s", c.autoname, c.record, err, want)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s of %.60s: got %q (%v), want %q", c.autoname, c.record, got, err, c.want)
		}
	}
}

func TestHash(t *testing.T) {
	for _, autoname := range []string{"", "hash"} {
		d, err := doctype.Compile(doctype.DocType{Name: "P", Autoname: autoname})
		if err != nil {
			t.Fatal(err)
		}
		a, errA := d.NameOf([]byte(`{"name":"x"}`), "k")
		b, errB := d.NameOf([]byte(`{"name":"x"}`), "k")
		if errA != nil || errB != nil || a == b || !regexp.MustCompile(`^[0-9a-v]{10}$`).MatchString(a) {
			t.Errorf("%q: %q and %q", autoname, a, b)
		}
	}
}

func TestKeyFields(t *testing.T) {
	cases := map[string][]string{
		"":                     nil,
		"hash":                 nil,
		"field:@key":           nil,
		"prompt":               {"name", "__newname"},
		"field:sku":            {"sku"},
		"field:a.b|c":          {"a"},
		`field:a\.b.c`:         {"a.b"},
		"field:items.#(x>1).y": {"items"},
		"format:{a}-{b.c}-{a}": {"a", "b"},
		"format:{@key}-{b}":    {"b"},
	}
	for autoname, want := range cases {
		d, err := doctype.Compile(doctype.DocType{Name: "P", Autoname: autoname})
		if err != nil {
			t.Errorf("%s: %v", autoname, err)
			continue
		}
		if got := d.KeyFields(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", autoname, got, want)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("field:a.b", `{"a":{"b":"x"}}`, "")
	f.Add("format:{a}|{b}|{@key}", `{"a":1.50,"b":null}`, "k")
	f.Add("prompt", `{"name":"\u00e4"}`, "")
	f.Add(`field:a\`, `{"a\\":1}`, "")
	f.Add("field:a.@reverse.#(b==1)#|0", `{"a":[{"b":1}]}`, "")
	f.Fuzz(func(t *testing.T, autoname, data, mapKey string) {
		d, err := doctype.Compile(doctype.DocType{Name: "P", Autoname: autoname})
		if err != nil {
			if doctype.CodeOf(err) != doctype.CodeInvalid {
				t.Fatalf("%q: %v", autoname, err)
			}
			return
		}
		if record.Check([]byte(data)) != nil {
			return
		}
		name, err := d.NameOf([]byte(data), mapKey)
		if err != nil {
			if doctype.CodeOf(err) != doctype.CodeName {
				t.Fatalf("%q of %q: %v", autoname, data, err)
			}
			return
		}
		if err := doctype.CheckName(name); err != nil {
			t.Fatalf("%q of %q is %q: %v", autoname, data, name, err)
		}
		if _, err := jsontext.AppendQuote(nil, name); err != nil {
			t.Fatalf("%q is no JSON string: %v", name, err)
		}
		// A record without the members the name comes from has no name, or another rule made it.
		if fields := d.KeyFields(); len(fields) > 0 && mapKey == "" {
			if again, err := d.NameOf([]byte(`{"`+"\u2603"+`":1}`), ""); err == nil && !slices.Contains(fields, "\u2603") {
				t.Fatalf("%q gives %q to a record without %q", autoname, again, fields)
			}
		}
	})
}
