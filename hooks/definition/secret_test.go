package definition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dochook/hooks/definition"
)

// sealedText stands for an encrypted secret, which is no template.
const sealedText = "sealed:v1:0:x"

func TestSecretHeader(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "proxy-authorization": true, "Cookie": true, "X-API-Key": true, "X-Shop-Access-Token": true, "x_api_key": true,
		"X-Auth": true, "My-Secret": true, "PASSWORD": true, "ApiKey": true, "X-Credentials": true,
		"X-Functions-Key": true, "Ocp-Apim-Subscription-Key": true, "key": true, " Cookie ": true,
		"Content-Type": false, "X-Shop": false, "Idempotency-Key": false, "X-Keyboard": false, "Webhook-Signature": false, "": false,
	} {
		if got := definition.SecretHeader(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func rows(pairs ...string) []definition.Header {
	var out []definition.Header
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, definition.Header{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}

// stored is a webhook full of secrets.
func stored() definition.Webhook {
	w := definition.Default()
	w.WebhookHeaders = rows("Authorization", "Bearer sesame", "X-Shop", "shoes", "cookie", "a=1", "Cookie", "b=2", "X-Token", "{{ doc.token }}", "X-Auth", "")
	w.HeadersTemplate = `{ "X-Task": "{{job}}", "X-Api-Key" : "sesame {{doc.a}}", "X-Token":"{{doc.t}}"}`
	w.WebhookSecret, w.ClientKey = "sesame", "sesame"
	return w
}

func TestMasked_shows_no_secret(t *testing.T) {
	w := stored()
	masked := w.Masked()
	want := rows("Authorization", "********", "X-Shop", "shoes", "cookie", "********", "Cookie", "********", "X-Token", "{{ doc.token }}", "X-Auth", "")
	if fmt.Sprint(masked.WebhookHeaders) != fmt.Sprint(want) {
		t.Errorf("headers %v", masked.WebhookHeaders)
	}
	if masked.HeadersTemplate != `{ "X-Task": "{{job}}", "X-Api-Key" : "********", "X-Token":"{{doc.t}}"}` {
		t.Errorf("template %s", masked.HeadersTemplate)
	}
	text, err := json.Marshal(&masked)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(text), fmt.Sprintf("%v %+v %#v", masked, masked, masked), fmt.Sprintf("%+v", &masked)} {
		if strings.Contains(shown, "sesame") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
	if w.WebhookHeaders[0].Value != "Bearer sesame" || masked.Signs() != "sesame" {
		t.Errorf("masking changed what it masks")
	}
}

func TestMasked_templates(t *testing.T) {
	for template, want := range map[string]string{
		``:                                      ``,
		`{"X-Task": "{{job}}"}`:                 `{"X-Task": "{{job}}"}`,
		`{"X-Task": {{job}}}`:                   `{"X-Task": {{job}}}`,
		`{"X-Auth":"a","Cookie":"b","X-A":"a"}`: `{"X-Auth":"********","Cookie":"********","X-A":"a"}`,
		`{"\u0041uth":"a\"b"}`:                  `{"\u0041uth":"********"}`,
		`{"X-A":"X-Auth","X-Auth":"X-Auth"}`:    `{"X-A":"X-Auth","X-Auth":"********"}`,
		// Not JSON before it is rendered: there the values cannot be told from the rest.
		`{"X-Task": {{job}}, "X-Auth": "a"}`: `********`,
		sealedText:                           `********`,
	} {
		w := definition.Webhook{HeadersTemplate: template}
		masked := w.Masked()
		if masked.HeadersTemplate != want {
			t.Errorf("%s: masked %s, want %s", template, masked.HeadersTemplate, want)
		}
		back, err := masked.Unmasked()
		if err != nil || back.HeadersTemplate != template {
			t.Errorf("%s: back comes %s, %v", template, back.HeadersTemplate, err)
		}
	}
}

// TestUnmasked sends what was shown back, changed.
func TestUnmasked(t *testing.T) {
	for _, tt := range []struct {
		name, edit string
		headers    []definition.Header // nil: as stored
		template   string              // "": as stored
		key, field string              // field of the refusal
	}{
		{name: "nothing", edit: `{}`, key: "sesame"},
		{name: "another member", edit: `{"description":"x"}`, key: "sesame"},
		{
			name: "in another order and case, with more or fewer stars", key: "sesame",
			edit:    `{"webhook_headers":[{"key":"X-New","value":"*"},{"key":"COOKIE","value":"***"},{"key":"cookie","value":"********"},{"key":"authorization","value":"************"}]}`,
			headers: rows("X-New", "*", "COOKIE", "a=1", "cookie", "b=2", "authorization", "Bearer sesame"),
		},
		{
			name: "a new value beside a kept one", key: "sesame",
			edit:    `{"webhook_headers":[{"key":"Cookie","value":"********"},{"key":"Cookie","value":"c=3"}]}`,
			headers: rows("Cookie", "a=1", "Cookie", "c=3"),
		},
		{name: "one of two is gone", edit: `{"webhook_headers":[{"key":"Cookie","value":"********"}]}`, field: "webhook_headers[0].value"},
		{name: "renamed", edit: `{"webhook_headers":[{"key":"X-Other","value":"********"}]}`, field: "webhook_headers[0].value"},
		{name: "renamed to another secret", edit: `{"webhook_headers":[{"key":"X-Shop","value":"a"},{"key":"X-Secret","value":"***"}]}`, field: "webhook_headers[1].value"},
		{name: "template", edit: `{"headers_template":"{\"x-api-key\":\"********\"}"}`, template: `{"x-api-key":"sesame {{doc.a}}"}`, key: "sesame"},
		{name: "template as a whole", edit: `{"headers_template":"********"}`, key: "sesame"},
		{name: "template of another name", edit: `{"headers_template":"{\"X-Auth\":\"********\"}"}`, field: "headers_template"},
		{name: "template that is not JSON", edit: `{"headers_template":"{\"X-Api-Key\":\"********\",\"X-Task\":{{job}}}"}`, field: "headers_template"},
		{name: "a new key", edit: `{"client_key":"new"}`, key: "new"},
		{name: "no key", edit: `{"client_key":""}`, key: ""},
		{name: "a masked key", edit: `{"client_key":"****"}`, key: "sesame"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			was := stored()
			w, err := definition.Parse(was.Masked(), []byte(tt.edit))
			if err == nil {
				w, err = w.Unmasked()
			}
			own, _ := errors.AsType[*definition.Error](err)
			switch {
			case tt.field != "":
				if own == nil || own.Field != tt.field || own.Code() != definition.CodeInvalid {
					t.Errorf("%v, want a refusal of %s", err, tt.field)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if tt.headers == nil {
				tt.headers = was.WebhookHeaders
			}
			if tt.template == "" {
				tt.template = was.HeadersTemplate
			}
			if fmt.Sprint(w.WebhookHeaders) != fmt.Sprint(tt.headers) || w.HeadersTemplate != tt.template || w.ClientKey != tt.key {
				t.Errorf("%v\n%s\n%s", w.WebhookHeaders, w.HeadersTemplate, w.ClientKey)
			}
		})
	}
}

func TestUnmasked_with_nothing_stored(t *testing.T) {
	for field, w := range map[string]definition.Webhook{
		"webhook_headers[1].value": {WebhookHeaders: rows("X-A", "a", "Authorization", "***")},
		"headers_template":         {HeadersTemplate: "********"},
		"client_key":               {ClientKey: "*"},
	} {
		_, err := w.Unmasked()
		if own, ok := errors.AsType[*definition.Error](err); !ok || own.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestMapSecrets(t *testing.T) {
	w := stored()
	var seen []string
	out, err := w.MapSecrets(func(text string) (string, error) {
		seen = append(seen, text)
		return "<" + text + ">", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Bearer sesame", "a=1", "b=2", w.HeadersTemplate, "sesame"}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("saw %q", seen)
	}
	if out.WebhookHeaders[0].Value != "<Bearer sesame>" || out.ClientKey != "<sesame>" || out.HeadersTemplate != "<"+w.HeadersTemplate+">" || w.WebhookHeaders[0].Value != "Bearer sesame" {
		t.Errorf("%+v", out)
	}
	for field, one := range map[string]definition.Webhook{
		"webhook_headers[0].value": {WebhookHeaders: rows("Cookie", "a")},
		"headers_template":         {HeadersTemplate: sealedText},
		"client_key":               {ClientKey: "a"},
	} {
		_, err := one.MapSecrets(func(string) (string, error) {
			return "", &definition.Error{CodeWord: "wrong_key", Message: "does not open"}
		})
		if own, ok := errors.AsType[*definition.Error](err); !ok || own.Field != field || own.Code() != "wrong_key" {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// FuzzMasked: whatever the template, its secrets are not shown and come back.
func FuzzMasked(f *testing.F) {
	f.Add(`{"X-Auth": "a"}`, "sesame")
	f.Add(`{"X-Auth": {{job}}, "a": "\u0041"}`, "{{doc.x}}")
	f.Add(`{"a":"b" , "X-Auth":"\"", "a2":["X-Auth"]}`, "****")
	f.Fuzz(func(t *testing.T, template, value string) {
		w := definition.Webhook{HeadersTemplate: template, WebhookHeaders: rows("Authorization", value, "X-A", "a")}
		masked := w.Masked()
		back, err := masked.Unmasked()
		if err != nil {
			if definition.IsMask(value) || strings.Contains(template, "*") {
				return // what looks like a mask where nobody put one
			}
			t.Fatalf("%q %q: %v", template, value, err)
		}
		if back.HeadersTemplate != template || back.WebhookHeaders[0] != w.WebhookHeaders[0] {
			t.Fatalf("%q %q came back as %q %q", template, value, back.HeadersTemplate, back.WebhookHeaders[0].Value)
		}
	})
}
