package doctype_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"dochook/doctype"

	"github.com/tidwall/gjson"
)

func compile(tb testing.TB, definition string) *doctype.Definition {
	tb.Helper()
	d, err := doctype.ParseDocType([]byte(definition))
	if err != nil {
		tb.Fatal(err)
	}
	def, err := doctype.Compile(d)
	if err != nil {
		tb.Fatal(err)
	}
	return def
}

// compared has one field for every way to compare.
const compared = `{"name":"Product","fields":[
	{"fieldname":"rank","fieldtype":"Int","compare":"ignore"},
	{"fieldname":"title","compare":"text"},
	{"fieldname":"price","fieldtype":"Currency","compare":"number"},
	{"fieldname":"about","fieldtype":"Currency","compare":"number","tolerance":"5%"},
	{"fieldname":"size","fieldtype":"Float","tolerance":0.5},
	{"fieldname":"tags","fieldtype":"JSON","compare":"set"},
	{"fieldname":"link","fieldtype":"URL","compare":"url","compare_options":"utm_*, GCLID"},
	{"fieldname":"exact"}]}`

func TestChanges(t *testing.T) {
	def := compile(t, compared)
	cases := []struct{ old, new, want string }{
		{`{}`, `{}`, `[]`},
		{`{"a":50,"b":2500.0}`, `{"b":2500,"a":50.0}`, `[]`},
		{`{"a":1}`, `{"a":2}`, `[{"name":"a","from":1,"to":2}]`},
		{`{"a":1}`, `{"a":null}`, `[{"name":"a","from":1,"to":null}]`},
		{`{"a":null}`, `{}`, `[{"name":"a","from":null}]`},
		{`{}`, `{"a":null}`, `[{"name":"a","to":null}]`},
		{
			`{"gone":"x","a":1,"b":{"k":1.0},"c":3}`, `{"c":4,"new":[2.50],"b":{"k":1},"a":2}`,
			`[{"name":"c","from":3,"to":4},{"name":"new","to":[2.50]},{"name":"a","from":1,"to":2},{"name":"gone","from":"x"}]`,
		},
		{`{"k\"\u0041":1}`, `{"k\"A":2}`, `[{"name":"k\"A","from":1,"to":2}]`},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, `[{"name":"a","from":[1,2],"to":[2,1]}]`},
		{`{"a":"ä","n":12345678901234567890.10}`, `{"a":"ü","n":12345678901234567890.11}`, `[{"name":"a","from":"ä","to":"ü"},{"name":"n","from":12345678901234567890.10,"to":12345678901234567890.11}]`},

		{`{"rank":1}`, `{"rank":2}`, `[]`},
		{`{"rank":1}`, `{}`, `[]`},
		{`{}`, `{"rank":2}`, `[]`},
		{`{"rank":1,"a":1}`, `{"a":2,"rank":2}`, `[{"name":"a","from":1,"to":2}]`},

		{`{"title":" Big  box\u00a0"}`, `{"title":"Big\n box"}`, `[]`},
		{`{"title":"Caf\u00e9"}`, `{"title":"Cafe\u0301"}`, `[]`},
		{`{"title":"Box"}`, `{"title":"box"}`, `[{"name":"title","from":"Box","to":"box"}]`},
		{`{"title":"5"}`, `{"title":5}`, `[{"name":"title","from":"5","to":5}]`},
		{`{"title":""}`, `{"title":null}`, `[{"name":"title","from":"","to":null}]`},

		{`{"price":"$490.00"}`, `{"price":490}`, `[]`},
		{`{"price":"$490.00"}`, `{"price":"$ 490"}`, `[]`},
		{`{"price":"1,299.00 USD"}`, `{"price":"USD 1299"}`, `[]`},
		{`{"price":"1.299,50 €"}`, `{"price":1299.5}`, `[]`},
		{`{"price":"1 299,50"}`, `{"price":1299.5}`, `[]`},
		{`{"price":"1,299"}`, `{"price":1299}`, `[]`},
		{`{"price":"1.299"}`, `{"price":1.299}`, `[]`},
		{`{"price":"12,99"}`, `{"price":12.99}`, `[]`},
		{`{"price":"1.299.000"}`, `{"price":1299000}`, `[]`},
		{`{"price":"-$5.00"}`, `{"price":-5}`, `[]`},
		{`{"price":"$-5.00"}`, `{"price":-5}`, `[]`},
		{`{"price":"Rs. 490"}`, `{"price":490}`, `[]`},
		{`{"price":"$490"}`, `{"price":"€490"}`, `[{"name":"price","from":"$490","to":"€490"}]`},
		{`{"price":"$.50"}`, `{"price":50}`, `[{"name":"price","from":"$.50","to":50}]`},
		{`{"price":"1 2"}`, `{"price":12}`, `[{"name":"price","from":"1 2","to":12}]`},
		{`{"price":"from 3 to 5"}`, `{"price":35}`, `[{"name":"price","from":"from 3 to 5","to":35}]`},
		{`{"price":"Model 5"}`, `{"price":5}`, `[{"name":"price","from":"Model 5","to":5}]`},
		{`{"price":"$490.00"}`, `{"price":490.01}`, `[{"name":"price","from":"$490.00","to":490.01}]`},
		{`{"price":"sold out"}`, `{"price":"sold out"}`, `[]`},
		{`{"price":"sold out"}`, `{"price":null}`, `[{"name":"price","from":"sold out","to":null}]`},

		{`{"about":100}`, `{"about":"$105"}`, `[]`},
		{`{"about":100}`, `{"about":94.9}`, `[{"name":"about","from":100,"to":94.9}]`},
		{`{"about":-100}`, `{"about":-105}`, `[]`},
		{`{"about":0}`, `{"about":0.01}`, `[{"name":"about","from":0,"to":0.01}]`},
		{`{"size":1}`, `{"size":1.50}`, `[]`},
		{`{"size":1}`, `{"size":1.51}`, `[{"name":"size","from":1,"to":1.51}]`},
		{`{"size":1e9999}`, `{"size":1e-9999}`, `[{"name":"size","from":1e9999,"to":1e-9999}]`},
		{`{"size":"1"}`, `{"size":"1.1"}`, `[{"name":"size","from":"1","to":"1.1"}]`},

		{`{"tags":["a",{"x":1,"y":2}]}`, `{"tags":[{"y":2.0,"x":1},"a"]}`, `[]`},
		{`{"tags":["a","a","b"]}`, `{"tags":["a","b","b"]}`, `[{"name":"tags","from":["a","a","b"],"to":["a","b","b"]}]`},
		{`{"tags":["1"]}`, `{"tags":[1]}`, `[{"name":"tags","from":["1"],"to":[1]}]`},

		{`{"link":"https://x/a?utm_source=q&id=1#top"}`, `{"link":"https://x/a?id=1&gclid=9"}`, `[]`},
		{`{"link":"https://x/a?utm%5Fsource=q"}`, `{"link":"https://x/a"}`, `[]`},
		{`{"link":"https://x/a?id=1"}`, `{"link":"https://x/a?id=2"}`, `[{"name":"link","from":"https://x/a?id=1","to":"https://x/a?id=2"}]`},
		{`{"link":"https://x/A"}`, `{"link":"https://x/a"}`, `[{"name":"link","from":"https://x/A","to":"https://x/a"}]`},
	}
	for _, c := range cases {
		changes := def.Changes([]byte(c.old), []byte(c.new))
		if got := string(doctype.AppendChanges(nil, changes)); got != c.want {
			t.Errorf("%s -> %s: got %s, want %s", c.old, c.new, got, c.want)
		}
		back, err := doctype.ParseChanges([]byte(c.want))
		if got := string(doctype.AppendChanges(nil, back)); err != nil || got != c.want {
			t.Errorf("%s read back: %s (%v)", c.want, got, err)
		}
		if (c.want == "[]") != (changes == nil) {
			t.Errorf("%s -> %s: nil must mean the same", c.old, c.new)
		}
	}
}

