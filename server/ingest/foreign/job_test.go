package foreign_test

import (
	"fmt"
	"testing"

	"dochook/doctype"
	"dochook/server/ingest/foreign"
)

func TestJobEventAsSent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       foreign.Job
		records    []string
	}{
		{
			name: "started",
			body: `{"event":"scraper.job.started","jobId":"5f1c","jobStatus":"in_progress","timestamp":"2024-07-31T12:34:56Z"}`,
			want: foreign.Job{ID: "5f1c", Event: doctype.JobStarted, Status: "in_progress", Timestamp: "2024-07-31T12:34:56Z"},
		},
		{
			name:    "data",
			body:    `{"event":"scraper.data.scraped","jobId":812,"jobStatus":"in_progress","timestamp":1722429296.50,"data":[{"title":"Café","rating":4.50},{ "id":9007199254740993 }]}`,
			want:    foreign.Job{ID: "812", Event: doctype.JobData, Status: "in_progress", Timestamp: "1722429296.50"},
			records: []string{`1|{"title":"Café","rating":4.50}`, `2|{ "id":9007199254740993 }`},
		},
		{
			name: "finished",
			body: `{"event":"scraper.job.finished","jobId":"5f1c","jobStatus":"finished","timestamp":"2024-07-31T12:40:00Z"}`,
			want: foreign.Job{ID: "5f1c", Event: doctype.JobFinished, Status: "finished", Timestamp: "2024-07-31T12:40:00Z"},
		},
		{
			name: "finished, but stopped",
			body: `{"event":"scraper.job.finished","jobId":"5f1c","jobStatus":"stopped","timestamp":"2024-07-31T12:40:00Z"}`,
			want: foreign.Job{ID: "5f1c", Event: doctype.JobFinished, Status: "stopped", Timestamp: "2024-07-31T12:40:00Z"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := must(t, "job", tt.body, nil)
			if p.Job == nil || *p.Job != tt.want {
				t.Errorf("job %+v, want %+v", p.Job, tt.want)
			}
			if p.Columns != nil || p.JobID != "" || p.Recipe+p.Table != "" {
				t.Errorf("%+v", p)
			}
			same(t, p.Records, tt.records...)
		})
	}
}

func TestJobEventStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ event, status, want string }{
		{`"scraper.job.finished"`, ``, "job.finished finished"},
		{`"scraper.job.finished"`, `null`, "job.finished finished"},
		{`"scraper.job.finished"`, `""`, "job.finished finished"},
		{`"Scraper.Job.Finished"`, `"FAILED"`, "job.finished failed"},
		{`"scraper.job.finished"`, `"held"`, "job.finished stopped"},
		{`"job.finished"`, `"stopped"`, "job.finished stopped"},
		{`"job.failed"`, ``, "job.finished failed"},
		{`"job.failed"`, `"stopped"`, "job.finished stopped"},
		{`"job.stopped"`, ``, "job.finished stopped"},
		{`"job.stopped"`, `"finished"`, "job.finished finished"},
		{`"job.started"`, ``, "job.started in_progress"},
		{`"scraper.job.started"`, `"pending"`, "job.started pending"},
		{`"scraper.job.started"`, `"stopped"`, "job.started stopped"}, // the end comes with its own event
		{`"JOB.DATA"`, ``, "job.data in_progress"},
		{`"scraper.data.scraped"`, `"Finished"`, "job.data finished"}, // more pages may follow
	} {
		body := `{"event":` + tt.event + `,"id":"1","data":[]`
		if tt.status != "" {
			body += `,"jobStatus":` + tt.status
		}
		p := must(t, "job", body+`}`, nil)
		if got := p.Job.Event + " " + p.Job.Status; got != tt.want || len(p.Records) != 0 {
			t.Errorf("%s, %s: got %s, want %s", tt.event, tt.status, got, tt.want)
		}
	}
}

func TestJobEventID(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		``:                              "",
		`,"jobId":"a b"`:                "a b",
		`,"jobId":644`:                  "644",
		`,"jobId":12345678901234567890`: "12345678901234567890",
		`,"id":"x"`:                     "x",
		`,"id":-7`:                      "-7",
		`,"id":"x","jobId":"y"`:         "y",
		`,"jobId":"y","id":{"a":1}`:     "y",
		`,"jobId":null,"id":"x"`:        "x",
		`,"jobId":"","id":5`:            "5",
	} {
		p := must(t, "job", `{"event":"job.started"`+members+`}`, nil)
		if p.Job.ID != want || p.Job.Timestamp != "" {
			t.Errorf("%s: %+v, want the id %q", members, p.Job, want)
		}
	}
}

func TestJobEventRecords(t *testing.T) {
	t.Parallel()
	data := func(list string) string { return fmt.Sprintf(`{"data":[%s],"event":"job.data"}`, list) }
	p := must(t, "job", data(`{"a":1,"a":2}, { "b":[ ] } ,3,{"c":{"d":1,"\u0064":2}},{}`), nil)
	same(
		t, p.Records,
		`1|!invalid: duplicate name "a"`, `2|{ "b":[ ] }`, `3|!invalid: a record must be an object, it is a number`,
		`4|!invalid: duplicate name "d"`, `5|{}`,
	)
	// With another event, data is nobody's business.
	for _, event := range []string{"scraper.job.started", "scraper.job.finished", "job.failed"} {
		for _, data := range []string{`[{"a":1}]`, `"x"`, `null`} {
			if p := must(t, "job", `{"event":"`+event+`","data":`+data+`}`, nil); p.Records != nil {
				t.Errorf("%s with data %s: %q", event, data, spell(p.Records))
			}
		}
	}
	// A record cannot be made longer at the cost of the next.
	p = must(t, "job", data(`{"a":1},{"b":2}`), nil)
	_ = append(p.Records[0].Data, "XXXXXXXXXXXXXXX"...)
	same(t, p.Records, `1|{"a":1}`, `2|{"b":2}`)
}
