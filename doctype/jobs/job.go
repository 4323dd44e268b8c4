package jobs

import (
	"encoding/json"
	"strconv"
	"time"

	"dochook/doctype"
	"dochook/doctype/columns"
	"dochook/doctype/eventlog"
	"dochook/doctype/record"
)

// Status is where a job stands.
type Status string

// The statuses. The first two are open; the others are ends.
const (
	Pending    Status = "pending"
	InProgress Status = "in_progress"
	Finished   Status = "finished"
	Failed     Status = "failed"
	Stopped    Status = "stopped"
	Held       Status = "held" // finished, and its removals wait for a person
)

// Open reports whether pages may come.
func (s Status) Open() bool { return s == Pending || s == InProgress }

// Decisions on what a job held back.
const (
	Approved  = "approved"
	Discarded = "discarded"
)

// Counts are what became of a job's records.
type Counts struct {
	Pages      int64 `json:"pages"`
	Received   int64 `json:"received"`
	Inserted   int64 `json:"inserted"`
	Updated    int64 `json:"updated"`
	Unchanged  int64 `json:"unchanged"`
	Duplicates int64 `json:"duplicates"`
	Trashed    int64 `json:"trashed"` // by records that say so
	Rejected   int64 `json:"rejected"`
	Removed    int64 `json:"removed"` // because the job did not see them
}

// Job is one scrape run.
type Job struct {
	ID       string          `json:"id"` // a UUID
	Scraper  string          `json:"scraper"`
	DocType  string          `json:"doctype"`
	Status   Status          `json:"status"`
	Mode     string          `json:"mode"` // full or partial
	Scope    json.RawMessage `json:"scope,omitempty"`
	Baseline bool            `json:"baseline,omitempty"`
	Expect   *int64          `json:"expect,omitempty"`
	// MaxUpdates is the part of the documents that may change before the events of updates wait for a person.
	MaxUpdates *float64        `json:"max_updates,omitempty"`
	Input      json.RawMessage `json:"input,omitempty"`
	Stats      json.RawMessage `json:"stats,omitempty"` // as the scraper gave them at the end
	Reason     string          `json:"reason,omitempty"`
	Rows       int64           `json:"dataRowsCount"` // accepted records
	Counts     Counts          `json:"counts"`
	Live       int64           `json:"live"` // documents of the scraper, in scope, when the job began
	Brake      string          `json:"brake,omitempty"`
	Held       int64           `json:"held"`               // removals that wait
	Nameless   int64           `json:"nameless,omitempty"` // refused records that named no document
	HeldUpdate int64           `json:"held_updates"`       // events of updates that wait
	Decision   string          `json:"decision,omitempty"`

	Began   int64  `json:"began,omitempty"`    // the log's end when it began
	BeganAt int64  `json:"began_at,omitempty"` // and the time, in µs
	Title   string `json:"title,omitempty"`    // of the scraper, or its name
	Table   string `json:"table,omitempty"`    // as bodies name it
	KeyID   string `json:"key_id,omitempty"`   // of the API key that made it
	Hops    int64  `json:"hops,omitempty"`     // webhooks in a row that led to its pages, at most
	Foreign string `json:"foreign,omitempty"`  // its id in the system that sends its pages

	Owner      string     `json:"-"`
	Creation   time.Time  `json:"-"`
	Modified   time.Time  `json:"-"`
	ModifiedBy string     `json:"-"`
	StartedAt  *time.Time `json:"startedAt,omitempty"`
	FinishedAt *time.Time `json:"finishedAt,omitempty"`
}

// Waiting reports whether something of the job waits for a person.
func (j *Job) Waiting() bool { return j.Held > 0 || j.HeldUpdate > 0 }

// encode is the job as it is stored. What came in as JSON stays as it was spelled, which the encoder would not leave it.
func (j *Job) encode() ([]byte, error) {
	ours := *j
	ours.Scope, ours.Input, ours.Stats = nil, nil, nil
	members, err := json.Marshal(&ours)
	if err != nil {
		return nil, wrap("encode job", err)
	}
	var w record.Writer
	w.All(members)
	w.Raw("scope", j.Scope)
	w.Raw("input", orEmpty(j.Input))
	w.Raw("stats", j.Stats)
	return w.Bytes(), nil
}

