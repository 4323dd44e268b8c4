package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	graphql "github.com/graph-gophers/graphql-go"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// webhook is a webhook as GraphQL has them: one event of a stored Webhook. Its methods are the fields of WebhookSchema.
type webhook struct {
	name    string // of the stored Webhook
	scraper string
	url     string
	event   string // ADDED, UPDATED or REMOVED
	fields  []string
}

// ID resolves WebhookSchema.id.
func (w *webhook) ID() graphql.ID { return graphql.ID(w.id()) }

// URL resolves WebhookSchema.url.
func (w *webhook) URL() string { return w.url }

// Event resolves WebhookSchema.event.
func (w *webhook) Event() string { return w.event }

// Fields resolves WebhookSchema.fields.
func (w *webhook) Fields() *[]*string {
	if len(w.fields) == 0 {
		return nil
	}
	out := make([]*string, len(w.fields))
	for i := range w.fields {
		out[i] = &w.fields[i]
	}
	return &out
}

// JobID resolves WebhookSchema.jobID.
func (w *webhook) JobID() graphql.ID { return graphql.ID(w.scraper) }

func (w *webhook) id() string { return w.name + "." + w.event }

// The events, in the order in which they are listed, and the document events they stand for.
var (
	events      = []string{"ADDED", "UPDATED", "REMOVED"}
	docEventsOf = map[string]string{"ADDED": doctype.OnInsert, "UPDATED": doctype.OnUpdate, "REMOVED": doctype.OnTrash}
)

// store lists and changes webhooks.
type store struct {
	webhooks *hooks.Service
	scrapers *scrapers.Service
	lock     chan struct{} // held by who changes one
}

func (s *store) list(ctx context.Context) ([]*webhook, error) {
	stored, err := s.stored(ctx)
	if err != nil {
		return nil, err
	}
	var out []*webhook
	for i := range stored {
		for _, event := range events {
			if has(&stored[i].Webhook, event) {
				out = append(out, view(&stored[i].Webhook, event))
			}
		}
	}
	return out, nil
}

// stored lists the Webhooks that are shown, by name.
func (s *store) stored(ctx context.Context, filters ...query.Filter) ([]hooks.Stored, error) {
	all, err := s.webhooks.List(ctx, query.Query{
		Filters: append(filters, query.NewFilter("format", query.Equal, hooks.FormatChanges)),
		Order:   []query.Order{{Field: "name"}},
		Limit:   query.All,
	})
	return slices.DeleteFunc(all, func(w hooks.Stored) bool { return !shown(&w.Webhook) }), err
}

// shown tells whether a stored Webhook has a form in GraphQL: one that a job brought along ends with it.
func shown(w *hooks.Webhook) bool {
	return w.Format == hooks.FormatChanges && w.Scraper != "" && w.Job == ""
}

func has(w *hooks.Webhook, event string) bool {
	return slices.Contains(w.Events, docEventsOf[event]) || slices.Contains(w.Events, doctype.OnChange)
}

func view(w *hooks.Webhook, event string) *webhook {
	fields := w.Fields
	if event != "UPDATED" {
		fields = w.EventFields[docEventsOf[event]]
	}
	return &webhook{name: w.Name, scraper: w.Scraper, url: w.RequestURL, event: event, fields: fields}
}

