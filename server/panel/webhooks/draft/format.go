package draft

import (
	"slices"
	"strings"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/server/panel/page"
)

// Format is a shape of bodies, as it is offered.
type Format struct {
	Value, Label, Text string

	documents bool     // it listens to document events
	jobs      []string // and to these job events
	mapped    bool     // webhook_data
	template  bool     // webhook_json
	batched   bool
}

// Formats are those there are, in the order in which they are offered.
func Formats() []Format {
	all := []string{doctype.JobStarted, doctype.JobData, doctype.JobFinished, doctype.JobFailed, doctype.JobStopped}
	return []Format{
		{Value: hooks.FormatDocument, Label: "One document", Text: "A request for each event of a document. Its body is made by mapping rows or by a template, or there is none.", documents: true, mapped: true, template: true},
		{Value: hooks.FormatRows, Label: "Rows of a page", Text: "A request for each page of records a job brings: {recipeName, tableName, fields, rows}, as recipe webhooks get it.", documents: true, jobs: []string{doctype.JobData}, batched: true},
		{Value: hooks.FormatJob, Label: "Events of a job", Text: "A request when a job starts, for each page with its records, and when it ends.", jobs: all, batched: true},
		{Value: hooks.FormatTemplate, Label: "Your own template", Text: "A request for each event of a document or job, with a template for the body and one for the headers, as task integrations want it.", documents: true, jobs: slices.Concat(all, []string{doctype.TaskSuccess, doctype.TaskFailure}), template: true},
		{Value: hooks.FormatChanges, Label: "Changes of a run", Text: "One request for a whole job: what it added, updated and removed.", documents: true, batched: true},
	}
}

// FormatOf is the format of that name; document where there is none.
func FormatOf(name string) Format {
	all := Formats()
	if i := slices.IndexFunc(all, func(f Format) bool { return f.Value == name }); i >= 0 {
		return all[i]
	}
	return all[0]
}

func (f Format) has(event string) bool {
	return f.documents && !doctype.IsJobEvent(event) || slices.Contains(f.jobs, event)
}

// names are those of the formats for which something holds, for a page that shows
// and hides fields by them.
func names(holds func(f Format) bool) string {
	var out []string
	for _, f := range Formats() {
		if holds(f) {
			out = append(out, f.Value)
		}
	}
	return strings.Join(out, " ")
}

// Uses are the formats that use a field of the form; those that are not in it are
// used by all.
func Uses() map[string]string {
	return map[string]string{
		"body":             names(func(f Format) bool { return f.mapped }),
		"webhook_json":     names(func(f Format) bool { return f.template }),
		"headers_template": hooks.FormatTemplate,
		"only_changed":     hooks.FormatChanges,
		"event_names":      names(func(f Format) bool { return f.Value != hooks.FormatRows && f.Value != hooks.FormatChanges }),
		"batch":            names(func(f Format) bool { return f.batched }),
		"fields":           names(func(f Format) bool { return f.documents }),
	}
}

// Event is one to listen to, as it is offered.
type Event struct{ Value, Text, Formats string }

// Events are those there are.
func Events() []Event {
	all := []Event{
		{Value: doctype.OnInsert, Text: "a document came into being, or came back after it had been removed"},
		{Value: doctype.OnUpdate, Text: "a document changed, as its DocType compares it"},
		{Value: doctype.OnTrash, Text: "a document was removed; its last state is sent"},
		{Value: doctype.OnChange, Text: "any of these three"},
		{Value: doctype.JobStarted, Text: "a job got its first page"},
		{Value: doctype.JobData, Text: "a job got a page of records"},
		{Value: doctype.JobFinished, Text: "a job finished; with the format “Events of a job” also one that failed or was stopped"},
		{Value: doctype.JobFailed, Text: "a job failed, or nothing was heard of it for too long"},
		{Value: doctype.JobStopped, Text: "somebody stopped a job"},
		{Value: doctype.TaskSuccess, Text: "a job finished with at least one record"},
		{Value: doctype.TaskFailure, Text: "a job failed, was stopped, or finished without a record"},
	}
	for i := range all {
		all[i].Formats = names(func(f Format) bool { return f.has(all[i].Value) })
	}
	return all
}

// Variable is one of templates.
type Variable struct{ Name, Text string }

// Variables are those there are.
func Variables() []Variable {
	return []Variable{
		{"{{doc}}", "the document; {{doc.price}} is a member, {{doc.items.0.code}} a nested one"},
		{"{{old}}", "the document before the event; null on_insert"},
		{"{{changed}}", "what changed: a list of {name, from, to}"},
		{"{{event}}", "the event’s name, such as on_update"},
		{"{{eventType}}", "its name as the body calls it"},
		{"{{eventData}}", "the event: id, time, document, changes; of a job {prodect_id, apiRunId}"},
		{"{{job}}", "id of the job that caused it, or null"},
		{"{{resource}}", "of a job event the job as a task, such as {{resource.taskId}}; else the document"},
		{"{{createdAt}}", "when it happened"},
		{"{{globals.dateISO}}", "the same; {{globals.dateUnix}} in seconds"},
		{"{{userId}}", "the API key that caused it"},
		{"{{userName}}", "its user"},
	}
}

// JobsAlone reports whether no document event concerns the webhook in the form.
func JobsAlone(form *page.Form) bool {
	f := FormatOf(form.Get("format"))
	listens := slices.DeleteFunc(slices.Clone(form.All("events")), func(e string) bool { return !f.has(e) })
	if len(listens) == 0 {
		return f.Value == hooks.FormatRows || f.Value == hooks.FormatJob
	}
	documents := Format{documents: true}
	return !slices.ContainsFunc(listens, documents.has)
}
