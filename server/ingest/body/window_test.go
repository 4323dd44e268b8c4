package body_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"dochook/server/ingest/body"
)

// open returns a window on text.
func open(tb testing.TB, r io.Reader, limit int) *body.Window {
	tb.Helper()
	w, err := body.Open(r, "", limit)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.Close)
	return w
}

// each calls fn with a reader that yields the text in one piece and byte by byte.
func each(t *testing.T, text string, fn func(t *testing.T, r io.Reader)) {
	t.Helper()
	t.Run("whole", func(t *testing.T) { fn(t, strings.NewReader(text)) })
	t.Run("byte by byte", func(t *testing.T) { fn(t, iotest.OneByteReader(strings.NewReader(text))) })
}

// fails checks a fault; of the message a part is enough.
func fails(t *testing.T, got, want *body.Error) {
	t.Helper()
	if got == nil {
		t.Fatalf("no fault, want %s: %v", want.Code(), want)
	}
	if got.Code() != want.Code() || !strings.Contains(got.Message, want.Message) || got.Offset != want.Offset || got.Line != want.Line {
		t.Errorf("%s in line %d: %v; want %s in line %d: %v", got.Code(), got.Line, got, want.Code(), want.Line, want)
	}
}

var record = body.Place{What: "record", N: 3}

func TestFillAndAdvance(t *testing.T) {
	text := strings.Repeat("0123456789", 50_000)
	each(t, text, func(t *testing.T, r io.Reader) {
		w := open(t, r, 100)
		var got strings.Builder
		for w.Fill() {
			if len(w.Bytes()) > 100 {
				n := len(w.Bytes()) - 7
				got.Write(w.Bytes()[:n])
				w.Advance(n)
			}
			if w.Offset() != int64(got.Len()) {
				t.Fatalf("offset %d behind %d bytes", w.Offset(), got.Len())
			}
		}
		got.Write(w.Bytes())
		if got.String() != text {
			t.Errorf("%d bytes, want %d", got.Len(), len(text))
		}
		if w.Fill() || w.Ended() != nil {
			t.Errorf("behind the end: %v", w.Ended())
		}
	})
}

func TestValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       string // the value
		tooLarge   bool
		code       string // of the fault
		offset     int64
	}{
		{name: "at the limit", text: `{"a":"0123456789"};`, want: `{"a":"0123456789"}`},
		{name: "above the limit", text: `{"a":"0123456789a"};`, tooLarge: true},
		{name: "far above the limit", text: `["` + strings.Repeat("x", 200_000) + `"];`, tooLarge: true},
		{name: "exact", text: "[1.0,\t\"\\u00e9\x00\xff\" ];", want: "[1.0,\t\"\\u00e9\x00\xff\" ]"},
		{name: "broken", text: `[1 2];`, code: body.NotJSON, offset: 3},
		{name: "broken above the limit", text: `["` + strings.Repeat("x", 200_000) + `"};`, code: body.NotJSON, offset: 200_003},
		{name: "cut off", text: `[1,`, code: body.Truncated, offset: 3},
		{name: "cut off above the limit", text: `["` + strings.Repeat("x", 200_000), code: body.Truncated, offset: 200_002},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			each(t, tt.text, func(t *testing.T, r io.Reader) {
				w := open(t, r, 18)
				got, tooLarge, err := w.Value(record)
				if tt.code != "" {
					fails(t, err, body.NewError(tt.code, tt.offset, 3, "record 3"))
					return
				}
				if err != nil || string(got) != tt.want || tooLarge != tt.tooLarge {
					t.Fatalf("%q, %t, %v", got, tooLarge, err)
				}
				if c, ok, err := w.Peek(); c != ';' || !ok || err != nil {
					t.Errorf("behind it: %q, %t, %v", c, ok, err)
				}
				if want := int64(len(tt.text) - 1); w.Offset() != want {
					t.Errorf("offset %d, want %d", w.Offset(), want)
				}
			})
		})
	}
}

