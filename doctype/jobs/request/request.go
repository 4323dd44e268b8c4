package request

import (
	"bytes"
	"encoding/json"

	"dochook/doctype"
	"dochook/doctype/record"
)

// Request is the body that makes a job: the inputs of the scraper, and our own words among them.
type Request struct {
	Mode       string
	Scope      json.RawMessage
	Baseline   bool
	Expect     *int64
	MaxUpdates *float64
	Webhook    []byte
	Input      []byte
}

// maxInput is the size of a job's input, which each of its events tells.
const maxInput = 256 << 10

// Read takes {webhook, mode, scope, expect, baseline, max_updates, …} apart; what is left is the input.
func Read(body []byte) (Request, error) {
	var r Request
	if body = bytes.TrimSpace(body); len(body) == 0 {
		body = []byte("{}")
	}
	if err := record.Check(body); err != nil {
		return r, err
	}
	var input record.Writer
	for quoted, value := range record.QuotedMembers(body) {
		ours, err := r.set(record.Unquote(quoted), value)
		if err != nil {
			return r, err
		}
		if !ours {
			input.Quoted(quoted, value)
		}
	}
	if r.Input = input.Bytes(); len(r.Input) > maxInput {
		return r, doctype.Errorf(doctype.CodeTooLarge, "", "the inputs of a job have at most %d bytes: every event of it carries them", maxInput)
	}
	return r, nil
}

func (r *Request) set(name string, value []byte) (ours bool, err error) {
	switch name {
	case "mode":
		switch string(value) {
		case `"full"`, `"partial"`:
			r.Mode = record.Unquote(value)
		case "null", `""`:
		default:
			return true, doctype.Errorf(doctype.CodeInvalid, name, "must be full or partial")
		}
	case "scope":
		return true, r.setScope(value)
	case "baseline":
		var f doctype.Flag
		if err := f.UnmarshalJSON(value); err != nil {
			return true, doctype.Errorf(doctype.CodeInvalid, name, "%s", err)
		}
		r.Baseline = bool(f)
	case "expect":
		r.Expect, err = doctype.ParseCount(name, value)
	case "max_updates":
		r.MaxUpdates, err = doctype.ParseRatio(name, value)
	case "webhook":
		if string(value) != "null" {
			r.Webhook = bytes.Clone(value)
		}
	default:
		return false, nil
	}
	return true, err
}

// setScope reads a list filter, or JSON text of one as Frappe's clients send it.
func (r *Request) setScope(value []byte) error {
	if value[0] == '"' {
		value = bytes.TrimSpace([]byte(record.Unquote(value)))
	}
	switch {
	case len(value) == 0 || string(value) == "null":
		r.Scope = nil
		return nil
	case value[0] != '[' && value[0] != '{':
		return doctype.Errorf(doctype.CodeInvalid, "scope", "must be a list filter, such as {\"shop\": \"north\"} or [[\"price\", \">\", 10]]")
	case record.Check([]byte(`{"scope":`+string(value)+`}`)) != nil:
		return doctype.Errorf(doctype.CodeInvalid, "scope", "is text that is not JSON")
	}
	r.Scope = bytes.Clone(value)
	return nil
}
