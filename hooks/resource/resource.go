package resource

import (
	"strconv"
	"time"

	"dochook/doctype"
	"dochook/doctype/record"
)

// EventData is eventData of a job event: {prodect_id, apiRunId}, spelled as task integrations do.
func EventData(e *doctype.Event) []byte {
	var w record.Writer
	w.Text("prodect_id", e.Scraper)
	w.Text("apiRunId", e.Job)
	return w.Bytes()
}

// stated are the members of resource behind the first three, in order, which a scraper may state in its stats; number says of which kind
// they are. The rest is ours, and a credential is never sent.
var stated = []struct {
	name   string
	number bool
}{
	{"apiUrl", false},
	{"apiCode", true},
	{"apiResponseTime", true},
	{"apiErrorMsg", false},
	{"apiResult", false},
	{"errorNumber", true},
	{"successRate", true},
	{"runseconds", true},
	{"detail", false},
	{"flow", true},
	{"fileSize", true},
	{"type", true},
	{"csvUrl", false},
	{"jsonUrl", false},
	{"audioUrl", false},
	{"videoUrl", false},
	{"subtitleUrl", false},
}

// Task is resource of a job event, in the members of a task as integrations know it: what the scraper stated in its stats,
// else what we know, else "" or 0.
func Task(e *doctype.Event) []byte {
	stats := record.Member(e.Data, "stats")
	text := func(name string) string {
		if v := record.Member(e.Data, name); len(v) > 0 && v[0] == '"' {
			return record.Unquote(v)
		}
		return ""
	}
	known := map[string][]byte{
		"errorNumber": record.Member(record.Member(e.Data, "counts"), "rejected"),
		"successRate": successRate(e),
		"runseconds":  runSeconds(text("startedAt"), text("finishedAt")),
		"detail":      record.AppendQuote(nil, detail(e)),
		"csvUrl":      record.AppendQuote(nil, text("resultsUrl")+".csv"),
		"jsonUrl":     record.AppendQuote(nil, text("resultsUrl")+".json"),
	}
	if e.Event == doctype.JobFailed || e.Event == doctype.JobStopped {
		known["apiErrorMsg"] = record.AppendQuote(nil, text("reason"))
	}
	var w record.Writer
	w.Text("taskId", e.Job)
	w.Text("url", string(record.Member(e.Data, "input")))
	w.Text("apiKey", "")
	for _, m := range stated {
		v := record.Member(stats, m.name)
		if v == nil || m.number != record.IsNumber(v) || !m.number && v[0] != '"' {
			v = known[m.name]
		}
		switch {
		case v != nil:
		case m.number:
			v = []byte("0")
		default:
			v = []byte(`""`)
		}
		w.Raw(m.name, v)
	}
	w.Text("createdAt", text("createdAt"))
	w.Text("finishedAt", text("finishedAt"))
	return w.Bytes()
}

func counted(e *doctype.Event, name string) int64 {
	n, _ := strconv.ParseInt(string(record.Member(record.Member(e.Data, "counts"), name)), 10, 64)
	return n
}

// successRate is the percentage of records that were accepted.
func successRate(e *doctype.Event) []byte {
	received, rejected := counted(e, "received"), counted(e, "rejected")
	if received == 0 {
		return []byte("0")
	}
	return strconv.AppendInt(nil, 100*(received-rejected)/received, 10)
}

func runSeconds(from, to string) []byte {
	start, err := time.Parse(time.RFC3339, from)
	if err != nil {
		return nil
	}
	end, err := time.Parse(time.RFC3339, to)
	if err != nil {
		return nil
	}
	return strconv.AppendInt(nil, int64(end.Sub(start)/time.Second), 10)
}

// detail says how far the job came, in words.
func detail(e *doctype.Event) string {
	received, rejected := counted(e, "received"), counted(e, "rejected")
	return strconv.FormatInt(received, 10) + " records in total: " + strconv.FormatInt(received-rejected, 10) + " accepted, " +
		strconv.FormatInt(rejected, 10) + " rejected"
}