func TestParseChangesRefused(t *testing.T) {
	for _, text := range []string{``, `{}`, `[`, `[1]`, `[{}]`, `[{"from":1}]`} {
		if _, err := doctype.ParseChanges([]byte(text)); doctype.CodeOf(err) != doctype.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUndo(t *testing.T) {
	def := compile(t, compared)
	cases := []struct{ old, new, want string }{
		{`{"a":2500.0,"b":"x","c":null}`, `{"d":1,"b":"y","a":2500.1}`, `{"b":"x","a":2500.0,"c":null}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{}`, `{"a":1}`, `{}`},
		{`{"a\"b":{"k": 1 }}`, `{"a\"b":{"k":2}}`, `{"a\"b":{"k": 1 }}`},
		{`{"rank":1,"a":1}`, `{"rank":2,"a":2}`, `{"rank":2,"a":1}`}, // what is ignored is not in the changes
	}
	for _, c := range cases {
		if got := string(doctype.Undo([]byte(c.new), def.Changes([]byte(c.old), []byte(c.new)))); got != c.want {
			t.Errorf("%s undone: got %s, want %s", c.new, got, c.want)
		}
	}
	same := []byte(`{ "a" : 1 }`)
	if got := doctype.Undo(same, nil); &got[0] != &same[0] {
		t.Error("without changes the text must be the same")
	}
}

// Two snapshots of a real series, one hour apart, with the changes stated by its collector.
func TestChangesOfSeries(t *testing.T) {
	def := compile(t, `{"name":"Program","autoname":"field:id"}`)
	var truth struct {
		Inserted, Removed []string
		Updated           []struct {
			Key     string
			Changes [][3]json.RawMessage
		}
	}
	text, err := os.ReadFile("testdata/federacy/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	old, now := snapshot(t, def, "federacy/030.json"), snapshot(t, def, "federacy/031.json")
	updated := make(map[string][][3]json.RawMessage)
	for _, u := range truth.Updated {
		updated[u.Key] = u.Changes
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if old[key] == nil {
			if !slices.Contains(truth.Inserted, key) {
				t.Errorf("%s is new", key)
			}
			continue
		}
		got, want := def.Changes(old[key], now[key]), updated[key]
		if len(got) != len(want) {
			t.Errorf("%s: %d changes, want %d", key, len(got), len(want))
			continue
		}
		for _, w := range want {
			name := gjson.ParseBytes(w[0]).Str
			if !slices.ContainsFunc(got, func(c doctype.Change) bool {
				return c.Name == name && doctype.Equal(c.From, w[1]) && doctype.Equal(c.To, w[2])
			}) {
				t.Errorf("%s: no such change of %s", key, name)
			}
		}
		if !doctype.Equal(doctype.Undo(now[key], got), old[key]) {
			t.Errorf("%s: undone differs from the old version", key)
		}
	}
	for key := range old {
		if now[key] == nil && !slices.Contains(truth.Removed, key) {
			t.Errorf("%s is gone", key)
		}
	}
}

func snapshot(t *testing.T, def *doctype.Definition, file string) map[string][]byte {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS("testdata"), file)
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string][]byte)
	for _, r := range gjson.ParseBytes(text).Array() {
		if err := doctype.CheckRecord([]byte(r.Raw)); err != nil {
			t.Fatal(err)
		}
		name, err := def.NameOf([]byte(r.Raw), "")
		if err != nil {
			t.Fatal(err)
		}
		records[name] = []byte(r.Raw)
	}
	return records
}

