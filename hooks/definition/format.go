package definition

import (
	"slices"
	"strings"

	"dochook/doctype"
)

// Formats of bodies.
const (
	FormatDocument = "document" // a mapping or template of one document
	FormatTemplate = "template" // a template of one document or job event
	FormatRows     = "rows"     // columns and rows of one page
	FormatJob      = "job"      // one job event, with the records of a page
	FormatChanges  = "changes"  // what one job changed
)

// formatRule is what a format makes of a webhook.
type formatRule struct {
	documents bool     // it listens to document events
	jobs      []string // and to these job events
	events    []string // those of a webhook that does not say
	by        string   // what a batch is made of; "" = there are none
	mapped    bool     // webhook_data
	template  bool     // webhook_json
}

var (
	jobEvents  = []string{doctype.JobStarted, doctype.JobData, doctype.JobFinished, doctype.JobFailed, doctype.JobStopped}
	taskEvents = []string{doctype.TaskSuccess, doctype.TaskFailure}
)

// formats is the table of formats.
var formats = map[string]formatRule{
	FormatDocument: {documents: true, mapped: true, template: true},
	FormatTemplate: {documents: true, jobs: slices.Concat(jobEvents, taskEvents), template: true},
	FormatRows:     {documents: true, jobs: []string{doctype.JobData}, events: []string{doctype.JobData}, by: "page"},
	FormatJob:      {jobs: jobEvents, events: []string{doctype.JobStarted, doctype.JobData, doctype.JobFinished}, by: "page"},
	FormatChanges:  {documents: true, events: []string{doctype.OnInsert, doctype.OnUpdate, doctype.OnTrash}, by: "job"},
}

func (f formatRule) has(event string) bool {
	return f.documents && !doctype.IsJobEvent(event) || slices.Contains(f.jobs, event)
}

// offer lists the events of the format, for people.
func (f formatRule) offer() string {
	var all []string
	if f.documents {
		all = append(all, doctype.OnInsert, doctype.OnUpdate, doctype.OnTrash, doctype.OnChange)
	}
	return strings.Join(append(all, f.jobs...), ", ")
}

const (
	defaultBatchRecords = 1000
	defaultBatchBytes   = 1 << 20
	maxBatchRecords     = 100_000
	maxBatchBytes       = 16 << 20
	minBatchBytes       = 1 << 10
)

func (w *Webhook) normaliseFormat() error {
	if w.Format == "" {
		w.Format = FormatDocument
	}
	f, ok := formats[w.Format]
	if !ok {
		return errorf(CodeInvalid, "format", "is document, template, rows, job or changes, not %q", w.Format)
	}
	b := w.Batch
	if f.by == "" {
		if b != nil && *b != (Batch{}) && *b != (Batch{By: "event"}) {
			return errorf(CodeInvalid, "batch", "format %s sends one request per event", w.Format)
		}
		w.Batch = nil
		return nil
	}
	if b == nil {
		b = &Batch{}
	}
	filled := *b
	switch {
	case b.By != "" && b.By != f.by:
		return errorf(CodeInvalid, "batch.by", "is %s for format %s, not %q", f.by, w.Format, b.By)
	case b.MaxRecords < 0 || b.MaxRecords > maxBatchRecords:
		return errorf(CodeInvalid, "batch.max_records", "is 1 to %d", maxBatchRecords)
	case b.MaxBytes != 0 && (b.MaxBytes < minBatchBytes || b.MaxBytes > maxBatchBytes):
		return errorf(CodeInvalid, "batch.max_bytes", "is %d to %d", minBatchBytes, maxBatchBytes)
	}
	filled.By = f.by
	if filled.MaxRecords == 0 {
		filled.MaxRecords = defaultBatchRecords
	}
	if filled.MaxBytes == 0 {
		filled.MaxBytes = defaultBatchBytes
	}
	w.Batch = &filled
	return nil
}

// refitBatch drops what the format before filled in, when an edit changes the format and leaves the batch as it was.
func (w *Webhook) refitBatch(was *Webhook) {
	if w.Format == was.Format || w.Batch == nil || was.Batch == nil || *w.Batch != *was.Batch {
		return
	}
	if formats[w.Format].by == "" {
		w.Batch = nil
		return
	}
	kept := *w.Batch
	kept.By = ""
	w.Batch = &kept
}

// checkMembers refuses members that the format would not use, and what must be there for it.
func (w *Webhook) checkMembers() error {
	f := formats[w.Format]
	unused := func(field string) error {
		return errorf(CodeInvalid, field, "is not used by format %s", w.Format)
	}
	switch {
	case !f.mapped && len(w.WebhookData) > 0:
		return unused("webhook_data")
	case !f.template && strings.TrimSpace(w.WebhookJSON) != "":
		return unused("webhook_json")
	case !f.mapped && w.RequestStructure == "Form URL-Encoded":
		return unused("request_structure")
	case w.Format != FormatTemplate && w.HeadersTemplate != "":
		return unused("headers_template")
	case w.Format != FormatChanges && bool(w.OnlyChanged):
		return unused("only_changed")
	case w.Format != FormatChanges && len(w.EventFields) > 0:
		return unused("event_fields")
	case w.Format == FormatTemplate && strings.TrimSpace(w.WebhookJSON) == "":
		return errorf(CodeMandatory, "webhook_json", "format template needs its template")
	case w.WebhookDocType == "" && !w.OnlyJobEvents():
		return errorf(CodeMandatory, "webhook_doctype", "which DocType's events?")
	}
	return w.checkEventNames()
}

func (w *Webhook) checkEventNames() error {
	if len(w.EventNames) == 0 {
		return nil
	}
	if w.Format == FormatRows || w.Format == FormatChanges {
		return errorf(CodeInvalid, "event_names", "is not used by format %s", w.Format)
	}
	named := make(map[string]string, len(w.EventNames))
	for given, text := range w.EventNames {
		name, ok := doctype.ParseEventName(given)
		if !ok {
			return errorf(CodeInvalid, "event_names."+given, "there is no event %q, only %s", given, formats[w.Format].offer())
		}
		named[name] = text
	}
	w.EventNames = named
	return nil
}

// OnlyJobEvents reports whether no document event concerns the webhook.
func (w *Webhook) OnlyJobEvents() bool {
	return !slices.ContainsFunc(w.Events, func(e string) bool { return !doctype.IsJobEvent(e) })
}

// Batched reports whether a request of the webhook can be about several records.
func (w *Webhook) Batched() bool { return formats[w.Format].by != "" }
