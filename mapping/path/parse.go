package path

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// place is where a path stands; it decides what the path may begin with.
type place int

const (
	top      place = iota
	selector       // a value of a multipath
	query          // the left side of a query
	argument       // of @dig
)

// span is a piece of the path with its offset in the whole.
type span struct {
	s  string
	at int
}

func (s span) from(i, j int) span { return span{s.s[i:j], s.at + i} }

// trim cuts blanks as gjson does around the two sides of a query.
func (s span) trim() span {
	left := strings.TrimLeft(s.s, " ")
	return span{strings.TrimRight(left, " "), s.at + len(s.s) - len(left)}
}

func (s span) fail(i int, message string) *Error { return parseError(s.at+i, message) }

// pathParser checks a path and notes what evaluating it needs to know.
type pathParser struct {
	plain   bool // so far only plain keys
	restAt  int  // where that ended
	steps   []step
	effects []effect
	literal []byte
	multi   bool    // a multipath is in it
	factor  float64 // how often the value of the path last checked can hold what it is applied to
}

// path checks the whole of s.
func (p *pathParser) path(s span, depth int, where place) *Error {
	if depth > maxDepth {
		return s.fail(0, "a path is nested at most "+strconv.Itoa(maxDepth)+" levels")
	}
	if s.s == "" {
		return s.fail(0, "empty path")
	}
	p.factor = 1
	for i := 0; ; i++ {
		end, err := p.component(s, i, depth, where)
		if err != nil {
			return err
		}
		if end == len(s.s) {
			return nil
		}
		if c := s.s[end]; c != '.' && c != '|' {
			return s.fail(end, "unexpected "+strconv.Quote(s.s[end:end+1])+", a dot or a pipe goes between two components")
		}
		if i = end; i+1 == len(s.s) {
			return s.fail(i, "the path ends with "+strconv.Quote(s.s[i:]))
		}
	}
}

// component checks the component that begins at i and returns where it ends.
func (p *pathParser) component(s span, i, depth int, where place) (int, *Error) {
	switch s.s[i] {
	case '.', '|':
		return 0, s.fail(i, "empty component")
	case '!':
		return p.literalAt(s, i, where)
	case '@':
		if where == top && i == 0 && (s.s == "@this" || strings.HasPrefix(s.s, "@this.")) {
			return len("@this"), nil
		}
		p.endPlain(s, i)
		return p.modifier(s, i, depth)
	case '{', '[':
		if where == query {
			return 0, s.fail(i, "a multipath cannot stand in a query")
		}
		p.endPlain(s, i)
		return p.multipath(s, i, depth)
	case '#':
		p.endPlain(s, i)
		return p.array(s, i, depth)
	}
	return p.key(s, i, where)
}

// endPlain notes that from here on gjson is needed.
func (p *pathParser) endPlain(s span, i int) {
	if p.plain {
		p.plain, p.restAt = false, s.at+i
	}
}

