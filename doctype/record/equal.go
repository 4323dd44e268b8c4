package record

import (
	"bytes"
	"slices"
	"strings"
)

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
	case IsNumber(a) && IsNumber(b):
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
		other[Unquote(name)] = value
	}
	for name, value := ca.member(); name != nil; name, value = ca.member() {
		key := Unquote(name)
		match, ok := other[key]
		if !ok || !equalValues(value, match) {
			return false
		}
		delete(other, key)
	}
	return len(other) == 0
}

// AppendCanonical appends a form of v that is the same for all values that are Equal to it: no blanks, members
// sorted by name, numbers and strings in one spelling. It serves keys and hashes and is not meant for people.
func AppendCanonical(dst, v []byte) []byte {
	v = bytes.TrimSpace(v)
	switch {
	case len(v) == 0:
		return dst
	case v[0] == '"':
		return AppendQuote(dst, Unquote(v))
	case IsNumber(v):
		return append(dst, parseNumber(v).text()...)
	case v[0] == '[':
		dst = append(dst, '[')
		first := true
		for e := range Elements(v) {
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
	for name, value := range Members(v) {
		sorted = append(sorted, member{name, value})
	}
	slices.SortStableFunc(sorted, func(a, b member) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, m := range sorted {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendQuote(dst, m.name)
		dst = append(dst, ':')
		dst = AppendCanonical(dst, m.value)
	}
	return append(dst, '}')
}
