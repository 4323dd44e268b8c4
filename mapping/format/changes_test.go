package format_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping/format"
)

func TestChangesAsDocumented(t *testing.T) {
	products := []format.Product{
		{
			Event: format.Updated, Data: []byte(`{"id":"product456","name":"Ergonomic Chair","price":199.99,"stock":15}`),
			Changed: []byte(`[{"name":"price","from":199.99,"to":120.99}]`),
		},
		{Event: format.Removed, Data: []byte(`{"id":"product789","name":"Standing Desk","price":299.99,"stock":5}`)},
	}
	h := format.Changes{Timestamp: "2024-07-31T12:34:56Z", JobID: "644"}
	want := documented(t, "changes.json")
	if got := appended(t, func(dst []byte) []byte { return h.Append(dst, products) }); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestChanges(t *testing.T) {
	const data = `{"a":1.0,"\u0062":"x","c":{ "k": 1 }}`
	const changed = `[{"name":"a","from":0,"to":1.0},{"name":"b","to":"x"},{"name":"gone","from":null}]`
	product := func(event, data, changed string) format.Product {
		p := format.Product{Event: event, Data: []byte(data)}
		if changed != "" {
			p.Changed = []byte(changed)
		}
		return p
	}
	tests := []struct {
		fields   []string
		only     bool
		products []format.Product
		want     string
	}{
		{nil, false, nil, ``},
		{nil, false, []format.Product{product("ADDED", " "+data+"\n", "")}, `{"event":"ADDED","productData":` + data + `}`},
		{nil, false, []format.Product{product("UPDATED", data, changed)}, `{"event":"UPDATED","productData":` + data + `,"changedFields":` + changed + `}`},
		{nil, true, []format.Product{product("UPDATED", data, changed)}, `{"event":"UPDATED","productData":{"a":1.0,"\u0062":"x"},"changedFields":` + changed + `}`},
		{[]string{}, true, []format.Product{product("UPDATED", data, changed)}, `{"event":"UPDATED","productData":{"a":1.0,"\u0062":"x"},"changedFields":` + changed + `}`},
		{
			[]string{"b", "c"},
			false,
			[]format.Product{product("UPDATED", data, changed)},
			`{"event":"UPDATED","productData":` + data + `,"changedFields":[{"name":"b","to":"x"}]}`,
		},
		{
			[]string{"b", "c"},
			true,
			[]format.Product{product("UPDATED", data, changed)},
			`{"event":"UPDATED","productData":{"\u0062":"x"},"changedFields":[{"name":"b","to":"x"}]}`,
		},
		{
			[]string{"gone"},
			true,
			[]format.Product{product("UPDATED", data, changed)},
			`{"event":"UPDATED","productData":{},"changedFields":[{"name":"gone","from":null}]}`,
		},
		{[]string{"c"}, true, []format.Product{product("UPDATED", data, changed)}, `{"event":"UPDATED","productData":{},"changedFields":[]}`},
		{nil, true, []format.Product{product("UPDATED", data, `[]`)}, `{"event":"UPDATED","productData":{},"changedFields":[]}`},
		// What changed is not known.
		{nil, true, []format.Product{product("UPDATED", data, "")}, `{"event":"UPDATED","productData":` + data + `}`},
		{[]string{"a"}, true, []format.Product{product("UPDATED", data, " null ")}, `{"event":"UPDATED","productData":` + data + `}`},
		// Neither the changes nor the trimming are for others.
		{[]string{"a"}, true, []format.Product{product("ADDED", data, changed)}, `{"event":"ADDED","productData":` + data + `}`},
		{[]string{"a"}, true, []format.Product{product("REMOVED", data, changed)}, `{"event":"REMOVED","productData":` + data + `}`},
		// One product's changes are not the next one's.
		{
			nil, true,
			[]format.Product{product("UPDATED", data, `[{"name":"a","to":1.0}]`), product("UPDATED", data, `[{"name":"c","to":{ "k": 1 }}]`)},
			`{"event":"UPDATED","productData":{"a":1.0},"changedFields":[{"name":"a","to":1.0}]},` +
				`{"event":"UPDATED","productData":{"c":{ "k": 1 }},"changedFields":[{"name":"c","to":{ "k": 1 }}]}`,
		},
		// The order of a change's members and white space do not count; escapes in names do not either.
		{
			[]string{`q"`},
			true,
			[]format.Product{product("UPDATED", `{"q\"":[1, 2]}`, "[ {\"to\" : [1, 2], \"from\":3 ,\"na\\u006de\": \"q\\u0022\"} ]")},
			`{"event":"UPDATED","productData":{"q\"":[1, 2]},"changedFields":[{"name":"q\u0022","from":3,"to":[1, 2]}]}`,
		},
	}
	for _, tt := range tests {
		h := format.Changes{Timestamp: "2026", JobID: `6"4`, Fields: tt.fields, OnlyChanged: tt.only}
		want := `{"timestamp":"2026","jobID":"6\"4","products":[` + tt.want + `]}`
		if got := appended(t, func(dst []byte) []byte { return h.Append(dst, tt.products) }); got != want {
			t.Errorf("%q %v\n got %s\nwant %s", tt.fields, tt.only, got, want)
		}
	}
}

// TestChangesOfManyFields has more names than are compared one by one, first in one product and then not.
func TestChangesOfManyFields(t *testing.T) {
	var data, changed, fields []string
	for i := range 100 {
		name := "f" + strconv.Itoa(i)
		data = append(data, `"`+name+`":`+strconv.Itoa(i))
		if i%2 == 0 {
			changed = append(changed, `{"name":"`+name+`","to":`+strconv.Itoa(i)+`}`)
		}
		if i%3 == 0 {
			fields = append(fields, name)
		}
	}
	products := []format.Product{
		{Event: format.Updated, Data: []byte("{" + strings.Join(data, ",") + "}"), Changed: []byte("[" + strings.Join(changed, ",") + "]")},
		{Event: format.Updated, Data: []byte(`{"f0":0,"f6":6}`), Changed: []byte(`[{"name":"f0","to":0}]`)},
	}
	for _, fields := range [][]string{nil, fields} {
		h := format.Changes{Fields: fields, OnlyChanged: true}
		body := appended(t, func(dst []byte) []byte { return h.Append(dst, products) })
		for i, entry := range elementsOf(t, []byte(valueOf(membersOf(t, []byte(body)), "products"))) {
			checkTrimmed(t, &h, &products[i], []byte(entry))
		}
	}
}

// checkTrimmed checks an UPDATED entry against what a slow reader makes of it.
func checkTrimmed(t *testing.T, h *format.Changes, p *format.Product, entry []byte) {
	t.Helper()
	var names, want []string
	for _, element := range elementsOf(t, p.Changed) {
		change := membersOf(t, []byte(element))
		name := jsontext.Value(valueOf(change, "name"))
		if name.Kind() != '"' {
			continue
		}
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Fields) > 0 && !slices.Contains(h.Fields, string(plain)) {
			continue
		}
		names = append(names, string(plain))
		text := `{"name":` + string(name)
		for _, side := range []string{"from", "to"} {
			if value := valueOf(change, side); value != "" {
				text += `,"` + side + `":` + value
			}
		}
		want = append(want, text+"}")
	}
	all := membersOf(t, entry)
	if got := elementsOf(t, []byte(valueOf(all, "changedFields"))); !slices.Equal(got, want) {
		t.Fatalf("%s with %q: changedFields %q, want %q", p.Changed, h.Fields, got, want)
	}
	record := membersOf(t, p.Data)
	if h.OnlyChanged {
		record = slices.DeleteFunc(record, func(m member) bool { return !slices.Contains(names, m.name) })
	}
	if got := membersOf(t, []byte(valueOf(all, "productData"))); !slices.Equal(got, record) {
		t.Fatalf("%s of %s with %q: productData %q, want %q", p.Changed, p.Data, h.Fields, got, record)
	}
}

