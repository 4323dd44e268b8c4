package doctype

import (
	"bytes"
	"iter"
	"math/big"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The functions of this file read JSON text (RFC 8259) that CheckRecord has accepted. On other input they stop
// early and never panic.

// skipBlanks returns the first index at or after i that is not JSON whitespace.
func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the index after the string that starts at i, or len(b) when it does not end.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		end := i + n
		back := end
		for back > i && b[back-1] == '\\' {
			back--
		}
		i = end + 1
		if (end-back)%2 == 0 {
			return i
		}
	}
	return len(b)
}

// skipValue returns the index after the value that starts at i.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				i = skipString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(b)
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t', ':':
			return i
		}
		i++
	}
	return i
}

// elements walks the content of one array or object.
type elements struct {
	b []byte
	i int
}

// elementsOf returns a walk of the inside of the array or object that v is; with anything else it has no elements.
func elementsOf(v []byte, bracket byte) elements {
	i := skipBlanks(v, 0)
	if i >= len(v) || v[i] != bracket {
		return elements{b: v, i: len(v)}
	}
	return elements{b: v, i: i + 1}
}

// value returns the next value, nil at the end.
func (c *elements) value() []byte {
	i := skipBlanks(c.b, c.i)
	if i < len(c.b) && c.b[i] == ',' {
		i = skipBlanks(c.b, i+1)
	}
	if i >= len(c.b) || c.b[i] == ']' || c.b[i] == '}' {
		c.i = len(c.b)
		return nil
	}
	end := skipValue(c.b, i)
	if end == i { // not JSON: do not stand still
		c.i = len(c.b)
		return nil
	}
	c.i = end
	return c.b[i:end]
}

// member returns the next name (quoted, as it stands) and value, nil at the end.
func (c *elements) member() (name, value []byte) {
	name = c.value()
	if name == nil {
		return nil, nil
	}
	i := skipBlanks(c.b, c.i)
	if i >= len(c.b) || c.b[i] != ':' {
		c.i = len(c.b)
		return nil, nil
	}
	i = skipBlanks(c.b, i+1)
	end := skipValue(c.b, i)
	c.i = end
	return name, c.b[i:end]
}

// unquote returns the text of a quoted JSON string; anything else comes back as it is.
func unquote(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return string(quoted)
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return string(quoted[1 : len(quoted)-1])
	}
	return string(text)
}

// appendQuote appends text as a JSON string, with no escape that JSON does not demand.
func appendQuote(dst []byte, text string) []byte {
	out, _ := jsontext.AppendQuote(dst, text) // on invalid UTF-8 it is complete too, with U+FFFD in its place
	return out
}

// sameName reports whether two quoted names spell the same text.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	return unquote(a) == unquote(b)
}

// Members calls yield for each top-level member of a record in order, with the name unescaped and the value's
// exact text, until yield returns false. The value is a part of record.
func Members(record []byte, yield func(name string, raw []byte) bool) { members(record)(yield) }

// members is Members for a range loop.
func members(record []byte) iter.Seq2[string, []byte] {
	return func(yield func(name string, raw []byte) bool) {
		c := elementsOf(record, '{')
		for {
			name, value := c.member()
			if name == nil || !yield(unquote(name), value) {
				return
			}
		}
	}
}

// Member returns the exact text of one top-level member, or nil when the record has none of that name.
func Member(record []byte, name string) []byte {
	c := elementsOf(record, '{')
	for {
		quoted, value := c.member()
		if quoted == nil {
			return nil
		}
		if nameIs(quoted, name) {
			return value
		}
	}
}

// nameIs reports whether a quoted name spells text, without allocating.
func nameIs(quoted []byte, text string) bool {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquote(quoted) == text
	}
	return len(quoted) == len(text)+2 && string(quoted[1:len(quoted)-1]) == text
}

// Equal reports whether two JSON texts hold the same value: numbers by numeric value at any size (1e2, 100 and
// 100.0; 0 and -0), strings by their text, objects in any order of members, arrays in order. null is a value
// of its own; an absent side (no bytes) equals only an absent side.
func Equal(a, b []byte) bool { return equalValues(bytes.TrimSpace(a), bytes.TrimSpace(b)) }

// equalValues is Equal for texts without blanks around them.
func equalValues(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	switch {
	case a[0] == '"' && b[0] == '"':
		return sameName(a, b)
	case a[0] == '[' && b[0] == '[':
		return equalArrays(a, b)
	case a[0] == '{' && b[0] == '{':
		return equalObjects(a, b)
	case isNumber(a) && isNumber(b):
		return parseNumber(a).equal(parseNumber(b))
	}
	return false
}

