package record_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/tidwall/gjson"

	"dochook/doctype/record"
)

// compared are rules of every kind.
func compared(tb testing.TB) record.Rules {
	tb.Helper()
	rules := record.Rules{}
	for name, r := range map[string]struct{ compare, options, tolerance string }{
		"rank":  {compare: "ignore"},
		"title": {compare: "text"},
		"price": {compare: "number"},
		"about": {compare: "number", tolerance: `"5%"`},
		"size":  {tolerance: "0.5"},
		"tags":  {compare: "set"},
		"link":  {compare: "url", options: "utm_*, GCLID"},
		"exact": {},
	} {
		rule, err := record.ParseRule(r.compare, r.options, []byte(r.tolerance))
		if err != nil {
			tb.Fatal(err)
		}
		rules[name] = rule
	}
	return rules
}

func TestParseRule(t *testing.T) {
	for _, c := range []struct{ compare, options, tolerance, want string }{
		{"fuzzy", "", "", `compare: "fuzzy" is none of exact, ignore, text, number, set and url`},
		{"", "x", "", "compare_options: only compare url has options"},
		{"set", "", "1", "tolerance: needs compare exact or number"},
		{"number", "", "-1", `tolerance: must be a number from 0 on, or a part such as "5%"`},
		{"number", "", "1e99999", `tolerance: must be a number from 0 on, or a part such as "5%"`},
	} {
		_, err := record.ParseRule(c.compare, c.options, []byte(c.tolerance))
		var coded *record.Error
		if !errors.As(err, &coded) || coded.Code() != record.CodeInvalid || coded.ClientMessage() != c.want {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	for _, none := range []string{"", "null", `""`} {
		if r, err := record.ParseRule("exact", "", []byte(none)); r != nil || err != nil {
			t.Errorf("exact with tolerance %q: %v, %v", none, r, err)
		}
	}
}

func TestChanges(t *testing.T) {
	rules := compared(t)
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
		changes := rules.Changes([]byte(c.old), []byte(c.new))
		if got := string(record.AppendChanges(nil, changes)); got != c.want {
			t.Errorf("%s -> %s: got %s, want %s", c.old, c.new, got, c.want)
		}
		back, err := record.ParseChanges([]byte(c.want))
		if got := string(record.AppendChanges(nil, back)); err != nil || got != c.want {
			t.Errorf("%s read back: %s (%v)", c.want, got, err)
		}
		if (c.want == "[]") != (changes == nil) {
			t.Errorf("%s -> %s: nil must mean the same", c.old, c.new)
		}
	}
}

func TestParseChangesRefused(t *testing.T) {
	for _, text := range []string{``, `{}`, `[`, `[1]`, `[{}]`, `[{"from":1}]`} {
		if _, err := record.ParseChanges([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestUndo(t *testing.T) {
	rules := compared(t)
	cases := []struct{ old, new, want string }{
		{`{"a":2500.0,"b":"x","c":null}`, `{"d":1,"b":"y","a":2500.1}`, `{"b":"x","a":2500.0,"c":null}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{}`, `{"a":1}`, `{}`},
		{`{"a\"b":{"k": 1 }}`, `{"a\"b":{"k":2}}`, `{"a\"b":{"k": 1 }}`},
		{`{"rank":1,"a":1}`, `{"rank":2,"a":2}`, `{"rank":2,"a":1}`}, // what is ignored is not in the changes
	}
	for _, c := range cases {
		if got := string(record.Undo([]byte(c.new), rules.Changes([]byte(c.old), []byte(c.new)))); got != c.want {
			t.Errorf("%s undone: got %s, want %s", c.new, got, c.want)
		}
	}
	same := []byte(`{ "a" : 1 }`)
	if got := record.Undo(same, nil); &got[0] != &same[0] {
		t.Error("without changes the text must be the same")
	}
}

// Two snapshots of a real series, one hour apart, with the changes stated by its collector.
func TestChangesOfSeries(t *testing.T) {
	var rules record.Rules
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
	old, now := snapshot(t, "federacy/030.json"), snapshot(t, "federacy/031.json")
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
		got, want := rules.Changes(old[key], now[key]), updated[key]
		if len(got) != len(want) {
			t.Errorf("%s: %d changes, want %d", key, len(got), len(want))
			continue
		}
		for _, w := range want {
			name := gjson.ParseBytes(w[0]).Str
			if !slices.ContainsFunc(got, func(c record.Change) bool {
				return c.Name == name && record.Equal(c.From, w[1]) && record.Equal(c.To, w[2])
			}) {
				t.Errorf("%s: no such change of %s", key, name)
			}
		}
		if !record.Equal(record.Undo(now[key], got), old[key]) {
			t.Errorf("%s: undone differs from the old version", key)
		}
	}
	for key := range old {
		if now[key] == nil && !slices.Contains(truth.Removed, key) {
			t.Errorf("%s is gone", key)
		}
	}
}

func snapshot(t *testing.T, file string) map[string][]byte {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS("testdata"), file)
	if err != nil {
		t.Fatal(err)
	}
	records := make(map[string][]byte)
	for _, r := range gjson.ParseBytes(text).Array() {
		if err := record.Check([]byte(r.Raw)); err != nil {
			t.Fatal(err)
		}
		records[r.Get("id").String()] = []byte(r.Raw)
	}
	return records
}

func FuzzChanges(f *testing.F) {
	f.Add(`{"a":1,"b":2}`, `{"b":3,"c":[1.0]}`)
	f.Add(`{"rank":1,"title":" a  b","price":"$4.00"}`, `{"price":4,"title":"a b","rank":2}`)
	f.Add(`{"tags":[1,2],"link":"x?a#b"}`, `{"tags":[2,1.0],"link":"x?a"}`)
	f.Add(`{"a\u0041":{}}`, `{"aA":[]}`)
	exact, ruled := record.Rules(nil), compared(f)
	f.Fuzz(func(t *testing.T, a, b string) {
		old, now := []byte(a), []byte(b)
		if record.Check(old) != nil || record.Check(now) != nil {
			return
		}
		changes := exact.Changes(old, now)
		if (changes == nil) != record.Equal(old, now) {
			t.Fatalf("%s -> %s: changes %v, Equal %v", old, now, changes, !record.Equal(old, now))
		}
		text := record.AppendChanges(nil, changes)
		back, err := record.ParseChanges(text)
		if err != nil || string(record.AppendChanges(nil, back)) != string(text) {
			t.Fatalf("%s read back: %v", text, err)
		}
		undone := record.Undo(now, back)
		if err := record.Check(undone); err != nil {
			t.Fatalf("undone %s: %v", undone, err)
		}
		if !record.Equal(undone, old) {
			t.Fatalf("%s -> %s, undone %s", old, now, undone)
		}
		for _, rules := range []record.Rules{exact, ruled} {
			if rules.Changes(old, old) != nil {
				t.Fatalf("%s differs from itself", old)
			}
			// A percentage is one of the older value, so that only the other fields are symmetrical.
			if there, back := names(rules.Changes(old, now)), names(rules.Changes(now, old)); !slices.Equal(there, back) {
				t.Fatalf("%s <-> %s: %v and %v", old, now, there, back)
			}
		}
	})
}

func names(changes []record.Change) []string {
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
	var rules record.Rules
	old := []byte(`{"_id":"case/dfea30ea5507-1","_category":"case","_scraped_at":"2025-07-23T15:28:43-04:00","name":"Montech XR","price":83.59,"type":"ATX Mid Tower","color":"Black","psu":null,"side_panel":"Tempered Glass","external_volume":45,"internal_35_bays":2}`)
	now := slices.Concat(old[:len(old)-2], []byte("3}"))
	b.SetBytes(int64(len(old)))
	b.ReportAllocs()
	for b.Loop() {
		if len(rules.Changes(old, now)) != 1 {
			b.Fatal("want one change")
		}
	}
}
