package foreign

import (
	"strings"

	"dochook/doctype"
)

var jobLayout = layout{
	format:  formatJob,
	example: `{"event", "jobId", "jobStatus", "timestamp", "data": [record]}`,
	members: []string{"event", "jobId", "id", "jobStatus", "timestamp", "data"},
}

// What a job can end as.
const (
	statusFinished = "finished"
	statusFailed   = "failed"
	statusStopped  = "stopped"
	statusHeld     = "held" // of a sender like us: ended, but its removals wait
)

const statusInProgress = "in_progress"

// jobEvent is what an event's name says.
type jobEvent struct{ event, status string }

// jobEvents has the names of events on the wire and our own, in lower case.
var jobEvents = map[string]jobEvent{
	"scraper.job.started":  {doctype.JobStarted, statusInProgress},
	"scraper.data.scraped": {doctype.JobData, statusInProgress},
	"scraper.job.finished": {doctype.JobFinished, statusFinished},
	doctype.JobStarted:     {doctype.JobStarted, statusInProgress},
	doctype.JobData:        {doctype.JobData, statusInProgress},
	doctype.JobFinished:    {doctype.JobFinished, statusFinished},
	doctype.JobFailed:      {doctype.JobFinished, statusFailed},
	doctype.JobStopped:     {doctype.JobFinished, statusStopped},
}

// JobEvent reads a body of format job, {event, jobId, jobStatus, timestamp,
// data: [record]}; the id may also be called id. Events are
// scraper.job.started, scraper.data.scraped and scraper.job.finished, or our
// own job.started, job.data, job.finished, job.failed and job.stopped, in any
// case of letters. Data belongs to scraped data and must be there; with the
// other events it is ignored.
//
// A job ended as what jobStatus says, for the event's name is the same however
// it did; the name decides only where there is no status. A status that is no
// end is an error there, since records may be removed on the strength of it. A
// held job counts as stopped: its sender is not sure of what is missing, so
// nothing may be removed here either.
func JobEvent(body []byte) (Push, error) {
	e, err := jobLayout.open(body)
	if err != nil {
		return Push{}, err
	}
	job, err := e.job()
	if err != nil {
		return Push{}, err
	}
	p := Push{Job: job}
	if job.Event != doctype.JobData {
		return p, nil
	}
	data, err := e.array("data")
	if err != nil {
		return Push{}, err
	}
	p.Records, err = collect(data, "data", func(element []byte) Record { return plain("a record", element) })
	if err != nil {
		return Push{}, err
	}
	return p, nil
}

// job reads what is said of the job.
func (e *envelope) job() (*Job, error) {
	name, err := e.text("event")
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, e.missing("event")
	}
	meaning, ok := jobEvents[strings.ToLower(name)]
	if !ok {
		return nil, failf(CodeInvalid, "event", "is scraper.job.started, scraper.data.scraped or scraper.job.finished, not %.60q", name)
	}
	job := &Job{Event: meaning.event}
	if job.Timestamp, err = e.literal("timestamp"); err != nil {
		return nil, err
	}
	if job.ID, err = e.literal("jobId"); err != nil {
		return nil, err
	}
	if job.ID == "" { // beside a jobId, id is something else
		if job.ID, err = e.literal("id"); err != nil {
			return nil, err
		}
	}
	job.Status, err = e.status(meaning)
	return job, err
}

// status is what the job is in, or has ended as.
func (e *envelope) status(meaning jobEvent) (string, error) {
	sent, err := e.text("jobStatus")
	if err != nil {
		return "", err
	}
	status := strings.ToLower(sent)
	switch {
	case status == "":
		return meaning.status, nil
	case meaning.event != doctype.JobFinished:
		return status, nil
	}
	switch status {
	case statusFinished, statusFailed, statusStopped:
		return status, nil
	case statusHeld:
		return statusStopped, nil
	}
	return "", failf(CodeInvalid, "jobStatus", "of a job that has ended is finished, failed or stopped, not %.60q", sent)
}
