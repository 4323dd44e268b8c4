package body_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"dochook/server/ingest/body"
)

// values are texts with the number of bytes that are their first value, or of
// those in front of the fault.
var values = []struct {
	name, text string
	n          int
	fault      string // a part of the message, where there is one
	open       bool   // the value could go on
	inString   bool
}{
	{name: "object", text: `{"a":[1,{"b":null}],"c":"d"} x`, n: 28},
	{name: "blanks", text: " \t\r\n{ \"a\" : [ ] , \"b\" : { } }\n", n: 29},
	{name: "string", text: `"a\"\\\u00e9é😀",`, n: 19},
	{name: "literals", text: `[true,false,null]]`, n: 17},
	{name: "number in front of a comma", text: `-12.50e+3,`, n: 9},
	{name: "number in front of the end", text: `0`, n: 1},
	{name: "numbers", text: `[0,-0,1.0,10e5,1E-7]`, n: 20},
	{name: "control characters, invalid UTF-8, lone surrogates", text: "\"\x00\n\xff\\ud800\"", n: 11},
	{name: "names twice", text: `{"a":1,"a":2}`, n: 13},
	{name: "nothing", text: "", open: true},
	{name: "open object", text: `{"a":1`, n: 6, open: true},
	{name: "open number", text: `-`, n: 1, open: true},
	{name: "open fraction", text: `1.`, n: 2, open: true},
	{name: "open exponent", text: `1e+`, n: 3, open: true},
	{name: "open literal", text: `tru`, n: 3, open: true},
	{name: "open string", text: `"ab`, n: 3, open: true, inString: true},
	{name: "open escape", text: `"a\`, n: 3, open: true, inString: true},
	{name: "open hex", text: `"\u00e`, n: 6, open: true, inString: true},
	{name: "NaN", text: `[NaN]`, n: 1, fault: "NaN and Infinity are not JSON"},
	{name: "leading zero", text: `[01]`, n: 2, fault: "'1' in a number"},
	{name: "bare minus", text: `-a`, n: 1, fault: "'a' in a number"},
	{name: "literal", text: `nul1`, n: 3, fault: "in true, false or null"},
	{name: "escape", text: `"\x"`, n: 2, fault: "in an escape"},
	{name: "hex", text: `"\u00g0"`, n: 5, fault: "'g' in an escape"},
	{name: "comma", text: `[1 2]`, n: 3, fault: "behind a value"},
	{name: "bracket", text: `[{"a":1]`, n: 7, fault: "']' behind a value"},
	{name: "last comma in an array", text: `[1,]`, n: 3, fault: "where a value should begin"},
	{name: "last comma in an object", text: `{"a":1,}`, n: 7, fault: "where a name should begin"},
	{name: "colon", text: `{"a" 1}`, n: 5, fault: "where a colon should be"},
	{name: "not UTF-8", text: "[\xff]", n: 1, fault: "0xff where"},
	{name: "not printable", text: "[\x01]", n: 1, fault: "U+0001 where"},
}

// scanned is what a scanner says of a text given to it in pieces.
type scanned struct {
	n                          int
	complete, failed, inString bool
}

func scan(s *body.Scanner, text []byte, piece int) scanned {
	s.Reset()
	n := 0
	for n < len(text) && !s.Complete() && !s.Failed() {
		n += s.Scan(text[n:min(len(text), n+piece)])
	}
	return scanned{n, s.Complete(), s.Failed(), s.InString()}
}

func TestScanner(t *testing.T) {
	t.Parallel()
	for _, tt := range values {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s body.Scanner
			for _, piece := range []int{len(tt.text) + 1, 1, 3} {
				got := scan(&s, []byte(tt.text), piece)
				if got.n != tt.n || got.failed != (tt.fault != "") {
					t.Fatalf("in pieces of %d: %+v; want %d bytes", piece, got, tt.n)
				}
				if got.failed {
					e := s.Fault([]byte(tt.text)[got.n:], 40+int64(got.n), body.Place{What: "line", N: 7})
					if e.Code() != body.NotJSON || e.Line != 7 || e.Offset != int64(40+tt.n) || !strings.Contains(e.Message, tt.fault) || !strings.HasPrefix(e.Message, "line 7: ") {
						t.Errorf("%s of line %d: %v; want %q", e.Code(), e.Line, e, tt.fault)
					}
				}
				if got.inString != tt.inString {
					t.Errorf("in a string: %t", got.inString)
				}
				if whole := !tt.open && tt.fault == ""; s.EOF() != whole {
					t.Errorf("in pieces of %d: complete is %t", piece, !whole)
				}
			}
		})
	}
}

