package replay

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/ledger"
)

// Kinds of runs.
const (
	Replay   = "replay"
	Backfill = "backfill"
)

// Sources of a replay.
const (
	Deliveries = "deliveries" // what was tried
	Log        = "log"        // what the webhook would have been told, tried or not
)

// Filter says which events or documents a run is about. Empty members leave nothing out.
type Filter struct {
	Source   string `json:"source,omitempty"`   // of a replay: deliveries (default) or log
	Status   string `json:"status,omitempty"`   // of deliveries: delivered, dead or skipped; "" = any of them
	From     string `json:"from,omitempty"`     // the first attempt, or in the log the event, was then or later
	To       string `json:"to,omitempty"`       // and before then; a day is meant as a whole
	Job      string `json:"job,omitempty"`      // the scrape job that the event comes from
	Event    string `json:"event,omitempty"`    // such as on_update
	Document string `json:"document,omitempty"` // its name
	// Filters of a backfill's documents, as in lists.
	Filters json.RawMessage `json:"filters,omitempty"`
}

// Request asks for a run.
type Request struct {
	Webhook string `json:"webhook"`
	Kind    string `json:"kind,omitempty"` // replay (default) or backfill
	Filter
	// Expect is how many items there are; the run is refused if it is another number. nil = any.
	Expect *int64 `json:"expect,omitempty"`
	// Max is how many items there may be; 0 = any.
	Max int64 `json:"max,omitempty"`
}

// selection is a request that was checked.
type selection struct {
	webhook  *hooks.Compiled
	kind     string
	filter   Filter // as it is kept
	statuses []string
	from, to int64 // µs; 0 = open
	events   []string
	query    query.Query // of a backfill's documents
}

// choose checks a request against the webhook it is for.
func choose(c *hooks.Compiled, r Request) (*selection, error) {
	sel := &selection{webhook: c, kind: r.Kind, filter: r.Filter}
	if sel.kind == "" {
		sel.kind = Replay
	}
	var err error
	switch {
	case sel.kind == Backfill:
		err = sel.chooseDocuments()
	case sel.kind == Replay:
		err = sel.chooseEvents()
	default:
		err = errorf(CodeInvalid, "kind", "must be %s or %s, not %.60q", Replay, Backfill, r.Kind)
	}
	if err == nil && (r.Max < 0 || r.Expect != nil && *r.Expect < 0) {
		err = errorf(CodeInvalid, "", "max and expect are numbers from 0 on")
	}
	return sel, err
}

func (sel *selection) chooseDocuments() error {
	f := &sel.filter
	for _, member := range []struct{ name, value string }{
		{"source", f.Source}, {"status", f.Status}, {"from", f.From}, {"to", f.To}, {"job", f.Job}, {"event", f.Event},
	} {
		if member.value != "" {
			return errorf(CodeInvalid, member.name, "is not for a backfill, which takes document and filters")
		}
	}
	insert := doctype.Event{DocType: sel.webhook.WebhookDocType, Event: doctype.OnInsert, Scraper: sel.webhook.Scraper}
	switch {
	case sel.webhook.Job != "":
		return errorf(CodeInvalid, "webhook", "belongs to a job: there is nothing to backfill it with")
	case sel.webhook.OnlyJobEvents() || sel.webhook.WebhookDocType == "":
		return errorf(CodeInvalid, "webhook", "listens to jobs, not to documents: it cannot be backfilled")
	case !sel.webhook.Wants(&insert):
		return errorf(CodeInvalid, "webhook", "does not listen to on_insert, as which a backfill sends documents")
	}
	filters, err := query.ParseFilters(f.Filters)
	if err != nil {
		return err
	}
	if f.Document != "" {
		filters = append(filters, query.NewFilter("name", query.Equal, f.Document))
	}
	sel.query = query.Query{Filters: filters, Limit: query.All, Order: []query.Order{{Field: "creation"}, {Field: "name"}}}
	return nil
}

func (sel *selection) chooseEvents() error {
	f := &sel.filter
	if len(f.Filters) > 0 && string(f.Filters) != "null" {
		return errorf(CodeInvalid, "filters", "are for a backfill")
	}
	f.Filters = nil
	switch f.Source {
	case "":
		f.Source = Deliveries
	case Deliveries, Log:
	default:
		return errorf(CodeInvalid, "source", "must be %s or %s, not %.60q", Deliveries, Log, f.Source)
	}
	ended := []string{ledger.Delivered, ledger.Dead, ledger.Skipped}
	switch {
	case f.Source == Log && f.Status != "":
		return errorf(CodeInvalid, "status", "is one of deliveries; events of the log have none")
	case f.Status == "":
		sel.statuses = ended
	case slices.Contains(ended, f.Status):
		sel.statuses = []string{f.Status}
	case f.Status == ledger.Retrying:
		return errorf(CodeInvalid, "status", "what is being retried is sent again by itself")
	default:
		return errorf(CodeInvalid, "status", "must be one of %s, not %.60q", strings.Join(ended, ", "), f.Status)
	}
	if f.Source == Log && sel.webhook.Batched() && (f.Event != "" || f.Document != "") {
		return errorf(CodeInvalid, "event", "one event cannot be taken out of the batches this webhook sends: choose by time or job")
	}
	if err := sel.chooseTimes(); err != nil {
		return err
	}
	return sel.chooseKinds()
}

// chooseKinds reads which events are meant, by the names they have in the log.
func (sel *selection) chooseKinds() error {
	if sel.filter.Event == "" {
		return nil
	}
	name, ok := doctype.ParseEventName(sel.filter.Event)
	switch {
	case !ok, name == doctype.TaskSuccess, name == doctype.TaskFailure:
		return errorf(CodeInvalid, "event", "there is no event %.60q in the log", sel.filter.Event)
	case name == doctype.OnChange:
		sel.events = []string{doctype.OnInsert, doctype.OnUpdate, doctype.OnTrash}
	default:
		sel.events = []string{name}
	}
	sel.filter.Event = name
	return nil
}

func (sel *selection) chooseTimes() error {
	from, _, err := readTime("from", sel.filter.From)
	if err != nil {
		return err
	}
	to, day, err := readTime("to", sel.filter.To)
	if err != nil {
		return err
	}
	if day {
		to = to.AddDate(0, 0, 1)
	}
	if !from.IsZero() {
		sel.from, sel.filter.From = from.UnixMicro(), from.Format(time.RFC3339Nano)
	}
	if !to.IsZero() {
		sel.to, sel.filter.To = to.UnixMicro(), to.Format(time.RFC3339Nano)
	}
	if sel.from > 0 && sel.to > 0 && sel.from >= sel.to {
		return errorf(CodeInvalid, "to", "is not after from")
	}
	return nil
}

// within reports whether a time, in µs, is one that is meant.
func (sel *selection) within(at int64) bool {
	return at >= sel.from && (sel.to == 0 || at < sel.to)
}

// readTime reads a time as filters of lists do; without a zone it is UTC. day says that it is one, without an hour.
func readTime(field, text string) (at time.Time, day bool, err error) {
	if text == "" {
		return time.Time{}, false, nil
	}
	for _, layout := range []string{
		time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04", "2006-01-02 15:04",
	} {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if at.Year() < 1970 || at.Year() > 9000 {
			break
		}
		return at.UTC(), layout == time.DateOnly, nil
	}
	return time.Time{}, false, errorf(CodeInvalid, field, "%.60q is not a time such as 2026-01-31, 2026-01-31 23:59:59 or 2026-01-31T23:59:59Z", text)
}

// encode is JSON without the escapes that HTML would need.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), wrap("encode", err)
}
