package query_test

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"dochook/doctype/query"
	"dochook/migrations/dbtest"
)

func TestParse(t *testing.T) {
	cases := []struct {
		params string
		want   query.Query
	}{
		{"", query.Query{Fields: []string{"name"}, Limit: 20}},
		{"order_by=&as_dict=true&fields=&filters=&or_filters=&limit=&limit_start=", query.Query{Fields: []string{"name"}, Limit: 20}},
		{`fields=["name","a b","*","` + "`tabToDo`.`status`" + `"]&limit_page_length=5&limit_start=10`, query.Query{Fields: []string{"name", "a b", "*", "status"}, Start: 10, Limit: 5}},
		{"fields=*&limit=0", query.Query{Fields: []string{"*"}, Limit: query.All}},
		{`fields="name"&as_dict=false`, query.Query{Fields: []string{"name"}, Limit: 20, AsLists: true}},
		{"fields=name, modified&limit=7&limit_page_length=9", query.Query{Fields: []string{"name", "modified"}, Limit: 7}},
		{"order_by=creation+desc,`tabToDo`.`my field` ASC , x", query.Query{Fields: []string{"name"}, Limit: 20, Order: []query.Order{{"creation", true}, {"my field", false}, {"x", false}}}},
		{`filters=[["a",">",1.50]]&or_filters={"b":["in",["x",null,true]]}`, query.Query{
			Fields: []string{"name"}, Limit: 20,
			Filters:   []query.Filter{{Field: "a", Op: query.Greater, Values: []query.Value{{Kind: query.NumberValue, Text: "1.50"}}}},
			OrFilters: []query.Filter{{Field: "b", Op: query.In, Values: []query.Value{{Kind: query.TextValue, Text: "x"}, {}, {Kind: query.BoolValue, Text: "true"}}}},
		}},
		{"group_by=&expand=[]&debug=true&parent=x", query.Query{Fields: []string{"name"}, Limit: 20}},
	}
	for _, c := range cases {
		got, err := query.Parse(params(t, c.params))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v (%v), want %+v", c.params, got, err, c.want)
		}
	}
}

// params reads k=v&k=v without percent-decoding, + is a blank.
func params(t *testing.T, s string) url.Values {
	t.Helper()
	v := url.Values{}
	for pair := range strings.SplitSeq(s, "&") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			v.Set(key, strings.ReplaceAll(value, "+", " "))
		}
	}
	return v
}

func TestParseRefused(t *testing.T) {
	cases := []struct{ params, want string }{
		{`filters=[["a"`, "filters: must be JSON"},
		{`filters={"a":1,"a":2}`, "filters: must be JSON"},
		{`filters=5`, "filters: must be an object or a list"},
		{`filters=[1]`, "filters: each filter must be a list such as [field, operator, value]"},
		{`filters=[["a"]]`, "filters: each filter must be a list such as [field, operator, value]"},
		{`filters=[[1,"=",2]]`, "filters: a field's name must be a string"},
		{`filters=[["","=",2]]`, "filters: a field's name is empty"},
		{`filters=[["a","regex","x"]]`, `filters: a: "regex" is none of the operators =, !=, <, >, <=, >=, in, not in, like, not like, between, is`},
		{`filters={"a":["x","y"]}`, `filters: a: "x" is none of the operators =, !=, <, >, <=, >=, in, not in, like, not like, between, is`},
		{`filters={"a":["=","y","z"]}`, "filters: a must be a value or [operator, value]"},
		{`filters={"a":["=",["y"]]}`, "filters: a: = takes one value, not a list"},
		{`filters={"a":["=",{}]}`, "filters: a: a value must be text, a number, true, false or null"},
		{`or_filters={"a":["between",[1]]}`, "or_filters: a: between takes 2 values, not 1"},
		{`filters={"a":["is","maybe"]}`, "filters: a: is takes set or not set"},
		{`filters={"a":1e99999}`, "filters: a: a number is too large"},
		{`fields=[1]`, "fields: must be a list of names"},
		{`fields=["count(name) as n"]`, "fields: functions such as count() are not supported"},
		{`fields=["a",""]`, "fields: a field's name is empty"},
		{`order_by=a,,b`, "order_by: a field's name is empty"},
		{`order_by=` + strings.Repeat("a,", 20) + `a`, "order_by: more than 20 keys"},
		{`limit=-1`, "limit: must be a number from 0 on"},
		{`limit_page_length=x`, "limit_page_length: must be a number from 0 on"},
		{`limit_start=1;DROP TABLE documents`, "limit_start: must be a number from 0 on"},
		{`as_dict=maybe`, "as_dict: must be true or false"},
		{`group_by=owner`, "group_by: is not supported"},
		{`filters={"a":["in",[` + strings.Repeat("1,", 1000) + `1]]}`, "filters: a: more than 1000 values"},
		{`filters=[` + strings.Repeat(`["a",1],`, 100) + `["a",1]]`, "filters: more than 100"},
	}
	for _, c := range cases {
		_, err := query.Parse(params(t, c.params))
		var wrong *query.Error
		if !errors.As(err, &wrong) || err.Error() != c.want {
			t.Errorf("%.60s: got %v, want %s", c.params, err, c.want)
		}
	}
}

// Whatever parses is SQL that the database takes.
func FuzzFilters(f *testing.F) {
	db := dbtest.New(f, "sqlite")
	for _, c := range filterCases {
		f.Add(c.filters, "price desc")
	}
	f.Add(`{"a\u0000":1}`, "a\x00 desc")
	f.Add(`[["a'","not in",["'","?"]]]`, `a"?'\ desc`)
	f.Fuzz(func(t *testing.T, filters, order string) {
		q, err := query.Parse(url.Values{"filters": {filters}, "order_by": {order}})
		var wrong *query.Error
		if err != nil {
			if !errors.As(err, &wrong) || wrong.Param == "" {
				t.Fatalf("error without a parameter: %v", err)
			}
			return
		}
		if _, err := run(t.Context(), db, q); err != nil && !errors.As(err, &wrong) {
			t.Fatalf("%q %q: %v", filters, order, err)
		}
	})
}
