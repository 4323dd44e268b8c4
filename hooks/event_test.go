package hooks

import (
	"testing"

	"dochook/doctype"
)

func TestEventName_of_an_end_in_format_job_goes_by_the_name_of_the_finished_one(t *testing.T) {
	webhook := func(format, names string) *Compiled {
		t.Helper()
		c, err := compile(t, `{"name":"w","format":"`+format+`","events":["job.finished","job.failed"],"request_url":"https://x.example/","event_names":`+names+
			map[string]string{FormatTemplate: `,"webhook_json":"{}"`}[format]+`}`)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tc := range []struct{ format, names, event, want string }{
		{FormatJob, `{"scraper.job.finished":"DONE"}`, doctype.JobFinished, "DONE"},
		{FormatJob, `{"scraper.job.finished":"DONE"}`, doctype.JobFailed, "DONE"},
		{FormatJob, `{"job.finished":"DONE","job.failed":"BAD"}`, doctype.JobFailed, "BAD"},
		{FormatJob, `{"job.finished":"DONE","job.failed":"BAD"}`, doctype.JobStopped, "DONE"},
		{FormatJob, `{"job.failed":"BAD"}`, doctype.JobStopped, "scraper.job.finished"},
		{FormatTemplate, `{"job.finished":"DONE"}`, doctype.JobFailed, "ACTOR.RUN.FAILED"},
	} {
		e := &doctype.Event{Event: tc.event, Data: []byte(`{"dataRowsCount":1}`)}
		if got := webhook(tc.format, tc.names).EventName(e); got != tc.want {
			t.Errorf("%s %s: %s is called %q, want %q", tc.format, tc.names, tc.event, got, tc.want)
		}
	}
}
