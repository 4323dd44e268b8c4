package hooks

import (
	"encoding/json"
	"net/http"
	"slices"

	"dochook/doctype"
	"dochook/hooks/definition"
	"dochook/hooks/request"
)

type (
	// Request is all of a request that stays the same in every attempt.
	Request = request.Request
	// Part is what one request of a batch carries.
	Part = request.Part
)

// SecretHeader reports whether the values of headers of this name are kept secret.
func SecretHeader(name string) bool { return definition.SecretHeader(name) }

// MaskHeader returns headers as they may be shown: the values of secret ones are masked.
func MaskHeader(h http.Header) http.Header { return request.MaskHeader(h) }

// Restore returns a request that was kept of an attempt at an event. Its bytes are those of that attempt; secret headers, and they
// alone, are those the webhook has now: a credential that was replaced serves for what still waits.
func (c *Compiled) Restore(kept []byte, e *doctype.Event) (Request, error) {
	var r Request
	if err := json.Unmarshal(kept, &r); err != nil {
		return r, wrap("read stored request", err)
	}
	masked := func(name string) bool {
		return SecretHeader(name) && slices.ContainsFunc(r.Header[name], definition.IsMask)
	}
	if r.URL == "" || !slices.ContainsFunc(names(r.Header), masked) {
		return r, nil
	}
	fresh, err := c.header(e, &view{event: e, webhook: c})
	if err != nil {
		return r, err
	}
	for _, name := range names(r.Header) {
		if !masked(name) {
			continue
		}
		if r.Header[name] = fresh[name]; fresh[name] == nil {
			delete(r.Header, name) // the webhook has it no more
		}
	}
	return r, nil
}

func names(h http.Header) []string {
	out := make([]string, 0, len(h))
	for name := range h {
		out = append(out, name)
	}
	return out
}