// save stores a webhook and returns its id. Its event becomes one of the stored Webhook of its scraper and URL, which
// is made if there is none.
func (s *store) save(ctx context.Context, w webhook) (string, error) {
	if _, err := s.scrapers.Get(ctx, w.scraper); err != nil {
		if doctype.CodeOf(err) == doctype.CodeNotFound {
			err = web.Errorf(doctype.CodeNotFound, "jobID", "%s", web.Classify(err).Message)
		}
		return "", err
	}
	unlock, err := s.locked(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	for try := range maxTries {
		if w.name, err = s.find(ctx, &w); err != nil {
			return "", err
		}
		if w.name != "" {
			err = s.edit(ctx, w.name, func(stored *hooks.Webhook) error { return add(stored, &w) })
			if doctype.CodeOf(err) == doctype.CodeNotFound {
				continue // deleted meanwhile
			}
			return w.id(), inArgument(err)
		}
		w.name = newName(&w, try)
		err = s.insert(ctx, &w)
		if doctype.CodeOf(err) != doctype.CodeConflict {
			return w.id(), inArgument(err)
		}
		// Another process made the Webhook first, or something else has that name.
	}
	return "", err
}

const maxTries = 10

// find returns the name of the stored Webhook that w is or will be a part of, "" if there is none.
func (s *store) find(ctx context.Context, w *webhook) (string, error) {
	all, err := s.stored(ctx, query.NewFilter("scraper", query.Equal, w.scraper))
	if err != nil {
		return "", err
	}
	found := ""
	for i := range all {
		o := &all[i].Webhook
		switch {
		case o.Scraper != w.scraper || o.RequestURL != w.url || bool(o.IsDynamicURL): // the filter compares numbers, such as 7 and 7.0, as such
		case has(o, w.event):
			return o.Name, nil
		case found == "":
			found = o.Name
		}
	}
	return found, nil
}

// newName is the name of a new stored Webhook, the same for the same scraper and URL.
func newName(w *webhook, try int) string {
	const maxScraper = 140 - len(" changes 01234567 00")
	sum := sha256.Sum256([]byte(w.scraper + "\x00" + w.url))
	scraper := w.scraper
	for len(scraper) > maxScraper {
		_, last := utf8.DecodeLastRuneInString(scraper)
		scraper = scraper[:len(scraper)-last]
	}
	name := scraper + " changes " + hex.EncodeToString(sum[:4])
	if try > 0 {
		name += " " + strconv.Itoa(try+1)
	}
	return name
}

func (s *store) insert(ctx context.Context, w *webhook) error {
	stored := hooks.Webhook{Name: w.name, Enabled: true}
	if err := add(&stored, w); err != nil {
		return err
	}
	members := eventMembers(&stored)
	members["name"], members["format"], members["scraper"], members["request_url"] = w.name, hooks.FormatChanges, w.scraper, w.url
	data, err := rawjson.Encode(members)
	if err == nil {
		_, err = s.webhooks.Insert(ctx, data)
	}
	return err
}

// edit changes the events of a stored Webhook and their fields.
func (s *store) edit(ctx context.Context, name string, change func(*hooks.Webhook) error) error {
	_, err := s.webhooks.Edit(ctx, name, func(was *hooks.Stored) ([]byte, error) {
		w := was.Webhook
		w.Events, w.EventFields = slices.Clone(w.Events), maps.Clone(w.EventFields)
		if err := change(&w); err != nil {
			return nil, err
		}
		return rawjson.Encode(eventMembers(&w))
	})
	return err
}

// eventMembers are the members of a stored Webhook that its events make. None of them is null, which would leave what
// is stored.
func eventMembers(w *hooks.Webhook) map[string]any {
	fields, eventFields := w.Fields, w.EventFields
	if fields == nil {
		fields = []string{}
	}
	if eventFields == nil {
		eventFields = map[string][]string{}
	}
	return map[string]any{"events": w.Events, "fields": fields, "event_fields": eventFields}
}

// add makes an event one of the stored Webhook, with its fields.
func add(stored *hooks.Webhook, w *webhook) error {
	if !stored.Enabled {
		return web.Errorf("conflict", "url", "url: the Webhook %q, which tells this scraper's changes to this URL, is disabled: enable it first, "+
			"with POST /api/v2/document/Webhook/{name}/method/enable", stored.Name)
	}
	if !has(stored, w.event) {
		stored.Events = append(stored.Events, docEventsOf[w.event])
	}
	setFields(stored, w.event, w.fields)
	return nil
}

// drop takes an event from the stored Webhook, with its fields.
func drop(stored *hooks.Webhook, event string) {
	var left []string
	for _, e := range events {
		if e != event && has(stored, e) {
			left = append(left, docEventsOf[e])
		}
	}
	stored.Events = left
	setFields(stored, event, nil)
}

func setFields(stored *hooks.Webhook, event string, fields []string) {
	switch {
	case event == "UPDATED":
		stored.Fields = fields
	case len(fields) == 0:
		delete(stored.EventFields, docEventsOf[event])
	default:
		if stored.EventFields == nil {
			stored.EventFields = map[string][]string{}
		}
		stored.EventFields[docEventsOf[event]] = fields
	}
}

// remove takes an event from its stored Webhook, and deletes that with its last one. It reports whether there was one.
func (s *store) remove(ctx context.Context, id string) (bool, error) {
	dot := strings.LastIndexByte(id, '.')
	if dot < 0 || !slices.Contains(events, id[dot+1:]) {
		return false, nil
	}
	name, event := id[:dot], id[dot+1:]
	unlock, err := s.locked(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	err = s.edit(ctx, name, func(stored *hooks.Webhook) error {
		if !shown(stored) || !has(stored, event) {
			return errNone
		}
		drop(stored, event)
		if len(stored.Events) == 0 {
			return errLast
		}
		return nil
	})
	if errors.Is(err, errLast) {
		err = s.webhooks.Delete(ctx, name)
	}
	if errors.Is(err, errNone) || doctype.CodeOf(err) == doctype.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

var (
	errNone = errors.New("there is no such webhook")
	errLast = errors.New("it is the last event of its Webhook")
)

// locked waits until nobody else changes a webhook.
func (s *store) locked(ctx context.Context) (unlock func(), err error) {
	select {
	case s.lock <- struct{}{}:
		return func() { <-s.lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// arguments are the arguments of saveWebhook that become fields of a stored Webhook.
var arguments = map[string]string{"request_url": "url", "scraper": "jobID", "webhook_doctype": "jobID", "events": "event"}

// inArgument names the argument in an error about a field of the stored Webhook.
func inArgument(err error) error {
	if own, ok := errors.AsType[*hooks.Error](err); ok && arguments[own.Field] != "" {
		argument := arguments[own.Field]
		return web.Errorf(own.CodeWord, argument, "%s: %s", argument, own.Message)
	}
	return err
}
