package foreign_test

import (
	"strings"
	"testing"
)

func TestChangesAsSent(t *testing.T) {
	t.Parallel()
	p := must(t, "changes", string(example(t, "changes.json")), nil)
	if p.JobID != "644" || p.Job != nil || p.Columns != nil {
		t.Errorf("%+v", p)
	}
	for i := range p.Records { // blanks inside of a record stay; here they only hinder reading
		p.Records[i].Data = []byte(strings.Join(strings.Fields(string(p.Records[i].Data)), " "))
	}
	same(
		t, p.Records,
		`1|{ "id": "product456", "name": "Ergonomic Chair", "price": 199.99, "stock": 15 }`,
		`2-|{ "id": "product789", "name": "Standing Desk", "price": 299.99, "stock": 5 }`,
	)
}

func TestChangesProducts(t *testing.T) {
	t.Parallel()
	tests := []struct{ product, want string }{
		{`{"event":"ADDED","productData":{ "a" : 1.50 }}`, `1|{ "a" : 1.50 }`},
		{`{"productData":{"a":1},"event":"updated","changedFields":7,"x":1,"x":2}`, `1|{"a":1}`},
		{`{"event":"Removed","productData":{}}`, `1-|{}`},
		{`{"\u0065vent":"\u0052EMOVED","productData":{"a":"\u00e4"}}`, `1-|{"a":"\u00e4"}`},
		{`{"event":"DELETED","productData":{}}`, `1|!invalid: event: is ADDED, UPDATED or REMOVED, not "DELETED"`},
		{`{"event":" ADDED","productData":{}}`, `1|!invalid: not " ADDED"`},
		{`{"event":null,"productData":{}}`, `1|!invalid: event: is ADDED, UPDATED or REMOVED, not null`},
		{`{"productData":{}}`, `1|!invalid: event: is missing`},
		{`{"event":"ADDED"}`, `1|!invalid: productData: is missing`},
		{`{"event":"REMOVED"}`, `1-|!invalid: productData: is missing`},
		{`{"event":"REMOVED","productData":"x"}`, `1-|!invalid: productData must be an object, it is a string`},
		{`{"event":"ADDED","productData":[{}]}`, `1|!invalid: it is an array`},
		{`{"event":"ADDED","productData":null}`, `1|!invalid: it is null`},
		{`{"event":"ADDED","productData":{"a":1,"a":1}}`, `1|!invalid: duplicate name "a"`},
		{`{"event":"ADDED","productData":{"a":1},"productData":{"a":2}}`, `1|!invalid: productData: comes twice`},
		{`{"event":"ADDED","event":"REMOVED","productData":{"a":2}}`, `1|!invalid: event: comes twice`},
		{`{"event":"UPDATED","productData":{},"changedFields":[],"changedFields":[]}`, `1|!invalid: changedFields: comes twice`},
		{`"x"`, `1|!invalid: a product must be an object, it is a string`},
	}
	for _, tt := range tests {
		p := must(t, "changes", `{"jobID":1,"products":[`+tt.product+`,{"event":"ADDED","productData":{"z":1}}]}`, nil)
		same(t, p.Records, tt.want, `2|{"z":1}`)
	}
}

func TestChangesJobID(t *testing.T) {
	t.Parallel()
	for member, want := range map[string]string{
		``: "", `"jobID":null,`: "", `"jobID":"",`: "", `"jobID":"job 1",`: "job 1", `"jobID":644,`: "644", `"jobID":1e3,`: "1e3", `"jobId":"x",`: "",
	} {
		p := must(t, "changes", `{`+member+`"products":[]}`, nil)
		if p.JobID != want || p.Records != nil {
			t.Errorf("%s got %+v, want %q", member, p, want)
		}
	}
}