// What ends a string, or is special in it, is found at each place of the words
// that are looked at as one, whatever stands beside it.
func TestScannerStrings(t *testing.T) {
	t.Parallel()
	var s body.Scanner
	for _, beside := range []string{"a", "\xa2", "\xdc", "\x80", "!", "#", "]", "[", "\x7f", "\xff", " "} {
		for n := range 40 {
			for _, end := range []string{`"`, `\n"`, `\\"`, "\x1f\""} {
				text := `"` + strings.Repeat(beside, n) + end
				if got := scan(&s, []byte(text+strings.Repeat(beside, 20)), 100); got.n != len(text) || !got.complete {
					t.Fatalf("%q: %+v, want %d", text, got, len(text))
				}
			}
		}
	}
}

// A scanner that was left in the middle of deep nesting forgets it.
func TestScannerReset(t *testing.T) {
	t.Parallel()
	var s body.Scanner
	s.Scan([]byte(strings.Repeat(`{"a":`, 200)))
	text := strings.Repeat(`[`, 100) + strings.Repeat(`{"a":[`, 100) + strings.Repeat(`]}`, 100) + strings.Repeat(`]`, 100)
	if got := scan(&s, []byte(text), 7); got.n != len(text) || !got.complete {
		t.Errorf("%+v, want %d", got, len(text))
	}
}

func TestScannerDepth(t *testing.T) {
	t.Parallel()
	var s body.Scanner
	open := bytes.Repeat([]byte("["), 1<<20)
	for range 16 {
		if s.Scan(open); s.Failed() {
			t.Fatal("16 Mi levels are too many")
		}
	}
	if n := s.Scan(open); n != 0 || !s.Failed() {
		t.Fatalf("%d levels more", n)
	}
	if e := s.Fault(open, 0, body.Place{What: "record"}); e.Code() != body.TooLarge || !strings.Contains(e.Message, "nested deeper") {
		t.Errorf("%s: %v", e.Code(), e)
	}
}

// FuzzScanner compares with encoding/json, but for what the scanner leaves to
// others; and pieces must not matter.
func FuzzScanner(f *testing.F) {
	for _, tt := range values {
		f.Add([]byte(tt.text), uint8(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) {
		var s body.Scanner
		whole := scan(&s, text, len(text)+1)
		complete := s.EOF()
		pieces := scan(&s, text, 1+int(piece))
		if whole != pieces || complete != s.EOF() {
			t.Errorf("whole %+v, in pieces %+v", whole, pieces)
		}
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 9000 {
			return // the other one gives up at 10,000 levels
		}
		value := text[:whole.n]
		switch control := func(r rune) bool { return r < ' ' }; {
		case json.Valid(text):
			if rest := text[whole.n:]; !complete || body.Blanks(rest) != len(rest) {
				t.Errorf("%q is valid: %+v", text, whole)
			}
		case complete && bytes.IndexFunc(value, control) < 0:
			if !json.Valid(value) {
				t.Errorf("%q is not valid", value)
			}
		case !complete && !whole.failed && json.Valid(value):
			t.Errorf("%q is valid, but not complete", value)
		}
	})
}
