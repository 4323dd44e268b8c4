package doctype

import (
	"strconv"
	"strings"
	"time"

	"dochook/doctype/record"
)

// Names of document events, as they stand in the log. OnChange is never
// stored: it stands for any of the other three when someone listens.
const (
	OnInsert = "on_insert"
	OnUpdate = "on_update"
	OnTrash  = "on_trash"
	OnChange = "on_change"
)

// Names of job events. A job has at most one of the last three.
const (
	JobStarted  = "job.started"
	JobData     = "job.data" // a page came
	JobFinished = "job.finished"
	JobFailed   = "job.failed"
	JobStopped  = "job.stopped"
)

// Events that stand for job events only when a webhook listens: how a run went, by whether it brought records.
const (
	TaskSuccess = "Task Success" // finished with at least one record
	TaskFailure = "Task Failure" // failed, stopped, or finished without a record
)

// IsJobEvent reports whether an event is about a job and not a document.
func IsJobEvent(name string) bool {
	return strings.HasPrefix(name, "job.") || name == TaskSuccess || name == TaskFailure
}

// IsJobEnd reports whether an event is the end of a job, whichever.
func IsJobEnd(name string) bool {
	return name == JobFinished || name == JobFailed || name == JobStopped
}

// Event is one entry of the log: what happened to a document, with the
// document's state at that moment (for on_trash: the last known one).
type Event struct {
	Pos     int64     // place in the log; grows in commit order
	ID      string    // unique for ever, also across restored backups
	At      time.Time // when it was written, µs, UTC
	DocType string
	Name    string
	Event   string
	Version int64  // of the document, grows by one with each event
	Data    []byte // the record
	Changed []byte // JSON list of {name, from, to}; nil unless on_update
	Job     string
	// Page of the job. Outside jobs, and where a held job's removals are written, it is below 0 and the same for
	// events that were written together; 0 is none.
	Page     int64
	Scraper  string // of the job
	Restored bool   // on_insert of a name that was trashed before

	Owner      string // who created the document
	Creation   time.Time
	ModifiedBy string // who caused this event
	KeyID      string // the API key used, "" inside the process
	Hops       int64  // webhooks in a row that led to this event
}

// AppendJSON appends the event's public form:
// {pos, id, at, event, doctype, name, version, data, changed, job, page, restored}.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"pos":`...)
	dst = strconv.AppendInt(dst, e.Pos, 10)
	dst = appendMember(dst, "id", e.ID)
	dst = append(dst, `,"at":"`...)
	dst = e.At.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z07:00")
	dst = append(dst, '"')
	dst = appendMember(dst, "event", e.Event)
	dst = appendMember(dst, "doctype", e.DocType)
	dst = appendMember(dst, "name", e.Name)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, e.Version, 10)
	dst = append(dst, `,"data":`...)
	dst = append(dst, orNull(e.Data)...)
	dst = append(dst, `,"changed":`...)
	dst = append(dst, orNull(e.Changed)...)
	if e.Job == "" {
		dst = append(dst, `,"job":null`...)
	} else {
		dst = appendMember(dst, "job", e.Job)
	}
	if e.Job == "" || e.Page <= 0 {
		dst = append(dst, `,"page":null`...)
	} else {
		dst = append(dst, `,"page":`...)
		dst = strconv.AppendInt(dst, e.Page, 10)
	}
	dst = append(dst, `,"restored":`...)
	dst = strconv.AppendBool(dst, e.Restored)
	return append(dst, '}')
}

// Document is the document as the event left it.
func (e *Event) Document() Document {
	return Document{
		DocType: e.DocType, Name: e.Name, Record: e.Data, Version: e.Version,
		Owner: e.Owner, Creation: e.Creation, Modified: e.At, ModifiedBy: e.ModifiedBy,
	}
}

// Old is the record before the event: nil for on_insert, the record itself for
// on_trash, else the record with what changed undone.
func (e *Event) Old() []byte {
	switch e.Event {
	case OnUpdate:
		changes, err := record.ParseChanges(e.Changed)
		if err != nil {
			return nil
		}
		return record.Undo(e.Data, changes)
	case OnTrash:
		return e.Data
	default:
		return nil
	}
}

// ParseEventName returns the stored name for what a caller may write, in any
// case: Frappe's after_insert, the ADDED, UPDATED, REMOVED of product feeds, the
// scraper.… names of scraping services and the names of task integrations are
// aliases. ok is false for anything else.
func ParseEventName(s string) (name string, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case OnInsert, "after_insert", "added":
		return OnInsert, true
	case OnUpdate, "updated":
		return OnUpdate, true
	case OnTrash, "removed":
		return OnTrash, true
	case OnChange, JobStarted, JobData, JobFinished, JobFailed, JobStopped:
		return strings.ToLower(strings.TrimSpace(s)), true
	case "scraper.job.started", "in progress":
		return JobStarted, true
	case "scraper.data.scraped":
		return JobData, true
	case "scraper.job.finished":
		return JobFinished, true
	case "task success":
		return TaskSuccess, true
	case "task failure":
		return TaskFailure, true
	default:
		return "", false
	}
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return record.AppendQuote(dst, value)
}

func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}
