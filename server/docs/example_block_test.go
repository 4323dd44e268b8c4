package docs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"dochook/doctype"
	"dochook/doctype/record"
	"dochook/hooks"
	"dochook/hooks/sender"
	"dochook/server/docs"
)

// TestExamples runs every example of the pages on the packages that do it.
func TestExamples(t *testing.T) {
	names, texts := pages(t)
	ran := 0
	for _, name := range names {
		for i, b := range blocks(texts[name]) {
			if b.kind != "example" {
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) { try(t, b.text) })
		}
	}
	if ran < 30 {
		t.Errorf("only %d examples", ran)
	}
}

func try(t *testing.T, text string) {
	t.Helper()
	given := map[string]string{}
	for _, p := range docs.Parts(text) {
		if _, twice := given[p.Label]; twice {
			t.Fatalf("%s: stands there twice in\n%s", p.Label, text)
		}
		given[p.Label] = p.Content
	}
	got, label := outcome(t, given)
	want, ok := given[label]
	switch {
	case !ok:
		t.Errorf("it makes %s: %s\n%s", label, got, text)
	case got != want:
		t.Errorf("%s: %s\nand not: %s\n%s", label, got, want, text)
	}
	for _, other := range []string{"body", "text", "holds", "changed", "error"} {
		if _, stands := given[other]; stands && other != label {
			t.Errorf("it says %s: and makes %s: %s", other, label, got)
		}
	}
}

// outcome is what an example leads to, and the label it belongs behind.
func outcome(t *testing.T, given map[string]string) (got, label string) {
	t.Helper()
	if field, ok := given["field"]; ok {
		return changed(t, field, given["from"], given["to"])
	}
	webhook := hooks.Webhook{
		Name: "example", Enabled: true, WebhookDocType: "Product", Events: []string{doctype.OnChange}, Format: hooks.FormatDocument, RequestMethod: "POST",
		RequestURL: "https://example.com/in", Condition: given["condition"], RequestStructure: given["encoding"], WebhookJSON: given["template"],
	}
	for line := range strings.Lines(given["rows"]) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		from, to, ok := strings.Cut(line, "->")
		if !ok {
			t.Fatalf("no row: %s", line)
		}
		row := struct {
			Fieldname string `json:"fieldname"`
			Key       string `json:"key"`
		}{strings.TrimSpace(from), strings.TrimSpace(to)}
		webhook.WebhookData = append(webhook.WebhookData, row)
	}
	if header, ok := given["header"]; ok {
		webhook.WebhookHeaders = []hooks.Header{{Key: "X-Example", Value: header}}
	}
	if url, ok := given["url"]; ok {
		webhook.RequestURL, webhook.IsDynamicURL = url, true
	}
	guard, err := sender.NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := hooks.Compile(webhook, guard)
	if err != nil {
		return err.Error(), "error"
	}
	e := event(t, given)
	if webhook.Condition != "" {
		holds, err := compiled.Holds(e)
		if err != nil {
			return err.Error(), "error"
		}
		return yes(holds), "holds"
	}
	request, err := compiled.Render(e)
	switch {
	case err != nil:
		return err.Error(), "error"
	case given["header"] != "":
		return request.Header.Get("X-Example"), "text"
	case given["url"] != "":
		return request.URL, "text"
	}
	return string(request.Body), "body"
}

// event is what templates.md says of the events of examples.
func event(t *testing.T, given map[string]string) *doctype.Event {
	t.Helper()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	e := &doctype.Event{
		Pos: 1, ID: "example", At: at, DocType: "Product", Event: doctype.OnInsert, Version: 1, Data: []byte(given["document"]), Job: given["job"],
		Owner: "Administrator", Creation: at, ModifiedBy: "Administrator", KeyID: "shop-key",
	}
	if err := record.Check(e.Data); err != nil {
		t.Fatalf("%s: %v", e.Data, err)
	}
	e.Name = record.Unquote(record.Member(e.Data, "sku"))
	if old, ok := given["old"]; ok {
		e.Event, e.Version = doctype.OnUpdate, 2
		e.Changed = record.AppendChanges(nil, record.Rules{}.Changes([]byte(old), e.Data))
	}
	if name, ok := given["event"]; ok {
		e.Event = name
	}
	return e
}

// changed compares two values of a field.
func changed(t *testing.T, field, from, to string) (got, label string) {
	t.Helper()
	d, err := doctype.ParseDocType([]byte(`{"name": "Product", "autoname": "field:sku", "fields": [` + field + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	definition, err := doctype.Compile(d)
	if err != nil {
		return err.Error(), "error"
	}
	name, err := json.Marshal(d.Fields[0].Fieldname)
	if err != nil {
		t.Fatal(err)
	}
	of := func(value string) []byte { return []byte(`{"sku":"A1",` + string(name) + `:` + value + `}`) }
	for _, data := range [][]byte{of(from), of(to)} {
		if err := record.Check(data); err != nil {
			t.Fatal(err)
		}
	}
	return yes(len(definition.Changes(of(from), of(to))) > 0), "changed"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