func FuzzChanges(f *testing.F) {
	f.Add(`{"a":1.0,"b":2}`, `[{"name":"a","from":0,"to":1.0},{"name":"c","from":{}}]`, "", false)
	f.Add(` {"\u0061":[1 , 2],"q\"":null} `, ` [ {"to":null,"name":"a"} , {"name":"q\u0022","from":1e400} ]`, "a", true)
	f.Add(`{}`, `[1,{},{"name":1},{"name":"x"},[{"name":"y"}]]`, "x", true)
	f.Fuzz(func(t *testing.T, data, changed, field string, only bool) {
		if list := jsontext.Value(changed); !isObject(data) || !list.IsValid() || list.Kind() != '[' {
			return
		}
		for _, element := range elementsOf(t, []byte(changed)) {
			if !isObject(element) {
				return
			}
		}
		h := format.Changes{Timestamp: field, JobID: field, OnlyChanged: only}
		if field != "" {
			h.Fields = []string{field}
		}
		products := []format.Product{
			{Event: format.Added, Data: []byte(data), Changed: []byte(changed)},
			{Event: format.Updated, Data: []byte(data), Changed: []byte(changed)},
			{Event: format.Removed, Data: []byte(data)},
		}
		body := appended(t, func(dst []byte) []byte { return h.Append(dst, products) })
		entries := elementsOf(t, []byte(valueOf(membersOf(t, []byte(body)), "products")))
		if len(entries) != 3 {
			t.Fatalf("%q has %d entries", body, len(entries))
		}
		checkTrimmed(t, &h, &products[1], []byte(entries[1]))
		for _, i := range []int{0, 2} {
			all := membersOf(t, []byte(entries[i]))
			if len(all) != 2 || valueOf(all, "productData") != strings.Trim(data, " \t\r\n") {
				t.Fatalf("%s", entries[i])
			}
		}
	})
}
