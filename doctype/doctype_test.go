package doctype_test

import (
	"errors"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/doctype/record"
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

// The rules of the fields are those of [record.ParseRule], kept under the fields' names.
func TestDefinition_Changes(t *testing.T) {
	def := compile(t, `{"name":"P","fields":[{"fieldname":"rank","compare":"ignore"},{"fieldname":"a\"b","fieldtype":"Currency","compare":"number","tolerance":"5%"},
		{"fieldname":"link","compare":"url","compare_options":"utm_*"},{"fieldname":"plain"}]}`)
	old, now := `{"rank":1,"a\"b":"$100","link":"x?utm_a=1","plain":1,"other":1}`, `{"rank":2,"a\"b":105,"link":"x","plain":2,"other":2}`
	want := `[{"name":"plain","from":1,"to":2},{"name":"other","from":1,"to":2}]`
	if got := string(record.AppendChanges(nil, def.Changes([]byte(old), []byte(now)))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseDocType(t *testing.T) {
	// As Frappe exports one, with what has no meaning here.
	d, err := doctype.ParseDocType([]byte(`{"doctype":"DocType","name":"Product","module":"Custom","custom":1,"istable":0,"permissions":[{"role":"x"}],
		"creation":"2026-01-01 00:00:00","idx":0,"autoname":"field:sku","open":0,"title":null,
		"removal":{"on_zero": "hold", "min_ratio":0.50},
		"fields":[{"fieldname":"sku","fieldtype":"Data","label":"SKU","reqd":1,"unique":"1","in_list_view":1,"parent":"Product","idx":1},
			{"fieldname":"price","fieldtype":"Currency","default":"0","compare":"number","tolerance":"5%","hidden":false},
			{"fieldname":"state","fieldtype":"Select","options":"\nOpen\nClosed","default":null},
			{"fieldname":"link","fieldtype":"URL","compare":"url","compare_options":"utm_*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"Product","autoname":"field:sku","fields":[` +
		`{"fieldname":"sku","label":"SKU","fieldtype":"Data","reqd":true,"unique":true},` +
		`{"fieldname":"price","fieldtype":"Currency","default":"0","compare":"number","tolerance":"5%"},` +
		`{"fieldname":"state","fieldtype":"Select","options":"\nOpen\nClosed","default":null},` +
		`{"fieldname":"link","fieldtype":"URL","compare":"url","compare_options":"utm_*"}],` +
		`"open":false,"track_changes":true,"removal":{"on_zero": "hold", "min_ratio":0.50}}`
	if got := string(d.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	again, err := doctype.ParseDocType(d.JSON())
	if err != nil || string(again.JSON()) != want {
		t.Errorf("read back: %s (%v)", again.JSON(), err)
	}
	if _, err := doctype.Compile(d); err != nil {
		t.Error(err)
	}
	small, err := doctype.ParseDocType([]byte(`{"name": "Product", "autoname": "field:sku"}`))
	if err != nil || !bool(small.Open) || !bool(small.TrackChanges) {
		t.Errorf("got %+v (%v)", small, err)
	}
}

func TestDocTypeRefused(t *testing.T) {
	field := func(members string) string {
		return `{"name":"P","fields":[{"fieldname":"a"},{"fieldname":"f",` + members + `}]}`
	}
	cases := []struct{ text, code, want string }{
		{`[]`, "invalid", "a record must be a JSON object (byte 0)"},
		{`{"name":"P","colour":"x","nam":1}`, "invalid", "nam: unknown member of a DocType"},
		{`{"name":5}`, "invalid", "name: must be a string"},
		{`{"open":"maybe"}`, "invalid", "open: must be true, false, 0 or 1"},
		{`{"fields":{}}`, "invalid", "fields: must be an array of fields"},
		{`{"fields":["x"]}`, "invalid", "fields[0]: must be an object"},
		{field(`"fieldtyp":"Data"`), "invalid", "fields[1].fieldtyp: unknown member of a field"},
		{field(`"options":["x"]`), "invalid", "fields[1].options: must be a string"},
		{field(`"reqd":2`), "invalid", "fields[1].reqd: must be true, false, 0 or 1"},
		{`{}`, "mandatory", "name: a DocType needs a name"},
		{`{"name":" P"}`, "invalid", "name: begins or ends with a blank"},
		{`{"name":"a\tb"}`, "invalid", "name: has a control character"},
		{`{"name":"` + strings.Repeat("ä", 141) + `"}`, "invalid", "name: has more than 140 characters"},
		{`{"name":"Webhook Request Log"}`, "invalid", "name: Webhook Request Log is a built-in DocType"},
		{`{"name":"P","removal":5}`, "invalid", "removal: must be an object"},
		{`{"name":"P","fields":[{}]}`, "mandatory", "fields[0].fieldname: must not be empty"},
		{`{"name":"P","fields":[{"fieldname":"a"},{"fieldname":"a"}]}`, "invalid", "fields[1].fieldname: a is there twice"},
		{field(`"fieldtype":"Password"`), "invalid", `fields[1].fieldtype: "Password" is none of Data, `},
		{field(`"fieldtype":"Select"`), "invalid", "fields[1].options: a Select needs its choices, one a line"},
		{field(`"compare":"fuzzy"`), "invalid", `fields[1].compare: "fuzzy" is none of exact, ignore, text, number, set and url`},
		{field(`"compare_options":"x"`), "invalid", "fields[1].compare_options: only compare url has options"},
		{field(`"compare":"set","tolerance":1`), "invalid", "fields[1].tolerance: needs compare exact or number"},
		{field(`"tolerance":"abc"`), "invalid", `fields[1].tolerance: must be a number from 0 on, or a part such as "5%"`},
		{field(`"tolerance":-1`), "invalid", `fields[1].tolerance: must be a number from 0 on, or a part such as "5%"`},
		{field(`"tolerance":1e9999999`), "invalid", "a number with an exponent beyond 9999 "},
		{field(`"tolerance":"1e99999"`), "invalid", `fields[1].tolerance: must be a number from 0 on, or a part such as "5%"`},
		{field(`"tolerance":[5]`), "invalid", `fields[1].tolerance: must be a number from 0 on, or a part such as "5%"`},
		{field(`"fieldtype":"Int","default":"1.5"`), "invalid", "fields[1].default: must be a whole number"},
		{field(`"fieldtype":"Date","default":"Today"`), "invalid", "fields[1].default: must be a date such as 2026-01-31"},
		{field(`"fieldtype":"Select","options":"A\nB","default":"C"`), "invalid", "fields[1].default: must be one of A, B"},
		{`{"name":"P","autoname":"naming_series:"}`, "invalid", `autoname: "naming_series:" is none of field:<path>, format:<text with {path}>, hash and prompt`},
		{`{"name":"P","autoname":"field:"}`, "invalid", "autoname: the path is empty"},
		{`{"name":"P","autoname":"field:@this"}`, "invalid", `autoname: the path "@this" must begin with a field's name`},
		{`{"name":"P","autoname":"field:a*"}`, "invalid", `autoname: the path "a*" must begin with a field's name`},
		{`{"name":"P","autoname":"format:x"}`, "invalid", "autoname: a format needs at least one {path}"},
		{`{"name":"P","autoname":"format:{a"}`, "invalid", "autoname: a { without }"},
		{`{"name":"P","autoname":"format:a}{b}"}`, "invalid", "autoname: a } without {"},
		{`{"name":"P","autoname":"format:P-{#####}"}`, "invalid", "autoname: counters such as {#####} are not supported"},
	}
	for _, c := range cases {
		d, err := doctype.ParseDocType([]byte(c.text))
		if err == nil {
			_, err = doctype.Compile(d)
		}
		var coded *doctype.Error
		if !errors.As(err, &coded) || coded.Code() != c.code || !strings.HasPrefix(coded.ClientMessage(), c.want) {
			t.Errorf("%.100s: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	const fields = `"fields":[
		{"fieldname":"must","reqd":1},
		{"fieldname":"text","fieldtype":"Small Text"},
		{"fieldname":"int","fieldtype":"Int"},
		{"fieldname":"float","fieldtype":"Percent"},
		{"fieldname":"money","fieldtype":"Currency","compare":"number"},
		{"fieldname":"plain","fieldtype":"Currency"},
		{"fieldname":"check","fieldtype":"Check"},
		{"fieldname":"date","fieldtype":"Date"},
		{"fieldname":"time","fieldtype":"Datetime"},
		{"fieldname":"select","fieldtype":"Select","options":"A\nB C"},
		{"fieldname":"link","fieldtype":"Link","options":"Brand"},
		{"fieldname":"image","fieldtype":"Attach Image"},
		{"fieldname":"json","fieldtype":"JSON"},
		{"fieldname":"table","fieldtype":"Table"}]`
	open := compile(t, `{"name":"P",`+fields+`}`)
	closed := compile(t, `{"name":"P","open":0,"autoname":"field:sku",`+fields+`}`)
	good := map[string][]string{
		"text":   {`"x"`, `5`, `true`, `null`},
		"int":    {`5`, `-5`, `5.0`, `5e3`, `50e-1`, `123456789012345678901234567890`, `null`},
		"float":  {`5`, `5.5`, `1e-9`},
		"money":  {`5.50`, `"$490.00"`, `""`, `null`},
		"plain":  {`5.50`},
		"check":  {`true`, `false`, `0`, `1`},
		"date":   {`"2026-01-31"`, `""`, `null`},
		"time":   {`"2026-01-31 10:20:30.123456"`, `"2026-01-31T10:20:30Z"`, `"2026-01-31T10:20:30.5+02:00"`, `"2026-01-31"`, `"2026-01-31 10:20"`},
		"select": {`"A"`, `"B C"`, `""`, `null`},
		"link":   {`"x"`},
		"image":  {`"/files/x.png"`},
		"json":   {`5`, `{"a":[]}`, `null`},
		"table":  {`[]`, `[{},{"a":1}]`, `null`},
	}
	bad := map[string][]string{
		"must":   {`null`, `""`},
		"text":   {`{}`, `[]`},
		"int":    {`"5"`, `5.5`, `true`, `{}`, `1e-1`},
		"float":  {`"5"`, `true`, `[]`},
		"money":  {`"free"`, `true`, `{}`},
		"plain":  {`"$490.00"`},
		"check":  {`2`, `"1"`, `"yes"`, `[]`},
		"date":   {`"31.01.2026"`, `"2026-02-30"`, `"2026-01-31 10:00:00"`, `20260131`},
		"time":   {`"soon"`, `"2026-01-31 25:00:00"`, `5`},
		"select": {`"C"`, `"B"`, `1`},
		"link":   {`5`, `{}`},
		"image":  {`[]`},
		"table":  {`{}`, `[1]`, `[[]]`, `"x"`},
	}
	for field, values := range good {
		for _, v := range values {
			record := []byte(`{"must":"x","` + field + `":` + v + `,"unknown":1}`)
			if err := open.Validate(record); err != nil {
				t.Errorf("%s: %v", record, err)
			}
		}
	}
	for field, values := range bad {
		for _, v := range values {
			record := `{"must":"x","` + field + `":` + v + `}`
			want := doctype.CodeInvalid
			if field == "must" {
				record, want = `{"must":`+v+`}`, doctype.CodeMandatory
			}
			var coded *doctype.Error
			if err := open.Validate([]byte(record)); !errors.As(err, &coded) || coded.Code() != want || coded.Field != field {
				t.Errorf("%s: got %v", record, err)
			}
		}
	}
	if err := open.Validate([]byte(`{}`)); doctype.CodeOf(err) != doctype.CodeMandatory {
		t.Errorf("without a required field: %v", err)
	}
	if err := closed.Validate([]byte(`{"must":1,"sku":"the key needs no field"}`)); err != nil {
		t.Error(err)
	}
	if err := closed.Validate([]byte(`{"must":1,"\u0078":1}`)); err == nil || err.Error() != "x: P has no such field" {
		t.Errorf("unknown field of a closed DocType: %v", err)
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("secret cause")
	err := doctype.Internal(cause, "reading documents")
	if !errors.Is(err, cause) || err.ClientMessage() != "internal error" || err.Error() != "reading documents: secret cause" {
		t.Errorf("got %q for clients and %q for the log", err.ClientMessage(), err)
	}
}

func TestWithDefaults(t *testing.T) {
	def := compile(t, `{"name":"P","fields":[
		{"fieldname":"n","fieldtype":"Int","default":"5"},
		{"fieldname":"d","fieldtype":"Currency","default":2500.0},
		{"fieldname":"t","default":"5"},
		{"fieldname":"c","fieldtype":"Check","default":"0"},
		{"fieldname":"e","default":""},
		{"fieldname":"j","fieldtype":"JSON","default":{"a": [1]}}]}`)
	cases := []struct{ record, want string }{
		{`{"x": 1}`, `{"x":1,"n":5,"d":2500.0,"t":"5","c":0,"j":{"a": [1]}}`},
		{`{}`, `{"n":5,"d":2500.0,"t":"5","c":0,"j":{"a": [1]}}`},
		{`{"j":0,"c":null,"t":"", "n":1,"d":2}`, `{"j":0,"c":null,"t":"", "n":1,"d":2}`},
	}
	for _, c := range cases {
		got := string(def.WithDefaults([]byte(c.record)))
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.record, got, c.want)
		}
		if err := def.Validate([]byte(got)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}
