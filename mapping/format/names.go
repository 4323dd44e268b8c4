package format

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// trim cuts the white space JSON allows around a value.
func trim(raw []byte) []byte { return bytes.Trim(raw, " \t\r\n") }

// appendQuote appends text as a JSON string. What is not UTF-8 becomes U+FFFD, which is all the error could tell.
func appendQuote(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// sizeOf is how many bytes the records take with commas between them.
func sizeOf(records [][]byte) int {
	n := 0
	for _, record := range records {
		n += len(record) + 1
	}
	return n
}

// names reads quoted names; it holds the room for those with escapes.
type names struct{ room []byte }

// plain is what a quoted name means. The result is good until the next call.
func (n *names) plain(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	// A lone surrogate becomes U+FFFD; that is the only thing the error could tell.
	n.room, _ = jsontext.AppendUnquote(n.room[:0], quoted)
	return n.room
}

// fewNames is how many names are faster to compare one by one than to look up.
const fewNames = 8

// nameSet is a set of names. The zero value is empty.
type nameSet struct {
	few  []string
	many map[string]bool // all of them, once there are more than fewNames
}

func (s *nameSet) reset() {
	s.few = s.few[:0]
	clear(s.many)
}

func (s *nameSet) add(name string) {
	switch {
	case len(s.many) > 0:
		s.many[name] = true
	case len(s.few) < fewNames:
		s.few = append(s.few, name)
	default:
		if s.many == nil {
			s.many = make(map[string]bool, 4*fewNames)
		}
		for _, few := range s.few {
			s.many[few] = true
		}
		s.many[name] = true
	}
}

func (s *nameSet) has(name []byte) bool {
	if len(s.many) > 0 {
		return s.many[string(name)]
	}
	return slices.Contains(s.few, string(name))
}