// JSON is the job as it is answered: {id, jobId, scraper, doctype, status, mode, dataRowsCount, input, stats, counts, removal,
// reason, createdAt, startedAt, finishedAt}.
func (j *Job) JSON() []byte {
	var w record.Writer
	w.Text("id", j.ID)
	w.Text("jobId", j.ID)
	w.Text("scraper", j.Scraper)
	w.Text("doctype", j.DocType)
	w.Text("status", string(j.Status))
	w.Text("mode", j.Mode)
	w.Raw("dataRowsCount", strconv.AppendInt(nil, j.Rows, 10))
	w.Raw("input", orEmpty(j.Input))
	w.Raw("stats", orEmpty(j.Stats))
	counts, _ := json.Marshal(j.Counts) // numbers always encode
	w.Raw("counts", counts)
	w.Raw("removal", j.removalJSON())
	w.Raw("scope", j.Scope)
	if j.Baseline {
		w.Raw("baseline", []byte("true"))
	}
	if j.Expect != nil {
		w.Raw("expect", strconv.AppendInt(nil, *j.Expect, 10))
	}
	if j.MaxUpdates != nil {
		w.Raw("max_updates", strconv.AppendFloat(nil, *j.MaxUpdates, 'g', -1, 64))
	}
	w.Text("reason", j.Reason)
	w.Text("createdAt", stamp(j.Creation))
	w.Raw("startedAt", stampOrNull(j.StartedAt))
	w.Raw("finishedAt", stampOrNull(j.FinishedAt))
	return w.Bytes()
}

// removalJSON is {live, held, held_updates, brake, decision}.
func (j *Job) removalJSON() []byte {
	var w record.Writer
	w.Raw("live", strconv.AppendInt(nil, j.Live, 10))
	w.Raw("held", strconv.AppendInt(nil, j.Held, 10))
	w.Raw("held_updates", strconv.AppendInt(nil, j.HeldUpdate, 10))
	w.Raw("brake", textOrNull(j.Brake))
	w.Raw("decision", textOrNull(j.Decision))
	return w.Bytes()
}

// Column is a column of the DocType's table as other systems know it.
type Column = columns.Column

// brought is the page that an event is about; the zero value is none.
type brought struct {
	page, rows int64
	columns    []Column
}

// event is an entry of the log about the job. Its data is all that a body needs which is made of it.
func (s *Service) event(j *Job, name string, at time.Time, b brought) doctype.Event {
	var w record.Writer
	w.Text("jobId", j.ID)
	w.Text("scraper", j.Scraper)
	w.Text("title", j.Title)
	w.Text("table", j.Table)
	w.Text("status", string(j.Status))
	w.Text("mode", j.Mode)
	w.Raw("dataRowsCount", strconv.AppendInt(nil, j.Rows, 10))
	if b.page > 0 {
		w.Raw("page", strconv.AppendInt(nil, b.page, 10))
		w.Raw("rows", strconv.AppendInt(nil, b.rows, 10))
		w.Raw("columns", columnsJSON(b.columns))
	}
	w.Raw("input", orEmpty(j.Input))
	w.Raw("stats", orEmpty(j.Stats))
	counts, _ := json.Marshal(j.Counts) // numbers always encode
	w.Raw("counts", counts)
	w.Text("reason", j.Reason)
	w.Text("resultsUrl", s.base+"/scrapers/jobs/"+j.ID+"/results")
	w.Text("createdAt", stamp(j.Creation))
	w.Raw("startedAt", stampOrNull(j.StartedAt))
	w.Raw("finishedAt", stampOrNull(j.FinishedAt))
	return doctype.Event{
		ID: eventlog.NewID(), At: at, DocType: j.DocType, Name: j.ID, Event: name, Data: w.Bytes(), Job: j.ID, Page: b.page, Scraper: j.Scraper,
		Owner: j.Owner, Creation: j.Creation, ModifiedBy: j.Owner, KeyID: j.KeyID, Hops: j.Hops,
	}
}

func columnsJSON(columns []Column) []byte {
	out := []byte{'['}
	for i, c := range columns {
		if i > 0 {
			out = append(out, ',')
		}
		var w record.Writer
		w.Text("id", c.ID)
		w.Text("name", c.Name)
		out = append(out, w.Bytes()...)
	}
	return append(out, ']')
}

func orEmpty(raw []byte) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}

func textOrNull(s string) []byte {
	if s == "" {
		return []byte("null")
	}
	return record.AppendQuote(nil, s)
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

func stampOrNull(at *time.Time) []byte {
	if at == nil {
		return []byte("null")
	}
	return record.AppendQuote(nil, stamp(*at))
}
