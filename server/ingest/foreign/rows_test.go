package foreign_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"dochook/server/ingest/foreign"
)

func TestRowsAsSent(t *testing.T) {
	t.Parallel()
	p := must(t, "rows", string(example(t, "rows.json")), nil)
	if p.Recipe != "@official/shopbop-products" || p.Table != "T391" || p.Job != nil || p.JobID != "" {
		t.Errorf("%+v", p)
	}
	same(
		t, p.Records,
		`1|{"title":"Lili Jeans","brand":"Hellessy","price":"$490.00","cover":"https://m.media-amazon.com/images/G/01/Shopbop/p/prod/products/hlles/hlles301461f83a/hlles301461f83a_1665705468020_2-0._QL90_UX250_.jpg","link":"https://www.shopbop.com/lili-jean-hellessy/vp/v=1/1540731055.htm?os=false&breadcrumb=Shop+Women%27s%3EClothing%3EJeans&folderID=13377&colorSin=2092290718&fm=other-shopbysize&pf_rd_p=PLACEMENT_ID_PLACEHOLDER&pf_rd_r=IMPRESSION_REQUEST_ID_PLACEHOLDER&ref_=SB_PLP_PDP_W_CLOTH_DENIM_13377_DB_1"}`,
		`2|{"title":"Sofie Splice Jeans","brand":"Rag & Bone","price":"$325.00","cover":"https://m.media-amazon.com/images/G/01/Shopbop/p/prod/products/ragbo/ragbo464081ea91/ragbo464081ea91_1665685197870_2-0._QL90_UX250_.jpg","link":"https://www.shopbop.com/sofie-splce-jean-rag-bone/vp/v=1/1585870626.htm?os=false&breadcrumb=Shop+Women%27s%3EClothing%3EJeans&folderID=13377&colorSin=2079425462&fm=other-shopbysize&pf_rd_p=PLACEMENT_ID_PLACEHOLDER&pf_rd_r=IMPRESSION_REQUEST_ID_PLACEHOLDER&ref_=SB_PLP_PDP_W_CLOTH_DENIM_13377_NB_2"}`,
	)
	want := []foreign.Column{
		{ID: "cb3a5adda", Name: "title", Fieldname: "title"},
		{ID: "c2f7a2473", Name: "brand", Fieldname: "brand"},
		{ID: "c7a768d57", Name: "price", Fieldname: "price"},
		{ID: "c6eb7913d", Name: "cover", Fieldname: "cover"},
		{ID: "c45bf5749", Name: "link", Fieldname: "link"},
	}
	if !slices.Equal(p.Columns, want) {
		t.Errorf("columns %q, want %q", p.Columns, want)
	}
}

// rowsBody makes a body of format rows; fields are "id=name" pairs.
func rowsBody(fields, rows string) string {
	var list []string
	for pair := range strings.FieldsSeq(fields) {
		id, name, _ := strings.Cut(pair, "=")
		list = append(list, fmt.Sprintf(`{"id":%q,"name":%q}`, id, name))
	}
	return fmt.Sprintf(`{"recipeName":"r","tableName":"T","fields":[%s],"rows":[%s]}`, strings.Join(list, ","), rows)
}

