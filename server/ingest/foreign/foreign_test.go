package foreign_test

import (
	"reflect"
	"strings"
	"testing"

	"dochook/server/ingest/body"
	"dochook/server/ingest/foreign"
)

// faults are bodies that are refused whole.
var faults = []struct {
	name, format, body string
	code, message      string // of the message a part
}{
	{"unknown format", "xml", `{}`, "invalid", `format: is rows, job or changes, not "xml"`},
	{"no format", "", `{}`, "invalid", `not ""`},
	{"format in capitals", "Rows", `{}`, "invalid", `not "Rows"`},

	{"empty", "rows", "", "not_json", `the body is empty: format rows is {"recipeName"`},
	{"blank", "job", "\ufeff \n", "not_json", `the body is empty: format job is {"event", "jobId"`},
	{"HTML", "rows", "\n<!doctype html><p>502</p>", "not_json", "the body is HTML or XML, not JSON: format rows is {"},
	{"HTML as changes", "changes", "<html>", "not_json", `not JSON: format changes is {"timestamp", "jobID"`},
	{"text", "job", "Bad gateway\nTry again", "not_json", `it begins with "Bad gateway": format job`},
	{"gzip", "job", "\x1f\x8b\x08\x00\n", "not_json", `it begins with "\x1f\x8b\b\x00"`},
	{"NaN", "rows", "NaN", "not_json", `begins with "NaN"`},
	{"array", "rows", `[{"c1":1}]`, "invalid", "the body is an array at its top: format rows is {"},
	{"string", "job", `"{}"`, "invalid", "the body is a string: format job"},
	{"number", "job", ` -1.5e3 `, "invalid", "the body is a number"},
	{"null", "changes", "null\n", "invalid", "the body is null"},
	{"two values", "changes", "1 2", "not_json", `begins with "1 2"`},

	{"cut off", "rows", `{"fields":[{"id":"c1","name":"a"}],"rows":[{"c1":`, "truncated", "the body ends within its JSON object (byte 49)"},
	{"cut off in a string", "job", `{"event":"scraper.da`, "truncated", "(byte 20)"},
	{"cut off before the last brace", "changes", "\ufeff{\"products\":[]", "truncated", "(byte 17)"},
	{"cut off at once", "changes", `{`, "truncated", "(byte 1)"},
	{"NaN in a row", "rows", `{"rows":[{"a":1},{"a":NaN}]}`, "not_json", "the body: invalid character 'N' where a value should begin (NaN and Infinity are not JSON) (byte 22)"},
	{"last comma", "job", ` {"event":"job.started",}`, "not_json", "(byte 24)"},
	{"single quotes", "job", `{'event':'job.started'}`, "not_json", "where a name should begin (byte 1)"},
	{"two objects", "changes", "{\"products\":[]}\n{\"products\":[]}", "not_json", "more text behind the end of the JSON object (byte 16)"},
	{"rubbish behind", "changes", `{"products":[]}x`, "not_json", "(byte 15)"},

	{"no fields", "rows", `{"recipeName":"r","rows":[]}`, "invalid", `fields: is missing: format rows is {"recipeName", "tableName", "fields": [{"id", "name"}], "rows": [{id: value}]}; the members here are: "recipeName", "rows"`},
	{"no rows", "rows", `{"fields":[]}`, "invalid", "rows: is missing"},
	{"nothing", "rows", `{}`, "invalid", "the members here are: none"},
	{"another format", "rows", `{"timestamp":1,"jobID":"1","products":[]}`, "invalid", `"timestamp", "jobID", "products"`},
	{"many members", "job", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"` + strings.Repeat("ü", 100) + `":2}`, "invalid", `"g", "h", …`},
	{"long member", "job", `{"` + strings.Repeat("ü", 100) + `":2}`, "invalid", strings.Repeat("ü", 31) + `…"`},
	{"fields null", "rows", `{"fields":null,"rows":[]}`, "invalid", "fields: must be an array, it is null"},
	{"fields as a map", "rows", `{"fields":{"c1":"a"},"rows":[]}`, "invalid", "fields: must be an array, it is an object"},
	{"rows as a map", "rows", `{"fields":[],"rows":{"1":{}}}`, "invalid", "rows: must be an array, it is an object"},
	{"rows twice", "rows", `{"fields":[],"rows":[],"\u0072ows":[]}`, "invalid", "rows: comes twice in the body"},
	{"recipe name a number", "rows", `{"recipeName":1,"fields":[],"rows":[]}`, "invalid", "recipeName: must be a string, it is a number"},
	{"table name a list", "rows", `{"tableName":[],"fields":[],"rows":[]}`, "invalid", "tableName: must be a string, it is an array"},
	{"recipe name with NUL", "rows", `{"recipeName":"\u0000","fields":[],"rows":[]}`, "invalid", "recipeName: holds invalid Unicode or a control character"},
	{"recipe name not UTF-8", "rows", "{\"recipeName\":\"\xff\",\"fields\":[],\"rows\":[]}", "invalid", "recipeName: holds invalid Unicode"},
	{"recipe name with a newline", "rows", "{\"recipeName\":\"\n\",\"fields\":[],\"rows\":[]}", "invalid", "recipeName: holds"},
	{"field a string", "rows", `{"fields":[{"id":"c1","name":"a"},"b"],"rows":[]}`, "invalid", "fields[1]: must be an object {id, name}, it is a string"},
	{"field without an id", "rows", `{"fields":[{"name":"a"}],"rows":[]}`, "invalid", "fields[0].id: is missing"},
	{"field with an empty id", "rows", `{"fields":[{"id":"","name":"a"}],"rows":[]}`, "invalid", "fields[0].id: is empty"},
	{"field without a name", "rows", `{"fields":[{"id":"a"}],"rows":[]}`, "invalid", "fields[0].name: is missing"},
	{"field id a number", "rows", `{"fields":[{"id":1,"name":"a"}],"rows":[]}`, "invalid", "fields[0].id: must be a string, it is a number"},
	{"field name null", "rows", `{"fields":[{"id":"c1","name":null}],"rows":[]}`, "invalid", "fields[0].name: must be a string, it is null"},
	{"field name a lone surrogate", "rows", `{"fields":[{"id":"c1","name":"\ud800"}],"rows":[]}`, "invalid", "fields[0].name: holds invalid Unicode"},
	{"field id twice", "rows", `{"fields":[{"id":"c1","name":"a"},{"id":"c1","name":"a"}],"rows":[]}`, "invalid", `fields[1].id: "c1" is also the id of a field before`},
	{"id twice in a field", "rows", `{"fields":[{"id":"c1","id":"c2","name":"a"}],"rows":[]}`, "invalid", "fields[0].id: comes twice"},

	{"no event", "job", `{"jobId":"1"}`, "invalid", `event: is missing: format job is {"event", "jobId", "jobStatus", "timestamp", "data": [record]}; the members here are: "jobId"`},
	{"event null", "job", `{"event":null}`, "invalid", "event: is missing"},
	{"event a number", "job", `{"event":1}`, "invalid", "event: must be a string, it is a number"},
	{"unknown event", "job", `{"event":"scraper.job.paused"}`, "invalid", `event: is scraper.job.started, scraper.data.scraped or scraper.job.finished, not "scraper.job.paused"`},
	{"job id an object", "job", `{"event":"job.started","jobId":{}}`, "invalid", "jobId: must be a string or a number, it is an object"},
	{"job id true", "job", `{"event":"job.started","id":true}`, "invalid", "id: must be a string or a number, it is true or false"},
	{"job id not UTF-8", "job", "{\"event\":\"job.started\",\"jobId\":\"\xff\"}", "invalid", "jobId: holds invalid Unicode"},
	{"job id endless", "job", `{"event":"job.started","jobId":` + strings.Repeat("1", 1001) + `}`, "invalid", "jobId: is a number of 1001 characters"},
	{"timestamp an array", "job", `{"event":"job.started","timestamp":[]}`, "invalid", "timestamp: must be a string or a number, it is an array"},
	{"status a number", "job", `{"event":"job.started","jobStatus":1}`, "invalid", "jobStatus: must be a string, it is a number"},
	{"status that is no end", "job", `{"event":"scraper.job.finished","jobStatus":"in_progress"}`, "invalid", `jobStatus: of a job that has ended is finished, failed or stopped, not "in_progress"`},
	{"status unknown", "job", `{"event":"scraper.job.finished","jobStatus":"timeout"}`, "invalid", `not "timeout"`},
	{"data missing", "job", `{"event":"scraper.data.scraped","jobId":"1"}`, "invalid", "data: is missing"},
	{"data null", "job", `{"event":"scraper.data.scraped","data":null}`, "invalid", "data: must be an array, it is null"},
	{"data an object", "job", `{"event":"scraper.data.scraped","data":{"a":1}}`, "invalid", "data: must be an array, it is an object"},

	{"no products", "changes", `{"timestamp":"x","jobID":"1"}`, "invalid", `products: is missing: format changes is`},
	{"products an object", "changes", `{"products":{}}`, "invalid", "products: must be an array, it is an object"},
	{"job id of changes", "changes", `{"jobID":[],"products":[]}`, "invalid", "jobID: must be a string or a number, it is an array"},
	{"job id of changes twice", "changes", `{"jobID":1,"jobID":2,"products":[]}`, "invalid", "jobID: comes twice"},
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := foreign.Read(tt.format, []byte(tt.body), nil)
			if err == nil || code(err) != tt.code || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("got %s: %v\nwant %s: %s", code(err), err, tt.code, tt.message)
			}
			if !reflect.ValueOf(p).IsZero() {
				t.Errorf("handed out %+v", p)
			}
		})
	}
}

