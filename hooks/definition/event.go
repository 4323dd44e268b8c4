package definition

import (
	"strconv"

	"dochook/doctype"
	"dochook/doctype/record"
)

// Means reports whether an event that the webhook lists is what happened.
func (w *Webhook) Means(listed string, e *doctype.Event) bool {
	switch listed {
	case doctype.OnChange:
		return !doctype.IsJobEvent(e.Event)
	case doctype.TaskSuccess:
		return e.Event == doctype.JobFinished && rowsOf(e) > 0
	case doctype.TaskFailure:
		return e.Event == doctype.JobFailed || e.Event == doctype.JobStopped || e.Event == doctype.JobFinished && rowsOf(e) == 0
	case doctype.JobFinished:
		// Systems with this format know one end.
		return e.Event == listed || w.Format == FormatJob && doctype.IsJobEnd(e.Event)
	default:
		return e.Event == listed
	}
}

// rowsOf is how many records the job of an event has brought.
func rowsOf(e *doctype.Event) int64 {
	n, _ := strconv.ParseInt(string(record.Member(e.Data, "dataRowsCount")), 10, 64)
	return n
}

// wireNames are what format job calls events.
var wireNames = map[string]string{
	doctype.JobStarted: "scraper.job.started", doctype.JobData: "scraper.data.scraped",
	doctype.JobFinished: "scraper.job.finished", doctype.JobFailed: "scraper.job.finished", doctype.JobStopped: "scraper.job.finished",
}

// EventName is what a body calls an event.
func (w *Webhook) EventName(e *doctype.Event) string {
	names := []string{e.Event}
	if doctype.IsJobEnd(e.Event) {
		task := doctype.TaskFailure
		if e.Event == doctype.JobFinished && rowsOf(e) > 0 {
			task = doctype.TaskSuccess
		}
		names = append(names, task)
		if w.Format == FormatJob { // it knows one end, by whatever name
			names = append(names, doctype.JobFinished)
		}
	}
	for _, name := range names {
		if own, ok := w.EventNames[name]; ok {
			return own
		}
	}
	switch {
	case !doctype.IsJobEvent(e.Event):
		return e.Event
	case w.Format == FormatJob:
		return wireNames[e.Event]
	case !doctype.IsJobEnd(e.Event):
		return "ACTOR.RUN.RUNNING"
	case names[1] == doctype.TaskSuccess:
		return "ACTOR.RUN.SUCCEEDED"
	default:
		return "ACTOR.RUN.FAILED"
	}
}
