package path

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

const (
	maxPath  = 4 << 10 // bytes of a path
	maxDepth = 16      // nested queries, multipaths and @dig arguments
)

// Path selects one value of a JSON text. It is immutable and safe for concurrent use. The zero Path selects the whole
// text.
type Path struct {
	expr    string
	steps   []step // the leading plain keys, walked without gjson
	rest    string // what follows them, for gjson; may be empty
	effects []effect
	literal []byte // the value of a path that is a literal
}

// step is one plain key: a member of an object or an index of an array.
type step struct {
	key   string
	index int // -1 when key is no index
}

// Parse reads a path in gjson's syntax (https://github.com/tidwall/gjson/blob/master/SYNTAX.md) and refuses, with
// the position, what gjson would silently answer with nothing or with something else: an empty component, unbalanced
// brackets or quotes, an unknown modifier, operator or escape, control characters, more than 4 KiB, more than 16 levels.
// A key that begins with @, # or ! or holds a quote, a square bracket or a brace has them escaped with a backslash. Only
// gjson's own modifiers are known; a literal stands alone or as a value of a multipath.
func Parse(expr string) (Path, error) {
	if len(expr) > maxPath {
		return Path{}, parseError(maxPath, "a path is at most "+strconv.Itoa(maxPath)+" bytes long")
	}
	if !utf8.ValidString(expr) {
		return Path{}, parseError(0, "a path is UTF-8 text")
	}
	if i := strings.IndexFunc(expr, isControl); i >= 0 {
		return Path{}, parseError(i, "control character in a path")
	}
	p := pathParser{plain: true}
	if err := p.path(span{expr, 0}, 0, top); err != nil {
		return Path{}, err
	}
	parsed := Path{expr: expr, steps: p.steps, effects: p.effects, literal: p.literal}
	if p.multi {
		// First, where it counts most: what follows grows with it.
		parsed.effects = append([]effect{{multiplies, p.factor}}, p.effects...)
	}
	if !p.plain {
		parsed.rest = expr[p.restAt:]
	}
	return parsed, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// String returns the path as it was written.
func (p Path) String() string {
	if p.expr == "" {
		return "@this"
	}
	return p.expr
}

// Lookup returns the value the path selects in json, which must be one valid JSON value. The answer is the exact text of
// the value wherever the path selects an existing one, and may share memory with json. ok is false when there is no such
// value, and when the path would make too much of this text; [Found.Value] tells the two apart.
func (p Path) Lookup(json []byte) (raw []byte, ok bool) {
	raw, err := p.find(json)
	return raw, err == nil && raw != nil
}

// find is Lookup with the reason: raw is nil when the value is missing.
func (p *Path) find(json []byte) ([]byte, *Error) {
	raw := trimSpace(json)
	for _, s := range p.steps {
		raw = below(raw, s)
	}
	if len(p.steps) > 0 {
		raw = raw[:valueEnd(raw, 0)]
	}
	return p.finish(raw)
}

// finish goes on where the steps have led to raw; nil is nowhere.
func (p *Path) finish(raw []byte) ([]byte, *Error) {
	switch {
	case p.literal != nil:
		return p.literal, nil
	case len(raw) == 0:
		return nil, nil
	case p.rest == "":
		return raw, nil
	}
	return p.evaluate(raw)
}

// evaluate answers the part of the path that only gjson understands.
func (p *Path) evaluate(raw []byte) ([]byte, *Error) {
	if raw[0] != '{' && raw[0] != '[' && !strings.ContainsRune("@{[", rune(p.rest[0])) {
		return nil, nil // gjson would search the inside of a string for braces
	}
	if err := checkGrowth(p.effects, raw, len(p.rest)); err != nil {
		return nil, err
	}
	found := get(raw, p.rest)
	// Modifiers and multipaths build text, and not always JSON (@valid of nothing, @fromstr of a plain word).
	if len(found) == 0 || !jsontext.Value(found).IsValid(jsontext.AllowDuplicateNames(true)) {
		return nil, nil
	}
	return trimSpace(found), nil
}

// get asks gjson. A panic in it means that the path selects nothing.
func get(json []byte, expr string) (raw []byte) {
	defer func() {
		if recover() != nil {
			raw = nil
		}
	}()
	return []byte(gjson.GetBytes(json, expr).Raw)
}
