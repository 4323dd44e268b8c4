package mapping

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"dochook/mapping/path"
)

const (
	maxRows   = 1000    // rows of a mapping
	maxKey    = 4 << 10 // bytes of a key
	maxLevels = 32      // levels of a key
)

// Row puts the value at the path Fieldname under Key, as a row of Frappe's Webhook Data table does.
type Row struct {
	Fieldname string `json:"fieldname"`
	Key       string `json:"key"`
}

// Mapping makes one JSON body of one JSON document. It is immutable and safe for concurrent use.
type Mapping struct {
	paths  path.Set // one per row
	pieces []piece
	tail   []byte
}

// piece is fixed text and the row whose value follows it.
type piece struct {
	text []byte
	row  int
}

// node is a level of the body while its text is laid out.
type node struct {
	name string
	row  int // of a leaf
	kids []*node
}

// Compile checks rows and lays out the body they make. A key is split at its dots, each part naming a member one level
// deeper; \. is a dot and \\ a backslash in a name. A single row with an empty key makes its value the whole body. No
// rows make a mapping that appends nothing. Errors carry the field ("webhook_data[0].key") and the position in it; refused
// are bad paths (see [path.Parse]), the same key twice, a key below another one's value, empty names, control characters,
// other escapes, more than 1,000 rows and more than 32 levels.
func Compile(rows []Row) (*Mapping, error) {
	if len(rows) > maxRows {
		return nil, mappingError(fieldOf(maxRows, "key"), -1, fmt.Sprintf("a mapping has at most %d rows", maxRows))
	}
	m := &Mapping{}
	root := &node{row: -1}
	for i, row := range rows {
		p, err := path.Parse(row.Fieldname)
		if err != nil {
			return nil, pathError(err).in(fieldOf(i, "fieldname"))
		}
		m.paths.Add(p)
		if row.Key == "" {
			if len(rows) > 1 {
				return nil, mappingError(fieldOf(i, "key"), -1, "only a single row may have an empty key")
			}
			root.row = 0
			continue
		}
		if err := root.add(row.Key, i); err != nil {
			return nil, err.in(fieldOf(i, "key"))
		}
	}
	if len(rows) > 0 {
		m.layOut(root)
	}
	return m, nil
}

func fieldOf(row int, column string) string { return fmt.Sprintf("webhook_data[%d].%s", row, column) }

func mappingError(field string, pos int, message string) *Error {
	return &Error{Kind: CodeInvalidMapping, Field: field, Pos: pos, Message: message}
}

// add puts the row under its key.
func (n *node) add(key string, row int) *Error {
	names, ends, err := splitKey(key)
	if err != nil {
		return err
	}
	for i, name := range names {
		last := i == len(names)-1
		var kid *node
		for _, k := range n.kids {
			if k.name == name {
				kid = k
			}
		}
		switch {
		case kid == nil:
			kid = &node{name: name, row: -1}
			n.kids = append(n.kids, kid)
		case last && kid.row < 0:
			return mappingError("", 0, "another row puts values below this key")
		case last:
			return mappingError("", 0, "another row has the same key")
		case kid.row >= 0:
			return mappingError("", ends[i], "another row makes "+quote(key[:ends[i]])+" a value, nothing can stand below it")
		}
		n = kid
	}
	n.row = row
	return nil
}

// splitKey returns the names of a key and where each of them ends.
func splitKey(key string) (names []string, ends []int, err *Error) {
	if !utf8.ValidString(key) {
		return nil, nil, mappingError("", 0, "a key is UTF-8 text")
	}
	if i := strings.IndexFunc(key, isControl); i >= 0 {
		return nil, nil, mappingError("", i, "control character in a key")
	}
	if len(key) > maxKey {
		return nil, nil, mappingError("", maxKey, fmt.Sprintf("a key is at most %d bytes long", maxKey))
	}
	var name []byte
	for i := 0; i <= len(key); i++ {
		switch {
		case i == len(key) || key[i] == '.':
			if len(name) == 0 {
				return nil, nil, mappingError("", i, `a dot needs a name on both sides; \. is a dot in a name`)
			}
			names, ends, name = append(names, string(name)), append(ends, i), name[:0]
			if len(names) > maxLevels {
				return nil, nil, mappingError("", i, fmt.Sprintf("a key has at most %d levels", maxLevels))
			}
		case key[i] == '\\':
			i++
			if i == len(key) || (key[i] != '.' && key[i] != '\\') {
				return nil, nil, mappingError("", i-1, `a backslash stands only before a dot or a backslash`)
			}
			name = append(name, key[i])
		default:
			name = append(name, key[i])
		}
	}
	return names, ends, nil
}

// layOut turns the tree into pieces: text, value, text, value, … and the tail.
func (m *Mapping) layOut(root *node) {
	var text []byte
	var visit func(n *node)
	visit = func(n *node) {
		if n.row >= 0 {
			m.pieces = append(m.pieces, piece{text, n.row})
			text = nil
			return
		}
		text = append(text, '{')
		for i, kid := range n.kids {
			if i > 0 {
				text = append(text, ',')
			}
			text, _ = jsontext.AppendQuote(text, kid.name) // fails only for what is not UTF-8
			text = append(text, ':')
			visit(kid)
		}
		text = append(text, '}')
	}
	visit(root)
	m.tail = text
}

// Append appends the body of doc, one valid JSON value, to dst: compact JSON, the keys in the order of the rows, every
// value spelled as in doc, null where a path selects nothing. The errors are [CodeTooLarge]; dst is then returned as it
// came.
func (m *Mapping) Append(dst, doc []byte) ([]byte, error) {
	var room [32][]byte
	return m.fill(dst, m.paths.Find(doc, room[:]))
}

// Apart makes the body of a [Mapping] of a document that comes in two texts: a head, and the rest of its members.
type Apart struct {
	mapping *Mapping
	paths   *path.Apart
}

// Apart returns the mapping for documents that come in two texts; head reports whether a member stands in the first of them. It is nil
// where a path wants something of the document as a whole.
func (m *Mapping) Apart(head func(key string) bool) *Apart {
	paths := m.paths.Apart(head)
	if paths == nil {
		return nil
	}
	return &Apart{m, paths}
}

// Heads are the members of the head that the body is made of; others may be left out of it.
func (a *Apart) Heads() []string { return a.paths.Heads() }

// Append is [Mapping.Append] of the object that the members of head and rest would be together, none of them in both.
func (a *Apart) Append(dst, head, rest []byte) ([]byte, error) {
	var room [32][]byte
	return a.mapping.fill(dst, a.paths.Find(head, rest, room[:]))
}

// fill appends the pieces and what was found for them.
func (m *Mapping) fill(dst []byte, found path.Found) ([]byte, error) {
	start := len(dst)
	for _, piece := range m.pieces {
		dst = append(dst, piece.text...)
		raw, err := found.Value(piece.row)
		if err != nil {
			return dst[:start], pathError(err).in(fieldOf(piece.row, "fieldname"))
		}
		if raw == nil {
			dst = append(dst, "null"...)
		} else {
			dst = path.AppendCompact(dst, raw)
		}
		if len(dst)-start > MaxBytes {
			return dst[:start], tooLarge(MaxBytes)
		}
	}
	dst = append(dst, m.tail...)
	if len(dst)-start > MaxBytes {
		return dst[:start], tooLarge(MaxBytes)
	}
	return dst, nil
}
