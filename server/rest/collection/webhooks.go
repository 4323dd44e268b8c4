package collection

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/mapping"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// secretMask stands for a secret; sent back it keeps the secret.
const secretMask = "**********"

// webhooks is the collection of webhooks, for admins: a header or a URL may
// hold a credential.
func (set *Set) webhooks() *Collection {
	s := set.Webhooks
	return &Collection{
		name: webhookName, read: web.Admin, write: web.Admin,
		known: oneOf("description", "enabled", "webhook_doctype", "webhook_docevent", "events", "fields", "condition", "request_url",
			"is_dynamic_url", "request_method", "request_structure", "timeout", "webhook_headers", "webhook_data", "webhook_json",
			"format", "max_in_flight", "max_per_second", "ordering", "retry", "enable_security", "webhook_secret", "public_key",
			"ca_certificate", "client_certificate", "client_key",
			"headers_template", "batch", "only_changed", "event_names", "event_fields", "scraper", "job"),
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			return viewsOf(webhookView)(s.List(ctx, q))
		},
		count: s.Count,
		get:   set.getWebhook,
		insert: func(ctx context.Context, body []byte) ([]byte, error) {
			return viewOf(webhookView)(s.Insert(ctx, body))
		},
		update: func(ctx context.Context, name string, body []byte) ([]byte, error) {
			return viewOf(webhookView)(s.Update(ctx, name, body))
		},
		remove: s.Delete,
		actions: map[string]action{
			"enable":        set.enable,
			"disable":       set.disable,
			"retry":         set.retry,
			"rotate_secret": set.rotateSecret,
			"preview":       set.preview,
			"test":          set.test,
		},
	}
}

// childRow is what Frappe adds to the rows of a table.
type childRow struct {
	Name        string `json:"name"`
	Parent      string `json:"parent"`
	ParentField string `json:"parentfield"`
	ParentType  string `json:"parenttype"`
	DocType     string `json:"doctype"`
	Index       int    `json:"idx"`
}

func childOf(parent, field, doctype string, i int) childRow {
	return childRow{
		Name: parent + "-" + field + "-" + strconv.Itoa(i+1), Parent: parent, ParentField: field, ParentType: webhookName, DocType: doctype, Index: i + 1,
	}
}

type headerRow struct {
	childRow
	hooks.Header
}

type dataRow struct {
	childRow
	mapping.Row
}

// webhookDoc is a Webhook as it is answered: every field, also the empty ones. What is secret in a [hooks.Stored] is masked already.
type webhookDoc struct {
	standard

	Description      string              `json:"description"`
	Enabled          hooks.Check         `json:"enabled"`
	DisabledReason   string              `json:"disabled_reason,omitempty"`
	DisabledAt       string              `json:"disabled_at,omitempty"`
	WebhookDocType   string              `json:"webhook_doctype"`
	WebhookDocEvent  string              `json:"webhook_docevent"`
	Events           []string            `json:"events"`
	Fields           []string            `json:"fields"`
	Condition        string              `json:"condition"`
	RequestURL       string              `json:"request_url"`
	IsDynamicURL     hooks.Check         `json:"is_dynamic_url"`
	RequestMethod    string              `json:"request_method"`
	RequestStructure string              `json:"request_structure"`
	Timeout          int                 `json:"timeout"`
	WebhookHeaders   []headerRow         `json:"webhook_headers"`
	WebhookData      []dataRow           `json:"webhook_data"`
	WebhookJSON      string              `json:"webhook_json"`
	HeadersTemplate  string              `json:"headers_template"`
	Format           string              `json:"format"`
	Batch            *hooks.Batch        `json:"batch"`
	OnlyChanged      hooks.Check         `json:"only_changed"`
	EventNames       map[string]string   `json:"event_names,omitempty"`
	EventFields      map[string][]string `json:"event_fields,omitempty"`
	Scraper          string              `json:"scraper"`
	Job              string              `json:"job,omitempty"`
	MaxInFlight      int                 `json:"max_in_flight"`
	MaxPerSecond     float64             `json:"max_per_second"`
	Ordering         string              `json:"ordering"`
	Retry            hooks.Retry         `json:"retry"`
	EnableSecurity   hooks.Check         `json:"enable_security"`
	WebhookSecret    string              `json:"webhook_secret"`
	PublicKey        string              `json:"public_key,omitempty"` // of the secret, where it has one
	CACertificate    string              `json:"ca_certificate"`
	ClientCert       string              `json:"client_certificate"`
	ClientKey        string              `json:"client_key"`
	Lag              *lag                `json:"lag,omitempty"`
}

// lag is how far a webhook is behind the log.
type lag struct {
	Pos         int64   `json:"pos"`    // everything up to here is settled
	Events      int64   `json:"events"` // entries of the log beyond it
	Seconds     float64 `json:"seconds"`
	Retries     int64   `json:"retries"`
	Failures    int64   `json:"failures"` // in a row
	PausedUntil *string `json:"paused_until"`
}

