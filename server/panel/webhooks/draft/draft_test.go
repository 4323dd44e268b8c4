package draft

import (
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/mapping"
	"dochook/server/panel/page"
)

type anyURL struct{}

func (anyURL) CheckURL(string) error { return nil }

// What the form offers of a format is what the service takes.
func TestFormats_are_those_of_the_service(t *testing.T) {
	base := func(f Format) hooks.Webhook {
		w := hooks.Default()
		w.Name, w.WebhookDocType, w.RequestURL, w.Format = "w", "Product", "http://x", f.Value
		if f.Value == hooks.FormatTemplate {
			w.WebhookJSON = `{}`
		}
		return w
	}
	takes := func(w hooks.Webhook) bool {
		_, err := hooks.Compile(w, anyURL{})
		return err == nil
	}
	for _, f := range Formats() {
		for _, e := range Events() {
			w := base(f)
			w.Events = []string{e.Value}
			if got, want := takes(w), f.has(e.Value); got != want {
				t.Errorf("format %s, event %s: the service takes it: %v, the form offers it: %v", f.Value, e.Value, got, want)
			}
			if got := strings.Contains(" "+e.Formats+" ", " "+f.Value+" "); got != f.has(e.Value) {
				t.Errorf("event %s names format %s: %v", e.Value, f.Value, got)
			}
		}
		first := f.jobs
		if f.documents {
			first = []string{doctype.OnInsert}
		}
		for field, set := range map[string]func(w *hooks.Webhook){
			"body":             func(w *hooks.Webhook) { w.WebhookJSON, w.WebhookData = "", []mapping.Row{{Fieldname: "a", Key: "a"}} },
			"webhook_json":     func(w *hooks.Webhook) { w.WebhookJSON = `{"a":1}` },
			"headers_template": func(w *hooks.Webhook) { w.HeadersTemplate = `{"X":"y"}` },
			"only_changed":     func(w *hooks.Webhook) { w.OnlyChanged = true },
			"event_names":      func(w *hooks.Webhook) { w.EventNames = map[string]string{"on_insert": "A"} },
			"batch":            func(w *hooks.Webhook) { w.Batch = &hooks.Batch{MaxRecords: 10} },
		} {
			w := base(f)
			w.Events = first[:1]
			set(&w)
			offered := strings.Contains(" "+Uses()[field]+" ", " "+f.Value+" ")
			if field == "body" && f.Value == hooks.FormatTemplate {
				continue // it has no choice of bodies
			}
			if got := takes(w); got != offered {
				t.Errorf("format %s, field %s: the service takes it: %v, the form shows it: %v", f.Value, field, got, offered)
			}
		}
	}
}

func TestSpans_are_read_as_they_are_written(t *testing.T) {
	for text, want := range map[string]string{
		"5s, 5m, 2h, 1d": "5s, 5m, 2h, 1d", "90": "90s", "0.5 1.5m": "0.5s, 90s", "3600s": "1h", "": "", "0": "0s", "5S;10M": "5s, 10m",
	} {
		r := &reading{form: page.NewForm(map[string][]string{"schedule": {text}})}
		if got := Spans(r.spans("schedule")); got != want || len(r.wrong) > 0 {
			t.Errorf("%q: got %q, want %q, mistakes %v", text, got, want, r.wrong)
		}
	}
	for _, text := range []string{"x", "5 minutes", "1e999", "NaN", "5,,s"} {
		r := &reading{form: page.NewForm(map[string][]string{"schedule": {text}})}
		if r.spans("schedule"); len(r.wrong) != 1 || r.wrong[0].Field != "schedule" {
			t.Errorf("%q: mistakes are %v", text, r.wrong)
		}
	}
}

func TestRows_are_numbered_anew(t *testing.T) {
	form := page.NewForm(map[string][]string{
		"webhook_data[0].fieldname": {""}, "webhook_data[0].key": {" "},
		"webhook_data[12].fieldname": {"b"}, "webhook_data[12].key": {"B"},
		"webhook_data[3].fieldname": {"a"}, "webhook_data[3].key": {"A"},
		"webhook_data[x].key": {"no number"}, "webhook_data[-1].key": {"nor this"},
	})
	rows := TakeRows(form, DataRows)
	if len(rows) != 2 || rows[0][0] != "a" || rows[1][1] != "B" {
		t.Fatalf("rows are %q", rows)
	}
	if form.Get("webhook_data[0].fieldname") != "a" || form.Get("webhook_data[1].key") != "B" || form.Values.Has("webhook_data[12].key") {
		t.Errorf("the form has %v", form.Values)
	}
	if got := Places(form, DataRows, 2); len(got) != 4 {
		t.Errorf("shown are the rows %v", got)
	}
}
