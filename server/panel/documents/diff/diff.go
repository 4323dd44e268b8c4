package diff

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"dochook/doctype/record"
)

// Line is one place that differs. From and To are text for people; the side on
// which there is nothing has Absent or Gone.
type Line struct {
	Path     string
	From, To string
	Absent   bool // there was nothing before
	Gone     bool // there is nothing any more
}

const maxDepth = 8

// Lines lists what differs between two values, at most so many lines; omitted is
// how many more there are. A side of no bytes is absent.
func Lines(path string, from, to []byte, most int) (lines []Line, omitted int) {
	w := walker{most: most}
	w.walk(path, from, to, 0)
	return w.lines, w.omitted
}

type walker struct {
	lines         []Line
	most, omitted int
}

func (w *walker) walk(path string, from, to []byte, depth int) {
	switch {
	case from != nil && to != nil && record.Equal(from, to):
	case depth < maxDepth && is(from, '{') && is(to, '{'):
		for name, was := range record.Members(from) {
			w.walk(join(path, name), was, record.Member(to, name), depth+1)
		}
		for name, now := range record.Members(to) {
			if record.Member(from, name) == nil {
				w.walk(join(path, name), nil, now, depth+1)
			}
		}
	case depth < maxDepth && is(from, '[') && is(to, '['):
		w.arrays(path, elements(from), elements(to), depth)
	default:
		w.add(path, from, to)
	}
}

// arrays leaves out the elements at both ends that are the same.
func (w *walker) arrays(path string, from, to [][]byte, depth int) {
	head := 0
	for head < len(from) && head < len(to) && record.Equal(from[head], to[head]) {
		head++
	}
	tail := 0
	for tail < len(from)-head && tail < len(to)-head && record.Equal(from[len(from)-1-tail], to[len(to)-1-tail]) {
		tail++
	}
	was, now := from[head:len(from)-tail], to[head:len(to)-tail]
	for i := range max(len(was), len(now)) {
		w.walk(path+"["+strconv.Itoa(head+i)+"]", element(was, i), element(now, i), depth+1)
	}
}

func (w *walker) add(path string, from, to []byte) {
	if len(w.lines) >= w.most {
		w.omitted++
		return
	}
	l := Line{Path: path, From: Text(from), To: Text(to), Absent: from == nil, Gone: to == nil}
	if from != nil && to != nil && l.From == l.To { // such as 5 and "5"
		l.From, l.To = compact(from), compact(to)
	}
	l.From, l.To = narrow(l.From, l.To)
	w.lines = append(w.lines, l)
}

func is(v []byte, begin byte) bool { return len(v) > 0 && v[0] == begin }

func elements(array []byte) [][]byte {
	var out [][]byte
	for v := range record.Elements(array) {
		out = append(out, v)
	}
	return out
}

func element(list [][]byte, i int) []byte {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Text is a value for people: a string without its quotes, anything else as JSON
// without blanks. Nothing is "".
func Text(v []byte) string {
	if is(v, '"') {
		return record.Unquote(v)
	}
	return compact(v)
}

func compact(v []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return string(v)
	}
	return b.String()
}

const (
	maxText = 240 // runes of a value shown
	context = 32  // of what is the same, beside what differs
)

// narrow cuts what two long texts have in common at both ends.
func narrow(a, b string) (from, to string) {
	if utf8.RuneCountInString(a) <= maxText/2 && utf8.RuneCountInString(b) <= maxText/2 {
		return a, b
	}
	x, y := []rune(a), []rune(b)
	head, tail := 0, 0
	for head < len(x) && head < len(y) && x[head] == y[head] {
		head++
	}
	for tail < len(x)-head && tail < len(y)-head && x[len(x)-1-tail] == y[len(y)-1-tail] {
		tail++
	}
	head, tail = max(head-context, 0), max(tail-context, 0)
	return cut(x, head, tail), cut(y, head, tail)
}

func cut(text []rune, head, tail int) string {
	middle := text[head : len(text)-tail]
	var b strings.Builder
	if head > 0 {
		b.WriteRune('…')
	}
	if len(middle) > maxText {
		b.WriteString(string(middle[:maxText]))
		b.WriteRune('…')
		return b.String()
	}
	b.WriteString(string(middle))
	if tail > 0 {
		b.WriteRune('…')
	}
	return b.String()
}

// Shorten cuts a text to n runes.
func Shorten(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}