// What is skipped may be of any size but not hide control characters, and the
// next value may again.
func TestSkip(t *testing.T) {
	each(t, `["`+strings.Repeat("x", 100)+`"]"`+"\n\"", func(t *testing.T, r io.Reader) {
		w := open(t, r, 10)
		if err := w.Skip(record); err != nil || w.Offset() != 104 {
			t.Fatalf("at %d: %v", w.Offset(), err)
		}
		if got, _, err := w.Value(record); string(got) != "\"\n\"" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
	each(t, "[\"\n\"]", func(t *testing.T, r io.Reader) {
		w := open(t, r, 10)
		fails(t, w.Skip(record), body.NewError(body.NotJSON, 2, 3, "U+000A in a string"))
		if s := w.Scanner(); s.Scan([]byte("\"\n\"")) != 3 || !s.Complete() {
			t.Error("the next scanner is strict")
		}
	})
}

func TestPeek(t *testing.T) {
	each(t, strings.Repeat(" \t\r\n", 5)+"x", func(t *testing.T, r io.Reader) {
		w := open(t, r, 20)
		for range 2 {
			if c, ok, err := w.Peek(); c != 'x' || !ok || err != nil || w.Offset() != 20 {
				t.Errorf("%q, %t, %v at %d", c, ok, err, w.Offset())
			}
		}
		w.Advance(1)
		if _, ok, err := w.Peek(); ok || err != nil {
			t.Errorf("at the end: %t, %v", ok, err)
		}
	})
	each(t, "x"+strings.Repeat(" ", 21)+"x", func(t *testing.T, r io.Reader) {
		w := open(t, r, 20)
		w.Fill()
		w.Advance(1)
		_, _, err := w.Peek()
		fails(t, err, body.NewError(body.TooLarge, 1, 0, "20 blank bytes"))
	})
}

// members reads an object or array of which the bracket is used up, until a fault.
func members(w *body.Window, closing byte) (found []string, err *body.Error) {
	for first := true; ; first = false {
		more, err := w.More(closing, first, record)
		if err != nil || !more {
			return found, err
		}
		var name string
		if closing == '}' {
			var bad *body.Error
			if name, bad, err = w.Name(record); err != nil {
				return found, err
			}
			if bad != nil {
				name = "!" + bad.Code()
			}
			if _, _, err := w.Peek(); err != nil {
				return found, err
			}
		}
		data, tooLarge, err := w.Value(record)
		if err != nil {
			return found, err
		}
		found = append(found, fmt.Sprintf("%s|%s|%t", name, data, tooLarge))
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string
		code       string
		message    string
		offset     int64
	}{
		{name: "array", text: ` [1 , [2],"3" ] `, want: []string{"|1|false", "|[2]|false", `|"3"|false`}},
		{name: "empty array", text: `[ ]`},
		{name: "object", text: `{"a":1, "\u0062" : {} }`, want: []string{"a|1|false", "b|{}|false"}},
		{name: "empty object", text: `{}`},
		{name: "large", text: `{"a":"01234567890123456789","b":1}`, want: []string{"a||true", "b|1|false"}},
		{name: "bad name", text: "{\"\xff\":1,\"b\":2}", want: []string{"!invalid|1|false", "b|2|false"}},
		{name: "large name", text: `{"01234567890123456789":1}`, code: body.TooLarge, message: "name is too long", offset: 1},
		{name: "no name", text: `{1:1}`, code: body.NotJSON, message: "'1' where a name should begin", offset: 1},
		{name: "no colon", text: `{"a",`, code: body.NotJSON, message: "',' where a colon should be", offset: 4},
		{name: "no comma", text: `[1 2]`, want: []string{"|1|false"}, code: body.NotJSON, message: "where a comma should be", offset: 3},
		{name: "last comma", text: `[1,]`, want: []string{"|1|false"}, code: body.NotJSON, message: "behind a comma", offset: 3},
		{name: "cut off behind the bracket", text: `[`, code: body.Truncated, message: "record 3", offset: 1},
		{name: "cut off behind a comma", text: `[1,`, want: []string{"|1|false"}, code: body.Truncated, offset: 3},
		{name: "cut off behind a name", text: `{"a"`, code: body.Truncated, offset: 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			each(t, tt.text, func(t *testing.T, r io.Reader) {
				w := open(t, r, 20)
				bracket, _, err := w.Peek()
				if err != nil {
					t.Fatal(err)
				}
				w.Advance(1)
				found, err := members(w, bracket+2) // in ASCII the closing one stands two behind
				if fmt.Sprint(found) != fmt.Sprint(tt.want) {
					t.Errorf("%q, want %q", found, tt.want)
				}
				if tt.code != "" {
					fails(t, err, body.NewError(tt.code, tt.offset, 3, tt.message))
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

var errLost = errors.New("connection lost")

// idle never returns anything, not even an error.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// A reader that fails has cut the body off; an end of the file that comes as a
// failure must not pass for a clean one.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		r    io.Reader
		want error // wrapped
	}{
		{"error", iotest.ErrReader(errLost), errLost},
		{"wrapped end", iotest.ErrReader(fmt.Errorf("read: %w", io.EOF)), nil},
		{"unexpected end", iotest.ErrReader(io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
		{"nothing", idle{}, io.ErrNoProgress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Repeat("1234567890", 2000) // more than is looked at by Open
			w := open(t, io.MultiReader(strings.NewReader(text), tt.r), 10)
			if err := w.Ended(); err != nil {
				t.Fatalf("before the end: %v", err)
			}
			for w.Fill() {
			}
			for _, err := range []*body.Error{w.Ended(), w.Cut(body.Place{What: "record"})} {
				fails(t, err, body.NewError(body.Truncated, int64(len(text)), 0, "could not be read to its end"))
				if errors.Is(err, io.EOF) || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("wraps %v", err.Unwrap())
				}
			}
		})
	}
	_, err := body.Open(iotest.ErrReader(errLost), "", 10)
	fails(t, err, body.NewError(body.Truncated, 0, 0, "could not be read to its end"))
}

// The slices handed out stay as they are until more is read.
func TestBytesStayValid(t *testing.T) {
	t.Parallel()
	w := open(t, strings.NewReader("[1][2]"), 10)
	first, _, err := w.Value(record)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := w.Value(record)
	if err != nil || !bytes.Equal(first, []byte("[1]")) || !bytes.Equal(second, []byte("[2]")) {
		t.Errorf("%q, %q, %v", first, second, err)
	}
}
