package definition_test

import (
	"errors"
	"reflect"
	"testing"

	"dochook/hooks/definition"
)

// TestParse_changes_the_format keeps the limits of a batch where the new format has one, and its own mistakes are still told.
func TestParse_changes_the_format(t *testing.T) {
	for _, tt := range []struct {
		edit  string
		want  *definition.Batch
		field string // of the refusal
	}{
		{`{"format":"job","events":["job.data"]}`, &definition.Batch{By: "page", MaxRecords: 5, MaxBytes: 1 << 20}, ""},
		{`{"format":"changes","events":["ADDED"]}`, &definition.Batch{By: "job", MaxRecords: 5, MaxBytes: 1 << 20}, ""},
		{`{"format":"changes","events":["ADDED"],"batch":{"by":"page","max_records":5,"max_bytes":1048576}}`, &definition.Batch{By: "job", MaxRecords: 5, MaxBytes: 1 << 20}, ""},
		{`{"format":"changes","events":["ADDED"],"batch":{"by":"job"}}`, &definition.Batch{By: "job", MaxRecords: 1000, MaxBytes: 1 << 20}, ""},
		{`{"format":"document","events":["ADDED"]}`, nil, ""},
		{`{"format":"template","events":["Task Success"],"webhook_json":"{}","batch":null}`, nil, ""},
		{`{"description":"the same format"}`, &definition.Batch{By: "page", MaxRecords: 5, MaxBytes: 1 << 20}, ""},
		{`{"format":"changes","events":["ADDED"],"batch":{"by":"page"}}`, nil, "batch.by"},
		{`{"format":"document","events":["ADDED"],"batch":{"max_records":2}}`, nil, "batch"},
		{`{"batch":{"by":"job"}}`, nil, "batch.by"},
		{`{"format":"none"}`, nil, "format"},
	} {
		was := definition.Default()
		was.Name, was.WebhookDocType, was.RequestURL, was.Format = "w", "Product", "https://example.com/in", definition.FormatRows
		was.Batch = &definition.Batch{MaxRecords: 5}
		if err := was.Normalise(); err != nil {
			t.Fatal(err)
		}
		before := *was.Batch
		w, err := definition.Parse(was, []byte(tt.edit))
		if err == nil {
			err = w.Normalise()
		}
		var own *definition.Error
		switch ok := errors.As(err, &own); {
		case tt.field != "":
			if !ok || own.Field != tt.field {
				t.Errorf("%s: %v, want a refusal of %s", tt.edit, err, tt.field)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.edit, err)
		case !reflect.DeepEqual(w.Batch, tt.want):
			t.Errorf("%s: batch %+v, want %+v", tt.edit, w.Batch, tt.want)
		}
		if *was.Batch != before {
			t.Errorf("%s changed what is stored", tt.edit)
		}
	}
}
