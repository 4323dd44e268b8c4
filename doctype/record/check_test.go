package record_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/doctype/record"
)

func TestCheck(t *testing.T) {
	deep := strings.Repeat(`[`, 63) + strings.Repeat(`]`, 63)
	good := []string{
		`{}`, " {\"a\":1}\n", `{"a":{"a":[{"a":1},{"a":1}]}}`, `{"":"","ä":"😀\ud83d\ude00\u00e4\\u0000"}`,
		`{"n":[0,-0,1.50,1E+2,12345678901234567890123456789.0,1e9999,1e-009999]}`, `{"a":` + deep + `}`,
		`{"a":` + strings.Repeat("1", record.MaxDigits) + `}`,
	}
	for _, text := range good {
		if err := record.Check([]byte(text)); err != nil {
			t.Errorf("%.80s: %v", text, err)
		}
	}
	bad := []struct{ text, code, want string }{
		{``, "invalid", "the record is empty"},
		{` `, "invalid", "the record is empty"},
		{`[1]`, "invalid", "a record must be a JSON object (byte 0)"},
		{` null`, "invalid", "a record must be a JSON object (byte 1)"},
		{`{"a":1`, "invalid", "the JSON text ends early (byte 6)"},
		{`{"a":"x`, "invalid", "the JSON text ends early (byte 7)"},
		{`{"a":1} {}`, "invalid", "more than one JSON value (byte 9)"},
		{`{"a":1}x`, "invalid", "(byte 7)"},
		{`{"a":1,"a":2}`, "invalid", `duplicate name "a" (byte 7)`},
		{`{"x":[{"a":1,"\u0061":2}]}`, "invalid", `duplicate name "a" (byte 13)`},
		{`{"a":NaN}`, "invalid", "(byte 5)"},
		{`{"a":Infinity}`, "invalid", "(byte 5)"},
		{`{"a":01}`, "invalid", "(byte 6)"},
		{`{"a":1,}`, "invalid", "(byte 7)"},
		{`{'a':1}`, "invalid", "(byte 1)"},
		{"{\"a\":\"\xff\"}", "invalid", "invalid UTF-8 (byte 6)"},
		{`{"a":"\ud800"}`, "invalid", "(byte 6)"},
		{"{\"a\":\"\x00\"}", "invalid", "(byte 6)"},
		{`{"a":"x\u0000"}`, "invalid", "NUL character in a string (byte 7)"},
		{`{"a":"\\\u0000"}`, "invalid", "NUL character in a string (byte 8)"},
		{`{"\u0000":1}`, "invalid", "NUL character in a string (byte 2)"},
		{`{"a":[` + deep + `]}`, "invalid", "nested deeper than 64 levels (byte 68)"},
		{strings.Repeat(`{"a":`, 1_000_000), "invalid", "nested deeper than 64 levels (byte 320)"},
		{`{"a":` + strings.Repeat("1", record.MaxDigits+1) + `}`, "invalid", "a number of 1001 characters, more than 1000 (byte 5)"},
		{`{"a":1e10000}`, "invalid", "a number with an exponent beyond 9999 (byte 5)"},
		{`{"a":"` + strings.Repeat("x", record.MaxSize) + `"}`, "too_large", "the record has 16777224 bytes, more than 16777216"},
	}
	for _, c := range bad {
		err := record.Check([]byte(c.text))
		var coded *record.Error
		if !errors.As(err, &coded) || coded.Code() != c.code || !strings.Contains(coded.Message, c.want) {
			t.Errorf("%.60s: got %v, want %s", c.text, err, c.want)
		}
	}
}

// FuzzCheck holds Check against the tokenizer: it accepts nothing that is not a valid object, and
// refuses a valid one only for a rule of its own.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u0000"}]}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"a":1e99999}`, `{"a":"\\u0000"}`, `{}x`, `{"a":--1}`, `{"":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := record.Check(data)
		valid := jsontext.Value(data).IsValid() && jsontext.Value(data).Kind() == '{'
		if err == nil && !valid {
			t.Fatalf("%q was accepted", data)
		}
		if err != nil && valid {
			own := false
			for _, rule := range []string{"NUL character", "nested deeper", "a number "} {
				own = own || strings.Contains(err.Error(), rule)
			}
			if !own {
				t.Fatalf("%q was refused: %v", data, err)
			}
		}
		if err != nil {
			return
		}
		rebuilt := record.Merge(data, []byte("{}"))
		if !record.Equal(rebuilt, data) || record.Check(rebuilt) != nil {
			t.Fatalf("%q rebuilt from its members is %q", data, rebuilt)
		}
	})
}

func TestMerge(t *testing.T) {
	cases := []struct{ old, patch, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a": 1.0, "b":2}`, `{}`, `{"a":1.0,"b":2}`},
		{`{}`, `{"b":2.50,"a":null}`, `{"b":2.50,"a":null}`},
		{`{"a":1,"b":{"x":1},"c":3}`, `{"z":0,"b":{"y":2.0},"\u0061":null}`, `{"a":null,"b":{"y":2.0},"c":3,"z":0}`},
	}
	for _, c := range cases {
		if got := string(record.Merge([]byte(c.old), []byte(c.patch))); got != c.want {
			t.Errorf("%s with %s: got %s, want %s", c.old, c.patch, got, c.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	data := []byte(`{"_id":"case/dfea30ea5507-1","_category":"case","_scraped_at":"2025-07-23T15:28:43-04:00","name":"Montech XR","price":83.59,"type":"ATX Mid Tower","color":"Black","psu":null,"side_panel":"Tempered Glass","external_volume":45,"internal_35_bays":2}`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := record.Check(data); err != nil {
			b.Fatal(err)
		}
	}
}
