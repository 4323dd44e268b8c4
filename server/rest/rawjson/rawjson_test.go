package rawjson_test

import (
	"testing"

	"dochook/server/rest/rawjson"
)

func TestJoin(t *testing.T) {
	for _, tc := range []struct {
		want    string
		objects []string
	}{
		{`{}`, nil},
		{`{}`, []string{`{}`, ` { } `}},
		{`{"a":1.50,"b":[1, 2],"c":"\u00e9"}`, []string{`{"a":1.50}`, `{ "b": [1, 2], "a": 2, "c":"\u00e9" }`}},
		{`{"é":1}`, []string{`{"\u00e9":1}`, `{"é":2}`}}, // one name, spelled in two ways
	} {
		objects := make([][]byte, len(tc.objects))
		for i, o := range tc.objects {
			objects[i] = []byte(o)
		}
		if got := string(rawjson.Join(objects...)); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.objects, got, tc.want)
		}
	}
}

func TestText(t *testing.T) {
	for raw, want := range map[string]string{
		``: ``, `null`: ``, `""`: ``, `"a\"\u00e9\n"`: "a\"é\n", `1.50`: `1.50`, `true`: `true`, `{"a":[1]}`: `{"a":[1]}`,
	} {
		if got := rawjson.Text([]byte(raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{"": `""`, "a\"\\\n<&>é😀\x00": `"a\"\\\n<&>é😀\u0000"`, "a\xffb": "\"a\uFFFDb\""} {
		if got := string(rawjson.Quote(s)); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	got, err := rawjson.Encode(map[string]any{"a": "<b>&", "n": 1})
	if want := `{"a":"<b>&","n":1}`; err != nil || string(got) != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
	if _, err := rawjson.Encode(func() {}); err == nil {
		t.Error("a function became JSON")
	}
}
