package foreign_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dochook/server/ingest/foreign"
)

// example reads a body of testdata.
func example(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := fs.ReadFile(os.DirFS("testdata"), name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// spell writes records as text: line, a minus for trash, data or code and message.
func spell(records []foreign.Record) []string {
	var all []string
	for _, r := range records {
		s := strconv.Itoa(r.Line)
		if r.Trash {
			s += "-"
		}
		s += "|" + string(r.Data)
		if r.Err != nil {
			s += "!" + code(r.Err) + ": " + r.Err.Error()
		}
		all = append(all, s)
	}
	return all
}

// code is the word of an error of the package, "" for any other.
func code(err error) string {
	if own, ok := errors.AsType[*foreign.Error](err); ok {
		return own.Code()
	}
	return ""
}

// same compares records with what they are wanted to be; of a message a part is enough.
func same(tb testing.TB, got []foreign.Record, want ...string) {
	tb.Helper()
	spelled := spell(got)
	if !slices.EqualFunc(spelled, want, func(got, want string) bool {
		g, gotText, gotErr := strings.Cut(got, "!")
		w, wantText, wantErr := strings.Cut(want, "!")
		if !gotErr || !wantErr {
			return got == want
		}
		wantCode, wantPart, _ := strings.Cut(wantText, ": ")
		gotCode, gotPart, _ := strings.Cut(gotText, ": ")
		return g == w && gotCode == wantCode && strings.Contains(gotPart, wantPart)
	}) {
		tb.Errorf("records\n\t%s\nwant\n\t%s", strings.Join(spelled, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// must reads a body that is in order.
func must(tb testing.TB, format, body string, known map[string]string) foreign.Push {
	tb.Helper()
	p, err := foreign.Read(format, []byte(body), known)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