func TestRowsRecords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fields, rows string
		known              map[string]string
		want               []string
	}{
		{name: "none"},
		{name: "no columns", rows: `{}`, want: []string{`1|{}`}},
		{name: "order of fields", fields: "c1=a c2=b c3=c", rows: `{"c3":3,"c1":1,"c2":2}`, want: []string{`1|{"a":1,"b":2,"c":3}`}},
		{name: "missing cells", fields: "c1=a c2=b c3=c", rows: `{"c3":3},{},{"c2":null}`, want: []string{`1|{"c":3}`, `2|{}`, `3|{"b":null}`}},
		{
			name: "exact values", fields: "c1=a c2=b c3=c",
			rows: `{ "c1" : 2500.0 , "c2":"\u00e4\/\"😀" ,"c3":{ "z":9007199254740993, "a":[ 1e2,-0 ] } }`,
			want: []string{`1|{"a":2500.0,"b":"\u00e4\/\"😀","c":{ "z":9007199254740993, "a":[ 1e2,-0 ] }}`},
		},
		{name: "escaped id", fields: "c1=a", rows: `{"\u00631":1}`, want: []string{`1|{"a":1}`}},
		{name: "name with quotes", fields: `c1=a"\b`, rows: `{"c1":1}`, want: []string{`1|{"a\"\\b":1}`}},

		{name: "renamed", fields: "c1=headline c2=b", known: map[string]string{"c1": "title"}, rows: `{"c2":2,"c1":1}`, want: []string{`1|{"title":1,"b":2}`}},
		{name: "renamed to another's name", fields: "c1=b c2=b", known: map[string]string{"c1": "a"}, rows: `{"c1":1,"c2":2}`, want: []string{`1|{"a":1,"b":2}`}},
		{name: "names swapped", fields: "c1=b c2=a", known: map[string]string{"c1": "a", "c2": "b"}, rows: `{"c1":1,"c2":2}`, want: []string{`1|{"a":1,"b":2}`}},
		{name: "new column has a renamed one's old name", fields: "c1=a c2=b", known: map[string]string{"c2": "a"}, rows: `{"c1":1,"c2":2}`, want: []string{`1|{"a_2":1,"a":2}`}},
		{name: "all ids new", fields: "d1=a d2=b", known: map[string]string{"c1": "a", "c2": "b"}, rows: `{"d1":1,"d2":2}`, want: []string{`1|{"a":1,"b":2}`}},
		{name: "known, not in fields", fields: "c1=a", known: map[string]string{"c0": "z"}, rows: `{"c0":0,"c1":1},{"c0":2}`, want: []string{`1|{"a":1,"z":0}`, `2|{"z":2}`}},
		{name: "known, not in fields, name taken", fields: "c1=a", known: map[string]string{"c0": "a"}, rows: `{"c0":0,"c1":1}`, want: []string{`1|{"a":1,"a_2":0}`}},
		{name: "unusable known names", fields: "c1=a c2=b c3=c", known: map[string]string{"c1": "", "c2": "\xff", "c3": "x\x00"}, rows: `{"c1":1,"c2":2,"c3":3}`, want: []string{`1|{"a":1,"b":2,"c":3}`}},

		{name: "one name, three columns", fields: "c1=a c2=a c3=a", rows: `{"c3":3,"c2":2,"c1":1}`, want: []string{`1|{"a":1,"a_2":2,"a_3":3}`}},
		{name: "numbered name is taken", fields: "c1=a c2=a c3=a_2 c4=a", rows: `{"c1":1,"c2":2,"c3":3,"c4":4}`, want: []string{`1|{"a":1,"a_3":2,"a_2":3,"a_4":4}`}},
		{name: "numbered names as known", fields: "c2=a c1=a", known: map[string]string{"c1": "a", "c2": "a_2"}, rows: `{"c1":1,"c2":2}`, want: []string{`1|{"a_2":2,"a":1}`}},
		{name: "one known name, two columns", fields: "c1=x c2=y", known: map[string]string{"c1": "a", "c2": "a"}, rows: `{"c1":1,"c2":2}`, want: []string{`1|{"a":1,"a_2":2}`}},
		{name: "no name", fields: "c1= c2=", rows: `{"c1":1,"c2":2}`, want: []string{`1|{"c1":1,"c2":2}`}},

		{name: "unknown id", fields: "c1=a", rows: `{"c1":1},{"c1":1,"c9":9},{"c1":2}`, want: []string{`1|{"a":1}`, `2|!invalid: no field with the id "c9"`, `3|{"a":2}`}},
		{name: "name for an id", fields: "c1=a", rows: `{"a":1}`, want: []string{`1|!invalid: id "a"`}},
		{name: "id twice", fields: "c1=a", rows: `{"c1":1,"\u00631":2},{"c1":3}`, want: []string{`1|!invalid: duplicate name "c1"`, `2|{"a":3}`}},
		{name: "name twice in a value", fields: "c1=a", rows: `{"c1":{"x":1,"x":2}}`, want: []string{`1|!invalid: duplicate name "x"`}},
		{
			name: "no objects", fields: "c1=a", rows: `[],"x",1,true,null,{"c1":1}`,
			want: []string{`1|!invalid: a row must be an object, it is an array`, `2|!invalid: a string`, `3|!invalid: a number`, `4|!invalid: true or false`, `5|!invalid: null`, `6|{"a":1}`},
		},
		{name: "NUL", fields: "c1=a", rows: `{"c1":"\u0000"}`, want: []string{`1|!invalid: NUL`}},
		{name: "invalid UTF-8", fields: "c1=a", rows: "{\"c1\":\"\xff\"}", want: []string{`1|!invalid: UTF-8`}},
		{name: "control character", fields: "c1=a", rows: "{\"c1\":\"\n\"},{\"c1\":1}", want: []string{`1|!invalid: `, `2|{"a":1}`}},
		{name: "deep", fields: "c1=a", rows: `{"c1":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, want: []string{`1|!invalid: nested deeper than 64`}},
		{name: "not too deep", fields: "c1=a", rows: `{"c1":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, want: []string{`1|{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(tt.known)
			same(t, must(t, "rows", rowsBody(tt.fields, tt.rows), tt.known).Records, tt.want...)
			if !maps.Equal(before, tt.known) {
				t.Errorf("known was changed to %q", tt.known)
			}
		})
	}
}

// What one body teaches holds for the next, whatever the sender renames or moves.
func TestRowsRemembered(t *testing.T) {
	t.Parallel()
	known := map[string]string{}
	for _, step := range []struct{ fields, want string }{
		{"c1=title c2=price c3=price", `1|{"title":1,"price":2,"price_2":3}`},
		{"c3=price c2=price c1=title", `1|{"price_2":3,"price":2,"title":1}`},
		{"c3=cost c2=gone c1=title c4=price", `1|{"price_2":3,"price":2,"title":1,"price_3":4}`},
		{"c1=title c2=price", `1|{"title":1,"price":2,"price_2":3,"price_3":4}`},
	} {
		rows := `{"c1":1,"c2":2,"c3":3}`
		if known["c4"] != "" || strings.Contains(step.fields, "c4") {
			rows = `{"c1":1,"c2":2,"c3":3,"c4":4}`
		}
		p := must(t, "rows", rowsBody(step.fields, rows), known)
		same(t, p.Records, step.want)
		for _, c := range p.Columns {
			known[c.ID] = c.Fieldname
		}
	}
}

func TestRowsEnvelope(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"fields":[{"id":"c1","name":"a"}],"rows":[{"c1":1}]}`,
		`{"rows":[{"c1":1}],"fields":[{"name":"a","id":"c1","type":"text"}],"recipeName":null,"tableName":null}`,
		"\ufeff \r\n\t{\"x\":{\"rows\":1,\"rows\":2},\"x\":[\"\n\xff\"],\"\\u0072ows\":[{\"c1\":1}],\"fields\":[{\"id\":\"c1\",\"name\":\"a\"}]}\n ",
	} {
		p := must(t, "rows", text, nil)
		same(t, p.Records, `1|{"a":1}`)
		if p.Recipe != "" || p.Table != "" {
			t.Errorf("%+v", p)
		}
	}
}

// Many columns of one name, and many rows under many columns, take time in
// proportion to their number: otherwise this takes minutes.
func TestRowsManyColumns(t *testing.T) {
	t.Parallel()
	const columns = 50_000
	var fields strings.Builder
	for i := range columns {
		fmt.Fprintf(&fields, "c%d=a ", i)
	}
	p := must(t, "rows", rowsBody(fields.String(), strings.Repeat(`{},`, columns)+`{"c49999":1}`), nil)
	if len(p.Records) != columns+1 || string(p.Records[columns].Data) != `{"a_50000":1}` {
		t.Errorf("%d records, the last is %s", len(p.Records), p.Records[len(p.Records)-1].Data)
	}
}

// A body cannot grow without bounds by the length of its names.
func TestRowsGrowth(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	if p := must(t, "rows", rowsBody("c="+long, `{"c":1}`), nil); len(p.Records) != 1 || len(p.Records[0].Data) != len(long)+len(`{"":1}`) {
		t.Errorf("%d records", len(p.Records))
	}
	_, err := foreign.Rows([]byte(rowsBody("c="+long, strings.Repeat(`{"c":1},`, 100)+`{"c":1}`)), nil)
	if code(err) != foreign.CodeTooLarge || !strings.Contains(err.Error(), "8 times as large") {
		t.Errorf("got %v", err)
	}
	p := must(t, "rows", rowsBody("c=a", `{"c":1},{"d":1}`), map[string]string{"d": strings.Repeat(long, 16)})
	same(t, p.Records, `1|{"a":1}`, `2|!too_large: with the names of its columns`)

	many := "[" + strings.Repeat("1,", 1<<20) + "1]"
	_, err = foreign.Rows([]byte(`{"fields":[],"rows":`+many+`}`), nil)
	if code(err) != foreign.CodeTooLarge || !strings.Contains(err.Error(), "more than 1048576 records") {
		t.Errorf("got %v", err)
	}
}