// key checks a key, plain or with wildcards.
func (p *pathParser) key(s span, i int, where place) (int, *Error) {
	var name []byte
	start, wild, open := i, false, 0
loop:
	for ; i < len(s.s); i++ {
		switch c := s.s[i]; c {
		case '.', '|':
			break loop
		case '\\':
			if i++; i == len(s.s) {
				return 0, s.fail(i-1, "nothing follows the backslash")
			}
			name = append(name, s.s[i])
			continue
		case '*', '?':
			wild = true
		case '(':
			open++
		case ')':
			if open--; open < 0 {
				return 0, s.fail(i, "unbalanced "+strconv.Quote(")"))
			}
		case '"', '[', ']', '{', '}':
			return 0, s.fail(i, "unexpected "+strconv.Quote(string(c))+", write "+`\`+string(c)+" where it is part of a key")
		}
		name = append(name, s.s[i])
	}
	if open > 0 {
		return 0, s.fail(start, "unbalanced "+strconv.Quote("("))
	}
	if wild {
		p.endPlain(s, start)
	}
	if p.plain && where == top {
		index, err := strconv.ParseUint(string(name), 10, 31)
		if err != nil {
			p.steps = append(p.steps, step{string(name), -1})
		} else {
			p.steps = append(p.steps, step{string(name), int(index)})
		}
	}
	return i, nil
}

// array checks #, #(query) and #(query)#.
func (p *pathParser) array(s span, i, depth int) (int, *Error) {
	next := i + 1
	if next == len(s.s) || s.s[next] == '.' || s.s[next] == '|' {
		return next, nil
	}
	if s.s[next] != '(' {
		return 0, s.fail(i, `a query is written #(…), a key that begins with # is written \#`)
	}
	end, err := matching(s, next)
	if err != nil {
		return 0, err
	}
	factor := p.factor
	if err := p.query(s.from(next+1, end), depth); err != nil {
		return 0, err
	}
	p.factor = factor
	if end++; end < len(s.s) && s.s[end] == '#' {
		end++
	}
	return end, nil
}

// query checks the inside of #(…).
func (p *pathParser) query(s span, depth int) *Error {
	if s.trim().s == "" {
		return s.fail(0, "empty query")
	}
	i, err := operatorAt(s)
	if err != nil {
		return err
	}
	if left := s.from(0, i).trim(); left.s != "" {
		if err := p.path(left, depth+1, query); err != nil {
			return err
		}
	}
	if i == len(s.s) {
		return nil
	}
	n := 1
	for _, op := range []string{"==", "!=", "<=", ">=", "!%"} {
		if strings.HasPrefix(s.s[i:], op) {
			n = 2
		}
	}
	if n == 1 && s.s[i] == '!' {
		return s.fail(i, "unknown operator")
	}
	return operand(s.from(i+n, len(s.s)).trim())
}

// operatorAt finds the operator that divides a query, or its end.
func operatorAt(s span) (int, *Error) {
	for i := 0; i < len(s.s); i++ {
		switch s.s[i] {
		case '!', '=', '<', '>', '%':
			return i, nil
		case '\\':
			i++
		case '"', '(', '[', '{':
			end, err := matching(s, i)
			if err != nil {
				return 0, err
			}
			i = end
		}
	}
	return len(s.s), nil
}

// operand checks the right side of a query.
func operand(s span) *Error {
	switch {
	case s.s == "":
		return s.fail(0, `no value to compare with; write "" for the empty text`)
	case s.s[0] == '"':
		if !jsontext.Value(s.s).IsValid() {
			return s.fail(0, "not a quoted text")
		}
	case s.s[0] == '~':
		switch s.s {
		case "~true", "~false", "~null", "~*":
		default:
			return s.fail(0, "after ~ stands true, false, null or *")
		}
	case strings.ContainsRune("=<>!%", rune(s.s[0])):
		return s.fail(0, "unknown operator")
	default:
		if i := strings.IndexAny(s.s, `"\`); i >= 0 {
			return s.fail(i, "quote the whole value")
		}
	}
	return nil
}

// modifier checks @name and @name:argument.
func (p *pathParser) modifier(s span, i, depth int) (int, *Error) {
	end := i + 1
	for end < len(s.s) && !strings.ContainsRune(".|:", rune(s.s[end])) {
		end++
	}
	name := s.s[i+1 : end]
	kind, known := modifiers[name]
	if !known {
		return 0, s.fail(i, fmt.Sprintf(`unknown modifier %.40q; a key that begins with @ is written \@`, "@"+name))
	}
	grows := effect{kind: kind}
	if end == len(s.s) || s.s[end] != ':' {
		p.effects = append(p.effects, grows)
		if kind == digs {
			return 0, s.fail(i, "@dig needs the path to search for: @dig:name")
		}
		return end, nil
	}
	start := end + 1
	end, err := argumentEnd(s, start)
	if err != nil {
		return 0, err
	}
	grows.n = float64(end - start)
	p.effects = append(p.effects, grows)
	arg := s.from(start, end)
	switch {
	case arg.s == "":
		return 0, s.fail(start, "nothing follows the colon")
	case name == "dig":
		factor := p.factor
		err := p.path(arg, depth+1, argument)
		p.factor *= factor
		return end, err
	case name != "pretty" && name != "flatten" && name != "join":
		return 0, s.fail(start, "@"+name+" takes no argument")
	case arg.s[0] != '{' || !jsontext.Value(arg.s).IsValid():
		return 0, s.fail(start, "the argument of @"+name+" is a JSON object")
	}
	return end, nil
}

// argumentEnd finds the end of a modifier's argument: of the JSON value it is, else the next pipe.
func argumentEnd(s span, i int) (int, *Error) {
	for start := i; i < len(s.s) && s.s[i] != '|'; i++ {
		if strings.ContainsRune(`{["(`, rune(s.s[i])) {
			end, err := matching(s, i)
			if err != nil {
				return 0, err
			}
			if i == start && s.s[i] != '(' {
				return end + 1, nil
			}
			i = end
		}
	}
	return i, nil
}

// literalAt checks !value, which is the rest of s.
func (p *pathParser) literalAt(s span, i int, where place) (int, *Error) {
	if i > 0 || (where != top && where != selector) {
		return 0, s.fail(i, `a literal stands alone, a key that begins with ! is written \!`)
	}
	value := jsontext.Value(s.s[1:])
	if !value.IsValid() {
		return 0, s.fail(1, "a literal is one JSON value")
	}
	if where == top {
		p.literal = trimSpace(value)
	}
	return len(s.s), nil
}

// multipath checks {…} and […].
func (p *pathParser) multipath(s span, i, depth int) (int, *Error) {
	end, err := matching(s, i)
	if err != nil {
		return 0, err
	}
	p.multi = true
	factor, sum := p.factor, 0.0
	for start := i + 1; start <= end; {
		stop, colon, err := selectorEnd(s, start, end)
		if err != nil {
			return 0, err
		}
		if err := p.selector(s, []int{start, colon, stop}, s.s[i] == '{', depth); err != nil {
			return 0, err
		}
		sum += p.factor
		start = stop + 1
	}
	p.factor = factor * sum
	return end + 1, nil
}

// selectorEnd finds the comma or bracket that ends the selector at i, and the colon after its name, or -1.
func selectorEnd(s span, i, limit int) (end, colon int, err *Error) {
	colon = -1
	modifier := false
	for ; i < limit && s.s[i] != ','; i++ {
		switch s.s[i] {
		case '\\':
			i++
		case '@':
			modifier = modifier || s.s[i-1] == '.' || s.s[i-1] == '|'
		case ':':
			if !modifier && colon < 0 {
				colon = i
			}
		case '"', '(', '[', '{':
			if i, err = matching(s, i); err != nil {
				return 0, 0, err
			}
		}
	}
	return i, colon, nil
}

// selector checks one value of a multipath; at holds its start, the colon after its name or -1, and its end.
func (p *pathParser) selector(s span, at []int, object bool, depth int) *Error {
	start, colon, end := at[0], at[1], at[2]
	if colon >= 0 {
		name := s.s[start:colon]
		switch {
		case !object:
			return s.fail(colon, `a value of […] has no name, write \: where the colon is part of a key`)
		case strings.HasPrefix(name, `"`):
			if !jsontext.Value(name).IsValid() {
				return s.fail(start, "the name is no JSON string")
			}
		case strings.HasPrefix(name, "@"):
			return s.fail(start, "name the value, or begin it with @this|")
		case name == "" || strings.ContainsAny(name, `\"`) || strings.TrimSpace(name) != name:
			return s.fail(start, "quote the name")
		}
		start = colon + 1
	}
	value := s.from(start, end)
	if value.s != strings.TrimSpace(value.s) {
		return value.fail(0, "no blanks around the values of a multipath")
	}
	return p.path(value, depth+1, selector)
}

// matching returns the index of the bracket or quote that closes the one at i.
func matching(s span, i int) (int, *Error) {
	var open []byte
	start := i
	for ; i < len(s.s); i++ {
		switch c := s.s[i]; c {
		case '\\':
			i++
		case '"':
			opened := i
			for i++; i < len(s.s) && s.s[i] != '"'; i++ {
				if s.s[i] == '\\' {
					i++
				}
			}
			if i >= len(s.s) {
				return 0, s.fail(opened, "unbalanced "+strconv.Quote(string(c)))
			}
		case '(':
			open = append(open, ')')
		case '[', '{':
			open = append(open, c+2)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != c {
				return 0, s.fail(i, "unbalanced "+strconv.Quote(string(c)))
			}
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			return i, nil
		}
	}
	return 0, s.fail(start, "unbalanced "+strconv.Quote(s.s[start:start+1]))
}