// A body of which the end is missing, wherever it was cut, says so.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"rows", "changes"} {
		data := []byte(strings.TrimSpace(string(example(t, format+".json"))))
		for n := 1; n < len(data); n++ {
			if _, err := foreign.Read(format, data[:n], nil); code(err) != foreign.CodeTruncated {
				t.Fatalf("%s, %d bytes: %v", format, n, err)
			}
		}
	}
}

// The codes are those of the other bodies that are taken in.
func TestCodes(t *testing.T) {
	t.Parallel()
	ours := []string{foreign.CodeInvalid, foreign.CodeNotJSON, foreign.CodeTruncated, foreign.CodeTooLarge}
	if want := []string{body.Invalid, body.NotJSON, body.Truncated, body.TooLarge}; !reflect.DeepEqual(ours, want) {
		t.Errorf("%q, want %q", ours, want)
	}
	_, err := foreign.Rows([]byte(`{"fields":[],"rows":1}`), nil)
	if e, ok := err.(interface{ FieldName() string }); !ok || e.FieldName() != "rows" {
		t.Errorf("%v names no field", err)
	}
}

// Nesting costs nothing but its bytes, and the limit holds for each record alone.
func TestDepth(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)
	p := must(t, "job", `{"event":"job.data","x":`+deep+`,"data":[{"a":`+deep+`},{"a":1}]}`, nil)
	same(t, p.Records, "1|!invalid: nested deeper than 64 levels", `2|{"a":1}`)
}

// A record is too large by itself, whatever else the body holds.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	p := must(t, "changes", `{"products":[{"event":"REMOVED","productData":{"a":"`+strings.Repeat("x", 16<<20)+`"}},{"event":"ADDED","productData":{}}]}`, nil)
	same(t, p.Records, "1-|!too_large: more than 16777216", "2|{}")
}
