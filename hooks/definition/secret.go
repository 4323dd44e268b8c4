package definition

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dochook/doctype/record"
	"dochook/mapping"
)

// Mask stands for a secret in answers; sent back, it keeps what is stored.
const Mask = "********"

// IsMask reports whether a text is asterisks and nothing else, however many.
func IsMask(s string) bool { return s != "" && strings.Trim(s, "*") == "" }

// What a header whose value is a secret has in its name, or for one, without blanks and dashes.
var (
	secretWords = []string{
		"auth", "cookie", "token", "secret", "passw", "pwd", "credential", "session", "jwt", "bearer",
		"apikey", "accesskey", "privatekey", "sharedkey", "masterkey", "subscriptionkey", "functionskey",
	}
	secretNames = []string{"key", "xkey", "pass"}

	dashes = strings.NewReplacer("-", "", "_", "", ".", "")
)

// SecretHeader reports whether the values of headers of this name are kept secret: Authorization, Cookie, X-Api-Key and all that
// have auth, token, secret, password, credential or the like in their names.
func SecretHeader(name string) bool {
	name = dashes.Replace(strings.ToLower(strings.TrimSpace(name)))
	return slices.Contains(secretNames, name) || slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// lone is a value that is only one variable: it says where a secret is, not what it is.
var lone = regexp.MustCompile(`^\{\{[ \t]*[A-Za-z_][A-Za-z0-9_.]*[ \t]*\}\}$`)

// hides reports whether a header's value is a secret.
func hides(name, value string) bool {
	return value != "" && SecretHeader(name) && !lone.MatchString(value)
}

// isMask reports whether a header's value stands for a stored one. Our mask does so under any name: the header may have been renamed.
func isMask(name, value string) bool {
	return value == Mask || IsMask(value) && SecretHeader(name)
}

// Masked is the webhook as it may be shown, with the secrets behind it for [Webhook.Unmasked] but not in it.
func (w *Webhook) Masked() Webhook {
	out, behind := *w, *w
	behind.behind = nil
	out.behind, out.WebhookSecret = &behind, ""
	out.WebhookHeaders = slices.Clone(w.WebhookHeaders)
	for i, h := range out.WebhookHeaders {
		if hides(h.Key, h.Value) {
			out.WebhookHeaders[i].Value = Mask
		}
	}
	if templateHides(w.HeadersTemplate) {
		out.HeadersTemplate = maskTemplate(w.HeadersTemplate)
	}
	if w.ClientKey != "" {
		out.ClientKey = Mask
	}
	return out
}

// Signs is the secret behind a masked webhook that signs its requests, as it was given to Masked.
func (w *Webhook) Signs() string {
	if w.behind == nil {
		return ""
	}
	return w.behind.WebhookSecret
}

// Unmasked puts what is stored in the place of each mask that came back. A mask with nothing behind it is a mistake.
func (w *Webhook) Unmasked() (Webhook, error) {
	out, behind := *w, w.behind
	if behind == nil {
		behind = &Webhook{}
	}
	out.behind = nil
	out.WebhookHeaders = slices.Clone(w.WebhookHeaders)
	for i, h := range out.WebhookHeaders {
		if !isMask(h.Key, h.Value) {
			continue
		}
		value, err := storedValue(behind.WebhookHeaders, w.WebhookHeaders, i)
		if err != nil {
			return out, err
		}
		out.WebhookHeaders[i].Value = value
	}
	var err error
	if out.HeadersTemplate, err = unmaskTemplate(w.HeadersTemplate, behind.HeadersTemplate); err != nil {
		return out, err
	}
	if IsMask(w.ClientKey) {
		if out.ClientKey = behind.ClientKey; out.ClientKey == "" {
			return out, errorf(CodeInvalid, "client_key", "is a mask, not a key")
		}
	}
	return out, nil
}

// storedValue is what the mask in row i stands for: the value stored under its name, of several the one in the same place.
func storedValue(stored, rows []Header, i int) (string, error) {
	same := func(h Header) bool {
		return strings.EqualFold(strings.TrimSpace(h.Key), strings.TrimSpace(rows[i].Key))
	}
	var values []string
	for _, h := range stored {
		if same(h) {
			values = append(values, h.Value)
		}
	}
	place, count := 0, 0
	for at, h := range rows {
		if same(h) {
			count++
			if at < i {
				place++
			}
		}
	}
	at := "webhook_headers[" + strconv.Itoa(i) + "].value"
	switch {
	case len(values) == 1:
		return values[0], nil
	case len(values) == 0:
		return "", errorf(CodeInvalid, at, "is a mask, not a value, and no value of this name is stored")
	case len(values) != count:
		return "", errorf(CodeInvalid, at, "is a mask, and could be one of %d stored values: write it anew", len(values))
	}
	return values[place], nil
}

// MapSecrets returns the webhook with fn applied to each secret in it, but for the one that signs, which is kept elsewhere. A headers
// template that holds one is a secret as a whole. The error names the field.
func (w *Webhook) MapSecrets(fn func(text string) (string, error)) (Webhook, error) {
	out := *w
	out.WebhookHeaders = slices.Clone(w.WebhookHeaders)
	apply := func(field string, text *string) error {
		mapped, err := fn(*text)
		if err != nil {
			return inField(field, err)
		}
		*text = mapped
		return nil
	}
	for i := range out.WebhookHeaders {
		h := &out.WebhookHeaders[i]
		if !hides(h.Key, h.Value) {
			continue
		}
		if err := apply("webhook_headers["+strconv.Itoa(i)+"].value", &h.Value); err != nil {
			return out, err
		}
	}
	if templateHides(w.HeadersTemplate) {
		if err := apply("headers_template", &out.HeadersTemplate); err != nil {
			return out, err
		}
	}
	if w.ClientKey == "" {
		return out, nil
	}
	return out, apply("client_key", &out.ClientKey)
}

// inField says in which field another package found a mistake.
func inField(field string, err error) error {
	e := &Error{CodeWord: CodeInvalid, Field: field, Message: "is not valid", Err: err}
	if coded, ok := errors.AsType[interface {
		Code() string
		error
	}](err); ok {
		e.CodeWord, e.Message = coded.Code(), coded.Error()
	}
	return e
}

// templateHides reports whether a headers template holds a secret. What is no template, such as an encrypted one, counts as one.
func templateHides(text string) bool {
	if text == "" {
		return false
	}
	if members, ok := plainMembers(text); ok {
		return slices.ContainsFunc(members, func(m member) bool { return hides(m.name, m.text) })
	}
	headers, err := mapping.ParseHeaders(text)
	return err != nil || slices.ContainsFunc(headers.Names(), SecretHeader)
}

// member is one header of a template that is JSON as it stands.
type member struct {
	name, text string
	from, to   int // of the value in the template, quotes included
}

// plainMembers takes a headers template apart that is JSON also before it is rendered; most are. ok is false for any other.
func plainMembers(text string) (_ []member, ok bool) {
	raw := []byte(text)
	if record.Check(raw) != nil {
		return nil, false
	}
	var out []member
	at := 0
	for quoted, value := range record.QuotedMembers(raw) {
		at += bytes.Index(raw[at:], quoted) + len(quoted) // between members there are only blanks, commas and colons
		at += bytes.Index(raw[at:], value)
		out = append(out, member{record.Unquote(quoted), record.Unquote(value), at, at + len(value)})
		at += len(value)
	}
	return out, true
}

// maskTemplate masks the secret values of a headers template; all of it where the values cannot be told from the rest.
func maskTemplate(text string) string {
	members, ok := plainMembers(text)
	if !ok {
		return Mask
	}
	for _, m := range slices.Backward(members) {
		if hides(m.name, m.text) {
			text = text[:m.from] + `"` + Mask + `"` + text[m.to:]
		}
	}
	return text
}

// unmaskTemplate puts the stored values in the place of the masks in a headers template.
func unmaskTemplate(text, stored string) (string, error) {
	const field = "headers_template"
	members, ok := plainMembers(text)
	switch {
	case IsMask(text) && stored == "":
		return "", errorf(CodeInvalid, field, "is a mask, not a template")
	case IsMask(text):
		return stored, nil
	case !ok && !strings.Contains(text, Mask):
		return text, nil
	case !ok:
		return "", errorf(CodeInvalid, field, "holds a mask in a template that is JSON only once it is rendered: write the values behind the masks anew")
	}
	was, _ := plainMembers(stored)
	for _, m := range slices.Backward(members) {
		if !isMask(m.name, m.text) {
			continue
		}
		i := slices.IndexFunc(was, func(o member) bool { return strings.EqualFold(o.name, m.name) })
		if i < 0 {
			return "", errorf(CodeInvalid, field, "%s is a mask, not a value, and no value of this name is stored", strconv.Quote(m.name))
		}
		text = text[:m.from] + stored[was[i].from:was[i].to] + text[m.to:]
	}
	return text, nil
}
