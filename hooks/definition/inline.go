package definition

import (
	"encoding/json"

	"dochook/doctype/record"
)

// inlineAttempts is how often a job's own webhook is tried.
const inlineAttempts = 3

// ParseInline reads the webhook that a job brings along, {url, events, headers}. Errors name the member, as webhook.url.
func ParseInline(data []byte) (Webhook, error) {
	w := Default()
	w.Format, w.Retry.Attempts = FormatJob, inlineAttempts
	if len(data) == 0 || data[0] != '{' {
		return w, errorf(CodeInvalid, "webhook", "is an object {url, events, headers}")
	}
	for name, value := range record.Members(data) {
		if err := w.setInline(name, value); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w *Webhook) setInline(name string, value []byte) error {
	null := string(value) == "null"
	switch name {
	case "url":
		if !null && value[0] != '"' {
			return errorf(CodeInvalid, "webhook.url", "is a text")
		}
		w.RequestURL = record.Unquote(value)
		if null {
			w.RequestURL = ""
		}
	case "events":
		if !null && json.Unmarshal(value, &w.Events) != nil {
			return errorf(CodeInvalid, "webhook.events", "is a list of texts")
		}
	case "headers":
		if !null && value[0] != '{' {
			return errorf(CodeInvalid, "webhook.headers", "is an object of texts")
		}
		for key, v := range record.Members(value) {
			if v[0] != '"' {
				return errorf(CodeInvalid, "webhook.headers."+key, "is a text")
			}
			w.WebhookHeaders = append(w.WebhookHeaders, Header{Key: key, Value: record.Unquote(v)})
		}
	default:
		return errorf(CodeInvalid, "webhook."+name, "there are url, events and headers")
	}
	return nil
}
