package access_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"dochook/server/access"
)

func TestParseKey(t *testing.T) {
	for _, tc := range []struct {
		body string
		want access.Key
	}{
		{`{}`, access.Key{Role: access.RoleReader, Enabled: true}},
		{`{"name":"n","user":"u","role":"writer","doctypes":["A"],"description":"d","enabled":0}`, access.Key{Name: "n", Owner: "u", Role: access.RoleWriter, DocTypes: []string{"A"}, Description: "d"}},
		{`{"role":"admin","enabled":"1","doctypes":null,"owner":"evil","modified_by":"evil","idx":3,"docstatus":0,"doctype":"API Key"}`, access.Key{Role: access.RoleAdmin, Enabled: true}},
	} {
		got, err := access.ParseKey([]byte(tc.body))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v", tc.body, got, err)
		}
	}
	for _, tc := range []struct{ body, code, field string }{
		{`[]`, "invalid", ""},
		{`null`, "invalid", ""},
		{``, "invalid", ""},
		{`{"role":`, "invalid", ""},
		{`{} {}`, "invalid", ""},
		{`{"api_secret":"x"}`, "invalid", "api_secret"},
		{`{"role":1}`, "invalid", "role"},
		{`{"role":"owner"}`, "invalid", "role"},
		{`{"enabled":2}`, "invalid", "enabled"},
		{`{"doctypes":"A"}`, "invalid", "doctypes"},
		{`{"doctypes":[]}`, "invalid", "doctypes"},
		{`{"name":"a/b"}`, "name", "name"},
	} {
		t.Run(tc.body, func(t *testing.T) {
			_, err := access.ParseKey([]byte(tc.body))
			wantCode(t, err, tc.code, tc.field)
		})
	}
}

func TestKeyJSON(t *testing.T) {
	k := access.Key{
		Name: "n", Owner: "u", Role: access.RoleWriter, DocTypes: []string{"A"}, Enabled: true,
		Creation: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Modified: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), ModifiedBy: "m",
	}
	got, err := json.Marshal(k)
	want := `{"name":"n","doctype":"API Key","owner":"u","creation":"2026-01-02 03:04:05.000006","modified":"2026-01-02 03:04:06.000000",` +
		`"modified_by":"m","docstatus":0,"idx":0,"user":"u","role":"writer","doctypes":["A"],"description":"","enabled":1}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s (%v)\nwant %s", got, err, want)
	}
	// What was answered can be sent back.
	p, err := access.ParseKey(got)
	if err != nil || p.Role != k.Role || !reflect.DeepEqual(p.DocTypes, k.DocTypes) || p.Owner != "u" {
		t.Errorf("sent back: %+v, %v", p, err)
	}
}

func TestRoles(t *testing.T) {
	order := []access.Role{"", "stranger", access.RoleReader, access.RoleWriter, access.RoleAdmin}
	for i, have := range order {
		for j, need := range order {
			if got, want := have.Includes(need), j >= 2 && i >= j; got != want {
				t.Errorf("%q includes %q: %v", have, need, got)
			}
		}
	}
	limited := access.Key{Role: access.RoleWriter, DocTypes: []string{"A"}}
	if !limited.Covers("A") || limited.Covers("a") || limited.Covers("") {
		t.Error("the limit of a writer")
	}
	if free := (access.Key{Role: access.RoleReader}); !free.Covers("A") {
		t.Error("a key without limit")
	}
}
