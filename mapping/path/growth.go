package path

import "bytes"

// workBytes bounds the text gjson may build on the way to one value. gjson has no limit of its own: twenty times
// |@tostr turn a kilobyte into a gigabyte, and @dig over a deep text takes hours.
const workBytes = 128 << 20

// deepest is the depth of nesting the recursive modifiers may meet; jsontext refuses deeper documents anyway, but
// @fromstr opens texts nobody has checked.
const deepest = 10_000

// effectKind says how a part of a path can enlarge what it is applied to.
type effectKind int

const (
	keeps      effectKind = iota // no larger
	names                        // @keys, which makes a null of a digit
	indents                      // @pretty
	digs                         // @dig
	groups                       // @group
	quotes                       // @tostr
	unquotes                     // @fromstr
	multiplies                   // the multipaths
)

type effect struct {
	kind effectKind
	n    float64 // bytes of a modifier's argument; how often the multipaths repeat their input
}

// modifiers are gjson's own.
var modifiers = map[string]effectKind{
	"reverse": keeps, "ugly": keeps, "this": keeps, "valid": keeps, "flatten": keeps, "join": keeps, "keys": names,
	"values": keeps, "pretty": indents, "tostr": quotes, "fromstr": unquotes, "group": groups, "dig": digs,
}

// shape is what bounds the result of the modifiers. The numbers are upper bounds, as floats because they only grow and
// may grow beyond any integer.
type shape struct {
	size    float64
	depth   float64
	items   float64 // elements and members anywhere, strings searched too
	longest float64 // string
	opens   float64 // brackets in all
	hidden  float64 // brackets in one string
	escapes float64 // \u in all, behind which the inside of an inside may hide brackets
}

// shapeOf measures a JSON text in one pass.
func shapeOf(raw []byte) shape {
	s := shape{size: float64(len(raw)), items: float64(bytes.Count(raw, []byte{','}))}
	depth := 0
	for i := 0; i < len(raw); {
		switch marks[raw[i]] {
		case 1:
			end := stringEnd(raw, i+1)
			text := raw[i:end]
			hidden := bytes.Count(text, []byte{'['}) + bytes.Count(text, []byte{'{'})
			if escapes := bytes.Count(text, []byte(`\u`)); escapes > 0 {
				s.escapes += float64(escapes)
				for _, bracket := range []string{"u005b", "u005B", "u007b", "u007B"} {
					hidden += bytes.Count(text, []byte(bracket))
				}
			}
			s.hidden = max(s.hidden, float64(hidden))
			s.opens += float64(hidden)
			s.longest = max(s.longest, float64(len(text)))
			i = end
			continue
		case 2:
			depth++
			s.opens++
			s.depth = max(s.depth, float64(depth))
		case 3:
			depth--
		}
		i++
	}
	s.items += s.opens + 1
	return s
}

// checkGrowth refuses to let gjson evaluate a path of pathLen bytes that could make more than workBytes of raw. Every
// part counts as if it were applied to the result of all parts before it, which is never less than the truth, give or
// take the few escapes of a name.
func checkGrowth(effects []effect, raw []byte, pathLen int) *Error {
	if len(effects) == 0 {
		return nil
	}
	s := shapeOf(raw)
	for _, e := range effects {
		s = s.after(e, float64(pathLen))
		if s.size > workBytes || s.depth > deepest {
			return &Error{
				Kind: CodeTooLarge, Pos: -1,
				Message: "the modifiers and multipaths of the path could make too much of this document",
			}
		}
	}
	return nil
}

func (s shape) after(e effect, pathLen float64) shape {
	switch e.kind {
	case keeps:
	case names:
		s.size *= 3
	case indents:
		s.size = 2*s.size + 4*s.items*(1+max(e.n, 2)*(s.depth+1))
	case digs:
		s.size *= s.depth + 2
		s.items *= s.depth + 2
		s.opens *= s.depth + 2
		s.depth++
	case groups:
		s.size += s.items * (s.longest + 4)
		s.depth++
	case quotes: // each of <>& and the line separators becomes six bytes
		s.size *= 6
		s.longest, s.hidden = s.size, s.opens
	case unquotes:
		s.depth = max(s.depth, s.hidden)
		s.hidden += s.escapes
	case multiplies: // names, literals and brackets are made anew for each element
		s.size = e.n*s.size + e.n*s.items*pathLen
		s.items *= e.n + 1
		s.opens += s.items
		s.depth += maxDepth
	}
	return s
}
