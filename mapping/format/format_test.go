package format_test

import (
	"bytes"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping/format"
)

// documented reads a body as its documentation shows it, without the white space.
func documented(t *testing.T, file string) string {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS("testdata"), file)
	if err != nil {
		t.Fatal(err)
	}
	body := jsontext.Value(text)
	if err := body.Compact(); err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// raws are texts as records.
func raws(texts ...string) [][]byte {
	out := make([][]byte, len(texts))
	for i, text := range texts {
		out[i] = []byte(text)
	}
	return out
}

// appended returns what append adds to a buffer, and checks that it is JSON and the same a second time.
func appended(t *testing.T, appendTo func(dst []byte) []byte) string {
	t.Helper()
	const before = "before "
	got := string(appendTo([]byte(before)))
	if len(got) < len(before) || got[:len(before)] != before {
		t.Fatalf("what was in dst is lost: %q", got)
	}
	got = got[len(before):]
	if again := string(appendTo(nil)); again != got {
		t.Fatalf("%q and %q", got, again)
	}
	if !jsontext.Value(got).IsValid() {
		t.Fatalf("%q is not JSON", got)
	}
	return got
}

// isObject tells what a record has to be.
func isObject(text string) bool {
	v := jsontext.Value(text)
	return v.IsValid() && v.Kind() == '{'
}

// member is a member of an object, the name as it is meant and the value as it stands.
type member struct{ name, value string }

// membersOf reads an object with a parser that is not the package's.
func membersOf(t *testing.T, object []byte) []member {
	t.Helper()
	var all []member
	eachIn(t, object, '{', func(dec *jsontext.Decoder) error {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		plain := name.String()
		value, err := dec.ReadValue()
		all = append(all, member{plain, string(value)})
		return err
	})
	return all
}

// elementsOf does the same for an array.
func elementsOf(t *testing.T, array []byte) []string {
	t.Helper()
	var all []string
	eachIn(t, array, '[', func(dec *jsontext.Decoder) error {
		value, err := dec.ReadValue()
		all = append(all, string(value))
		return err
	})
	return all
}

func eachIn(t *testing.T, raw []byte, kind jsontext.Kind, read func(*jsontext.Decoder) error) {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.ReadToken(); err != nil || open.Kind() != kind {
		t.Fatalf("%q does not begin with %v: %v", raw, kind, err)
	}
	for dec.PeekKind() != jsontext.KindEndObject && dec.PeekKind() != jsontext.KindEndArray {
		if err := read(dec); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
	}
}

// valueOf returns the value of a member, "" when there is none.
func valueOf(all []member, name string) string {
	for _, m := range all {
		if m.name == name {
			return m.value
		}
	}
	return ""
}

func TestJob(t *testing.T) {
	job := func(event, status string, data bool) format.Job {
		return format.Job{Event: event, JobID: "42", Status: status, Timestamp: "2026-01-02T03:04:05Z", HasData: data}
	}
	tests := []struct {
		job     format.Job
		records [][]byte
		want    string
	}{
		{
			job("scraper.job.started", "in_progress", false), nil,
			`{"event":"scraper.job.started","jobId":"42","jobStatus":"in_progress","timestamp":"2026-01-02T03:04:05Z"}`,
		},
		{
			job("scraper.data.scraped", "in_progress", true), raws(`{"sku":"A1","price":2500.0}`, " { \"b\" : 9007199254740993,\n\"a\":\"\\u00fc\" }\n"),
			`{"event":"scraper.data.scraped","jobId":"42","jobStatus":"in_progress","timestamp":"2026-01-02T03:04:05Z","data":[{"sku":"A1","price":2500.0},{ "b" : 9007199254740993,` + "\n" + `"a":"\u00fc" }]}`,
		},
		{
			job("scraper.data.scraped", "in_progress", true), nil,
			`{"event":"scraper.data.scraped","jobId":"42","jobStatus":"in_progress","timestamp":"2026-01-02T03:04:05Z","data":[]}`,
		},
		{
			job("scraper.job.finished", "stopped", false), raws(`{"never":"sent"}`),
			`{"event":"scraper.job.finished","jobId":"42","jobStatus":"stopped","timestamp":"2026-01-02T03:04:05Z"}`,
		},
		{
			format.Job{Event: `a"b`, JobID: "ü/\n", Status: "\xff"},
			nil,
			`{"event":"a\"b","jobId":"ü/\n","jobStatus":"` + "\ufffd" + `","timestamp":""}`,
		},
	}
	for _, tt := range tests {
		got := appended(t, func(dst []byte) []byte { return tt.job.Append(dst, tt.records) })
		if got != tt.want {
			t.Errorf("%+v\n got %s\nwant %s", tt.job, got, tt.want)
		}
	}
}

func FuzzJob(f *testing.F) {
	f.Add("scraper.data.scraped", `{"a":1.0}`, ` {"b":[{"c":null}]} `)
	f.Add("\xff\"", `{}`, `{"\u0061":"\ud83d\ude00"}`)
	f.Fuzz(func(t *testing.T, event, record1, record2 string) {
		if !isObject(record1) || !isObject(record2) {
			return
		}
		h := format.Job{Event: event, JobID: event, Status: event, Timestamp: event, HasData: true}
		body := appended(t, func(dst []byte) []byte { return h.Append(dst, raws(record1, record2)) })
		all := membersOf(t, []byte(body))
		got := elementsOf(t, []byte(valueOf(all, "data")))
		want := []string{strings.Trim(record1, " \t\r\n"), strings.Trim(record2, " \t\r\n")}
		if len(all) != 5 || !slices.Equal(got, want) {
			t.Fatalf("%q of %q", body, want)
		}
	})
}
