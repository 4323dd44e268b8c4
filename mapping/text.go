package mapping

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping/path"
)

// The functions of this file append one JSON value, as package path found it, the way its place in the result asks.

// jsonSpace are the bytes JSON allows between tokens.
const jsonSpace = " \t\r\n"

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// appendText appends the value raw as text: a string without its quotes and escapes, null as nothing, every other value
// as its compact JSON text.
func appendText(dst, raw []byte) []byte {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return dst
	case raw[0] != '"' || len(raw) < 2:
		return path.AppendCompact(dst, raw)
	case bytes.IndexByte(raw, '\\') < 0:
		return append(dst, raw[1:len(raw)-1]...)
	}
	// A lone surrogate becomes U+FFFD; that is the only thing the error could tell.
	dst, _ = jsontext.AppendUnquote(dst, raw)
	return dst
}

// appendTextInString is appendText for a place inside a JSON string: what it appends is escaped for it.
func appendTextInString(dst, raw []byte) []byte {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return dst
	case raw[0] == '"' && len(raw) > 1:
		return append(dst, raw[1:len(raw)-1]...)
	}
	start := len(dst)
	dst = path.AppendCompact(dst, raw)
	extra := bytes.Count(dst[start:], []byte{'"'}) + bytes.Count(dst[start:], []byte{'\\'})
	if extra == 0 {
		return dst
	}
	// Spread the escapes from the back, in place.
	from := len(dst) - 1
	dst = lengthen(dst, extra)
	for to := len(dst) - 1; from >= start; from-- {
		dst[to] = dst[from]
		to--
		if c := dst[from]; c == '"' || c == '\\' {
			dst[to] = '\\'
			to--
		}
	}
	return dst
}

// unreserved are the bytes RFC 3986 section 2.3 leaves unescaped everywhere.
var unreserved = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
		t[c] = true
	}
	return t
}()

// appendPercent is appendText with every byte that is not unreserved written as %XX, but a blank as + where plus is set.
func appendPercent(dst, raw []byte, plus bool) []byte {
	const hex = "0123456789ABCDEF"
	start := len(dst)
	dst = appendText(dst, raw)
	extra := 0
	for _, c := range dst[start:] {
		if !unreserved[c] && (c != ' ' || !plus) {
			extra += 2
		}
	}
	from := len(dst) - 1
	dst = lengthen(dst, extra)
	for to := len(dst) - 1; from >= start; from-- {
		switch c := dst[from]; {
		case unreserved[c]:
			dst[to] = c
		case c == ' ' && plus:
			dst[to] = '+'
		default:
			dst[to-2], dst[to-1], dst[to] = '%', hex[c>>4], hex[c&15]
			to -= 2
		}
		to--
	}
	return dst
}

// lengthen appends n bytes of no meaning.
func lengthen(dst []byte, n int) []byte {
	return slices.Grow(dst, n)[:len(dst)+n]
}
