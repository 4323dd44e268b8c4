package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/doctype/record"
)

// Quote returns s as a JSON string; invalid UTF-8 becomes U+FFFD.
func Quote(s string) []byte {
	out, _ := jsontext.AppendQuote(nil, s) // on invalid UTF-8 it is complete too
	return out
}

// Text is a JSON string's text, or any other value as it is spelled; null and
// absent are "".
func Text(raw []byte) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(out)
}

// Object builds a JSON object from raw values; the zero value is {}.
type Object struct{ b []byte }

// Member adds a member, whose value is JSON text.
func (o *Object) Member(name string, value []byte) {
	sep := byte(',')
	if o.b == nil {
		sep = '{'
	}
	o.b = append(append(append(append(o.b, sep), Quote(name)...), ':'), value...)
}

// Bytes returns the object; nothing may be added to it any more.
func (o *Object) Bytes() []byte {
	if o.b == nil {
		return []byte("{}")
	}
	return append(o.b, '}')
}

// Join makes one object of the members of several; the first of a name wins.
func Join(objects ...[]byte) []byte {
	var out Object
	seen := map[string]bool{}
	for _, o := range objects {
		for name, value := range Members(o) {
			if !seen[name] {
				seen[name] = true
				out.Member(name, value)
			}
		}
	}
	return out.Bytes()
}

// Members walks the members of an object in their order: names decoded, values
// as they stand.
func Members(object []byte) iter.Seq2[string, []byte] {
	return record.Members(object)
}

// Encode is JSON without the escapes that HTML would need.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