func FuzzChanges(f *testing.F) {
	f.Add(`{"a":1,"b":2}`, `{"b":3,"c":[1.0]}`)
	f.Add(`{"rank":1,"title":" a  b","price":"$4.00"}`, `{"price":4,"title":"a b","rank":2}`)
	f.Add(`{"tags":[1,2],"link":"x?a#b"}`, `{"tags":[2,1.0],"link":"x?a"}`)
	f.Add(`{"a\u0041":{}}`, `{"aA":[]}`)
	exact, ruled := compile(f, `{"name":"E"}`), compile(f, compared)
	f.Fuzz(func(t *testing.T, a, b string) {
		old, now := []byte(a), []byte(b)
		if doctype.CheckRecord(old) != nil || doctype.CheckRecord(now) != nil {
			return
		}
		changes := exact.Changes(old, now)
		if (changes == nil) != doctype.Equal(old, now) {
			t.Fatalf("%s -> %s: changes %v, Equal %v", old, now, changes, !doctype.Equal(old, now))
		}
		text := doctype.AppendChanges(nil, changes)
		back, err := doctype.ParseChanges(text)
		if err != nil || string(doctype.AppendChanges(nil, back)) != string(text) {
			t.Fatalf("%s read back: %v", text, err)
		}
		undone := doctype.Undo(now, back)
		if err := doctype.CheckRecord(undone); err != nil {
			t.Fatalf("undone %s: %v", undone, err)
		}
		if !doctype.Equal(undone, old) {
			t.Fatalf("%s -> %s, undone %s", old, now, undone)
		}
		for _, def := range []*doctype.Definition{exact, ruled} {
			if def.Changes(old, old) != nil {
				t.Fatalf("%s differs from itself", old)
			}
			// A percentage is one of the older value, so that only the other fields are symmetrical.
			if there, back := names(def.Changes(old, now)), names(def.Changes(now, old)); !slices.Equal(there, back) {
				t.Fatalf("%s <-> %s: %v and %v", old, now, there, back)
			}
		}
	})
}

func names(changes []doctype.Change) []string {
	var out []string
	for _, c := range changes {
		if c.Name != "about" {
			out = append(out, c.Name)
		}
	}
	slices.Sort(out)
	return out
}

func BenchmarkChanges(b *testing.B) {
	def := compile(b, `{"name":"P"}`)
	old := []byte(`{"_id":"case/dfea30ea5507-1","_category":"case","_scraped_at":"2025-07-23T15:28:43-04:00","name":"Montech XR","price":83.59,"type":"ATX Mid Tower","color":"Black","psu":null,"side_panel":"Tempered Glass","external_volume":45,"internal_35_bays":2}`)
	now := slices.Concat(old[:len(old)-2], []byte("3}"))
	b.SetBytes(int64(len(old)))
	b.ReportAllocs()
	for b.Loop() {
		if len(def.Changes(old, now)) != 1 {
			b.Fatal("want one change")
		}
	}
}