func equalArrays(a, b []byte) bool {
	ca, cb := elementsOf(a, '['), elementsOf(b, '[')
	for {
		va, vb := ca.value(), cb.value()
		if va == nil || vb == nil {
			return va == nil && vb == nil
		}
		if !equalValues(va, vb) {
			return false
		}
	}
}

// equalObjects first walks both sides in step, as two scrapes of one source nearly always agree in order.
func equalObjects(a, b []byte) bool {
	ca, cb := elementsOf(a, '{'), elementsOf(b, '{')
	for {
		restA, restB := ca, cb
		na, va := ca.member()
		nb, vb := cb.member()
		if na == nil || nb == nil {
			return na == nil && nb == nil
		}
		if !sameName(na, nb) {
			return equalUnordered(restA, restB)
		}
		if !equalValues(va, vb) {
			return false
		}
	}
}

func equalUnordered(ca, cb elements) bool {
	other := make(map[string][]byte)
	for name, value := cb.member(); name != nil; name, value = cb.member() {
		other[unquote(name)] = value
	}
	for name, value := ca.member(); name != nil; name, value = ca.member() {
		key := unquote(name)
		match, ok := other[key]
		if !ok || !equalValues(value, match) {
			return false
		}
		delete(other, key)
	}
	return len(other) == 0
}

// isNumber reports whether a JSON value is a number.
func isNumber(v []byte) bool { return len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') }

// number is a JSON number in one spelling: digits without leading and trailing zeros, times ten to the exp.
// Zero has no digits, no sign and exp 0.
type number struct {
	negative bool
	digits   string
	exp      int64
	big      *big.Int // the exponent when it does not fit; then exp is 0
}

// parseNumber normalises a JSON number by its text alone, so that no exponent costs memory.
func parseNumber(v []byte) number {
	var n number
	text := string(v)
	if strings.HasPrefix(text, "-") {
		n.negative, text = true, text[1:]
	}
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	n.digits = strings.TrimRight(digits, "0")
	if n.digits == "" {
		return number{}
	}
	shift := int64(len(digits)-len(n.digits)) - int64(len(fraction))
	sign := int64(1)
	if strings.HasPrefix(exponent, "-") {
		sign = -1
	}
	exponent = strings.TrimLeft(exponent, "+-0")
	if len(exponent) > 17 {
		e, ok := new(big.Int).SetString(exponent, 10)
		if !ok {
			return n
		}
		e.Mul(e, big.NewInt(sign))
		n.big = e.Add(e, big.NewInt(shift))
		return n
	}
	var e int64
	for _, c := range exponent {
		e = e*10 + int64(c-'0')
	}
	n.exp = sign*e + shift
	return n
}

func (n number) equal(m number) bool {
	if n.negative != m.negative || n.digits != m.digits || n.exp != m.exp {
		return false
	}
	if n.big == nil || m.big == nil {
		return n.big == nil && m.big == nil
	}
	return n.big.Cmp(m.big) == 0
}

// text spells the number in its one form.
func (n number) text() string {
	var b []byte
	if n.negative {
		b = append(b, '-')
	}
	if n.digits == "" {
		return "0"
	}
	b = append(b, n.digits...)
	switch {
	case n.big != nil:
		b = n.big.Append(append(b, 'e'), 10)
	case n.exp != 0:
		b = big.NewInt(n.exp).Append(append(b, 'e'), 10)
	}
	return string(b)
}

// AppendCanonical appends a form of v that is the same for all values that are Equal to it: no blanks, members
// sorted by name, numbers and strings in one spelling. It serves keys and hashes and is not meant for people.
func AppendCanonical(dst, v []byte) []byte {
	v = bytes.TrimSpace(v)
	switch {
	case len(v) == 0:
		return dst
	case v[0] == '"':
		return appendQuote(dst, unquote(v))
	case isNumber(v):
		return append(dst, parseNumber(v).text()...)
	case v[0] == '[':
		dst = append(dst, '[')
		c, first := elementsOf(v, '['), true
		for e := c.value(); e != nil; e = c.value() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = AppendCanonical(dst, e)
		}
		return append(dst, ']')
	case v[0] == '{':
		return appendCanonicalObject(dst, v)
	}
	return append(dst, v...)
}

func appendCanonicalObject(dst, v []byte) []byte {
	type member struct {
		name  string
		value []byte
	}
	var sorted []member
	for name, value := range members(v) {
		sorted = append(sorted, member{name, value})
	}
	slices.SortStableFunc(sorted, func(a, b member) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, m := range sorted {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuote(dst, m.name)
		dst = append(dst, ':')
		dst = AppendCanonical(dst, m.value)
	}
	return append(dst, '}')
}

// integral reports whether the number has no fraction.
func (n number) integral() bool {
	if n.big != nil {
		return n.big.Sign() >= 0
	}
	return n.exp >= 0
}
