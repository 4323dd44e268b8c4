package webhooks

import (
	"strings"
	"testing"

	"dochook/doctype/record"
	"dochook/mapping/path"
)

func TestPaths(t *testing.T) {
	got := paths([][]byte{
		[]byte(`{"sku":"a","price":{"amount":1},"items":[{"code":1},{"code":2,"tags":["x"]}],"tags":["a"],"none":null}`),
		[]byte(`{"sku":"b","more":true,"items":[]}`),
	})
	want := "sku price price.amount items items.# items.#.code items.#.tags items.#.tags.# tags tags.# none more"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

// A path that is suggested leads to the value it was suggested for, whatever the
// member is called.
func TestPaths_mean_names_literally(t *testing.T) {
	for _, name := range []string{"a.b", "*", "a?b", "#", "@this", "a|b", `a\b`, "!x", "{a}", "[0]", "(x)", "a=b", "é ü", "a-b_c:d", "<script>", "%d", "~", "name with blanks", "12"} {
		doc := []byte(`{"other":0,` + string(record.AppendQuote(nil, name)) + `:"found"}`)
		list := paths([][]byte{doc})
		if len(list) != 2 {
			t.Errorf("%q: paths are %q", name, list)
			continue
		}
		p, err := path.Parse(list[1])
		if err != nil {
			t.Errorf("%q: %q: %v", name, list[1], err)
			continue
		}
		if v, ok := p.Lookup(doc); !ok || string(v) != `"found"` {
			t.Errorf("%q: the path %q finds %s", name, list[1], v)
		}
	}
}
