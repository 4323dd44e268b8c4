package request

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dochook/doctype/record"
	"dochook/hooks/definition"
)

// Part is what one request of a batch carries: N of Of, counted from 1. From and To, inclusive, are positions in the log, or for a
// page of records their places in it.
type Part struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	N    int   `json:"n"`
	Of   int   `json:"of"`
}

// Request is all of a request that stays the same in every attempt.
type Request struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"headers"`
	Body   []byte      `json:"body,omitempty"` // nil: none
	// Part is which part of a batch it carries, nil when there are no parts. A request without a URL is such a
	// part that was not rendered yet.
	Part *Part `json:"part,omitempty"`
	// LeftOut says of a batch how many records were left out because the condition failed on them, and why; "" = none.
	LeftOut string `json:"left_out,omitempty"`
}

// Host is the target's host and port, for logs: a URL may hold secrets.
func (r *Request) Host() string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// MaskHeader returns headers as they may be shown: the values of secret ones are masked.
func MaskHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if definition.SecretHeader(name) {
			values = slices.Repeat([]string{definition.Mask}, len(values))
		}
		out[name] = values
	}
	return out
}

// Keep returns the request as it is stored until its next attempt: all of it but the values of secret headers, which
// whoever sends it again puts back.
func (r *Request) Keep() ([]byte, error) {
	kept := *r
	kept.Header = MaskHeader(r.Header)
	text, err := json.Marshal(&kept)
	return text, err
}

const minRedacted = 4 // bytes; what is shorter would mask half of any text

// Redact masks the values of the request's secret headers in a text that came from outside: endpoints like to tell what they got.
func (r *Request) Redact(text string) string {
	if text == "" {
		return ""
	}
	for name, values := range r.Header {
		if !definition.SecretHeader(name) {
			continue
		}
		for _, value := range values {
			parts := []string{value}
			if _, credentials, ok := strings.Cut(value, " "); ok { // behind the name of a scheme
				parts = append(parts, credentials)
			}
			for _, part := range parts {
				if len(part) < minRedacted {
					continue
				}
				text = strings.ReplaceAll(text, part, definition.Mask)
				if quoted := string(record.AppendQuote(nil, part)); quoted[1:len(quoted)-1] != part {
					text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], definition.Mask)
				}
			}
		}
	}
	return text
}