func webhookView(s *hooks.Stored) ([]byte, error) { return rawjson.Encode(newWebhookDoc(s)) }

func newWebhookDoc(s *hooks.Stored) webhookDoc {
	d := webhookDoc{
		standard: standard{
			Name: s.Name, DocType: webhookName, Owner: s.Owner, Creation: stamp(s.Creation), Modified: stamp(s.Modified), ModifiedBy: s.ModifiedBy,
		},
		Description: s.Description, Enabled: s.Enabled, DisabledReason: s.DisabledReason, DisabledAt: s.DisabledAt, WebhookDocType: s.WebhookDocType, WebhookDocEvent: s.WebhookDocEvent,
		Events: s.Events, Fields: append([]string{}, s.Fields...), Condition: s.Condition, RequestURL: s.RequestURL, IsDynamicURL: s.IsDynamicURL,
		RequestMethod: s.RequestMethod, RequestStructure: s.RequestStructure, Timeout: s.Timeout,
		WebhookHeaders: make([]headerRow, 0, len(s.WebhookHeaders)), WebhookData: make([]dataRow, 0, len(s.WebhookData)),
		WebhookJSON: s.WebhookJSON, Format: s.Format, HeadersTemplate: s.HeadersTemplate, Batch: s.Batch, OnlyChanged: s.OnlyChanged,
		EventNames: s.EventNames, EventFields: s.EventFields, Scraper: s.Scraper, Job: s.Job, MaxInFlight: s.MaxInFlight, Ordering: s.Ordering, Retry: s.Retry,
		EnableSecurity: s.EnableSecurity, MaxPerSecond: s.MaxPerSecond, PublicKey: s.PublicKey,
		CACertificate: s.CACertificate, ClientCert: s.ClientCertificate, ClientKey: s.ClientKey,
	}
	for i, row := range s.WebhookHeaders {
		d.WebhookHeaders = append(d.WebhookHeaders, headerRow{childOf(s.Name, "webhook_headers", "Webhook Header", i), row})
	}
	for i, row := range s.WebhookData {
		d.WebhookData = append(d.WebhookData, dataRow{childOf(s.Name, "webhook_data", "Webhook Data", i), row})
	}
	if s.Secret {
		d.WebhookSecret = secretMask
	}
	return d
}

func (set *Set) getWebhook(ctx context.Context, name string) ([]byte, error) {
	s, err := set.Webhooks.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	lags, err := set.Ledger.Lags(ctx)
	if err != nil {
		return nil, err
	}
	d := newWebhookDoc(&s)
	for i := range lags {
		if l := &lags[i]; l.Walker == hooks.Walker(name) {
			d.Lag = set.newLag(l)
		}
	}
	return rawjson.Encode(d)
}

func (set *Set) newLag(l *ledger.Lag) *lag {
	out := &lag{Pos: l.Pos, Events: l.Events, Retries: l.Retries, Failures: l.Failures, PausedUntil: micros(l.PausedUntil)}
	if l.OldestAt > 0 {
		out.Seconds = max(set.now().Sub(time.UnixMicro(l.OldestAt)).Seconds(), 0)
	}
	return out
}

// enable switches a webhook on; with skip it begins at the log's end instead
// of where it stood.
func (set *Set) enable(ctx context.Context, name string, body []byte) ([]byte, error) {
	var in struct {
		Skip hooks.Check `json:"skip"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	w, err := set.Webhooks.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if in.Skip {
		if w.Enabled {
			return nil, web.Errorf("invalid", "skip", "the webhook is enabled: disable it before it can skip what waits")
		}
		if err := set.Ledger.Skip(ctx, hooks.Walker(name)); err != nil {
			return nil, err
		}
	}
	return viewOf(webhookView)(set.Webhooks.SetEnabled(ctx, name, true))
}

func (set *Set) disable(ctx context.Context, name string, _ []byte) ([]byte, error) {
	return viewOf(webhookView)(set.Webhooks.SetEnabled(ctx, name, false))
}

// retry tries at once what waits for its next attempt.
func (set *Set) retry(ctx context.Context, name string, _ []byte) ([]byte, error) {
	return viewOf(webhookView)(set.Webhooks.Retry(ctx, name))
}

// rotateSecret answers the new secret, the only time it is shown, and what receivers check its signatures with if that is something else.
func (set *Set) rotateSecret(ctx context.Context, name string, body []byte) ([]byte, error) {
	var in struct {
		Secret string `json:"webhook_secret"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	secret, err := set.Webhooks.RotateSecret(ctx, name, in.Secret)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"webhook_secret": secret, "old_secret_signs_for_seconds": int(hooks.RotationOverlap.Seconds())}
	if public := hooks.PublicKey(secret); public != "" {
		out["public_key"] = public
	}
	return rawjson.Encode(out)
}

// decode reads the parameters of an action. One that nobody knows is refused: the
// action would be carried out on something else than was meant.
func decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return web.Errorf("invalid", strings.Trim(name, `"`), "this method has no parameter %.60s", name)
	}
	return web.Errorf("invalid", "", "a parameter is of the wrong type")
}
