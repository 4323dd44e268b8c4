package export

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"dochook/doctype/record"
	"dochook/hooks/ledger"
	"dochook/server/rest/rawjson"
	"dochook/server/web"
)

// column is a field of the Webhook Request Log and its value as JSON.
type column struct {
	name  string
	value func(l *ledger.Logged) []byte
}

// columns are all fields, in the order in which they are written.
var columns = []column{ //nolint:gochecknoglobals // a table
	{"name", func(l *ledger.Logged) []byte { return text(l.ID) }},
	{"webhook", func(l *ledger.Logged) []byte { return text(l.Webhook()) }},
	{"reference_doctype", func(l *ledger.Logged) []byte { return text(l.DocType) }},
	{"reference_name", func(l *ledger.Logged) []byte { return text(l.Name) }},
	{"event", func(l *ledger.Logged) []byte { return text(l.Event) }},
	{"event_id", func(l *ledger.Logged) []byte { return text(l.EventID) }},
	{"pos", func(l *ledger.Logged) []byte { return number(l.Pos) }},
	{"status", func(l *ledger.Logged) []byte { return text(l.Status) }},
	{"attempts", func(l *ledger.Logged) []byte { return number(l.Attempts) }},
	{"next_attempt", func(l *ledger.Logged) []byte { return moment(l.NextAt) }},
	{"http_status", func(l *ledger.Logged) []byte { return number(int64(l.HTTPStatus)) }},
	{"reason", func(l *ledger.Logged) []byte { return text(l.Reason) }},
	{"duration", func(l *ledger.Logged) []byte { return seconds(l.DurationUS) }},
	{"method", func(l *ledger.Logged) []byte { return text(l.Detail.Method) }},
	{"url", func(l *ledger.Logged) []byte { return text(l.Detail.URL) }},
	{"bytes", func(l *ledger.Logged) []byte { return number(int64(l.Detail.Bytes)) }},
	{"error", func(l *ledger.Logged) []byte { return text(l.Detail.Error) }},
	{"creation", func(l *ledger.Logged) []byte { return moment(l.CreatedAt) }},
	{"modified", func(l *ledger.Logged) []byte {
		if l.FinishedAt == 0 {
			return moment(l.CreatedAt)
		}
		return moment(l.FinishedAt)
	}},
}

// chosen are the columns of these names, each once, in the order of the names; without any, or with "*", all.
func chosen(fields []string) ([]column, error) {
	if len(fields) == 0 || slices.Contains(fields, "*") {
		return columns, nil
	}
	var out []column
	for _, f := range fields {
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == f })
		if i < 0 {
			return nil, web.Errorf("invalid", "fields", "there is no field %.100q: known are %s", f, strings.Join(names(columns), ", "))
		}
		if !slices.ContainsFunc(out, func(c column) bool { return c.name == f }) {
			out = append(out, columns[i])
		}
	}
	return out, nil
}

func names(list []column) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.name
	}
	return out
}

func text(s string) []byte { return record.AppendQuote(nil, strings.ToValidUTF8(s, "\uFFFD")) }

func number(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// moment spells µs since 1970 as lists do, in UTC; 0 is null.
func moment(us int64) []byte {
	if us == 0 {
		return []byte("null")
	}
	return text(time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05.000000"))
}

func seconds(us int64) []byte { return strconv.AppendFloat(nil, float64(us)/1e6, 'f', -1, 64) }

// Attempt is an attempt as it is answered everywhere; times in seconds.
type Attempt struct {
	N          int64   `json:"n"`
	At         *string `json:"at"`
	HTTPStatus int     `json:"http_status"`
	Reason     string  `json:"reason"`
	Error      string  `json:"error"`
	Duration   float64 `json:"duration"`

	DNS        float64 `json:"dns"`
	Connect    float64 `json:"connect"`
	TLS        float64 `json:"tls"`
	FirstByte  float64 `json:"first_byte"`
	RetryAfter float64 `json:"retry_after"`

	Method         string              `json:"method"`
	URL            string              `json:"url"`
	RequestHeaders map[string][]string `json:"request_headers,omitempty"` // secrets masked; unless delivered
	Bytes          int                 `json:"bytes"`
	BodySHA256     string              `json:"body_sha256,omitempty"` // of what was sent; unless delivered

	Address         string              `json:"address"`
	Addresses       int                 `json:"addresses,omitempty"` // that the host name resolved to
	TLSVersion      string              `json:"tls_version"`
	CertificateEnds string              `json:"certificate_ends,omitempty"`
	Reused          bool                `json:"reused"`
	Phase           string              `json:"phase,omitempty"` // how far it came without an answer
	Limit           string              `json:"limit"`           // which one fired
	Headers         map[string][]string `json:"response_headers"`
	BytesRead       int                 `json:"bytes_read,omitempty"`
	Body            string              `json:"response_body"`
	Note            string              `json:"note"`
}

// NewAttempt is an attempt of the ledger as it is answered.
func NewAttempt(a *ledger.Attempt) Attempt {
	d := &a.Detail
	out := Attempt{
		N: a.N, HTTPStatus: a.HTTPStatus, Reason: a.Reason, Error: d.Error, Duration: float64(a.DurationUS) / 1e6,
		DNS: float64(d.DNSUS) / 1e6, Connect: float64(d.ConnectUS) / 1e6, TLS: float64(d.TLSUS) / 1e6,
		FirstByte: float64(d.FirstByteUS) / 1e6, RetryAfter: float64(d.RetryAfterUS) / 1e6,
		Method: d.Method, URL: d.URL, RequestHeaders: d.RequestHeaders, Bytes: d.Bytes, BodySHA256: d.BodySHA256,
		Address: d.Address, Addresses: d.Addresses, TLSVersion: d.TLSVersion, CertificateEnds: d.CertificateEnds, Reused: d.Reused, Phase: d.Phase, Limit: d.Limit,
		Headers: d.Headers, BytesRead: d.BytesRead, Body: d.Body, Note: d.Note,
	}
	if a.At != 0 {
		at := record.Unquote(moment(a.At))
		out.At = &at
	}
	return out
}

func attemptsLog(list []ledger.Attempt) ([]byte, error) {
	out := make([]Attempt, len(list))
	for i := range list {
		out[i] = NewAttempt(&list[i])
	}
	return rawjson.Encode(out)
}
