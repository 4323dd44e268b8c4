package record

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"
)

// comparison is how the values of one field are compared.
type comparison string

const (
	compareExact  comparison = "exact"
	compareIgnore comparison = "ignore"
	compareText   comparison = "text"
	compareNumber comparison = "number"
	compareSet    comparison = "set"
	compareURL    comparison = "url"
)

// Rule is the compiled comparison of one field; nil is exact. It never changes.
type Rule struct {
	compare   comparison
	tolerance *decimal.Decimal // nil is none
	percent   bool             // the tolerance is a part of the older value
	dropped   []string         // query parameters that do not count, lower case; a trailing * matches a prefix
}

// Rules are the comparisons of a record's fields by name; a field without one is compared exactly.
type Rules map[string]*Rule

// of returns the rule for a member by its quoted name, nil for the plain one.
func (r Rules) of(quoted []byte) *Rule {
	if len(r) == 0 {
		return nil
	}
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return r[Unquote(quoted)]
	}
	return r[string(quoted[1:len(quoted)-1])]
}

// ParseRule reads the rule of one field.
//
//	exact   the same value (default)
//	ignore  never a change
//	text    strings: Unicode NFC, runs of blanks as one space, trimmed
//	number  numbers and amounts of money in strings by their value
//	set     arrays in any order
//	url     without the fragment and without the query parameters that options name
//
// options are names of query parameters separated by commas or blanks; a name may end in * (utm_*). tolerance is
// JSON text: how far two numbers may lie apart and still count as the same, in units (0.5 or "0.5") or as a part
// of the older value ("5%"). It goes with exact and number; none, null and "" mean none. The rule is nil when it
// says no more than exact. Errors are of type *Error with the field compare, compare_options or tolerance.
func ParseRule(compare, options string, tolerance []byte) (*Rule, error) {
	r := &Rule{compare: comparison(compare)}
	switch r.compare {
	case "":
		r.compare = compareExact
	case compareExact, compareIgnore, compareText, compareNumber, compareSet, compareURL:
	default:
		return nil, failf(CodeInvalid, "compare", "%q is none of exact, ignore, text, number, set and url", compare)
	}
	names := strings.FieldsFunc(options, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
	if len(names) > 0 && r.compare != compareURL {
		return nil, failf(CodeInvalid, "compare_options", "only compare url has options")
	}
	for _, n := range names {
		r.dropped = append(r.dropped, strings.ToLower(n))
	}
	if err := r.setTolerance(tolerance); err != nil {
		return nil, err
	}
	if r.compare == compareExact && r.tolerance == nil {
		return nil, nil
	}
	return r, nil
}

func (r *Rule) setTolerance(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	if r.compare != compareExact && r.compare != compareNumber {
		return failf(CodeInvalid, "tolerance", "needs compare exact or number")
	}
	text := strings.TrimSpace(Unquote(raw))
	text, r.percent = strings.CutSuffix(text, "%")
	text = strings.TrimSpace(text)
	amount, ok := decimal.Decimal{}, isJSONNumber(text)
	if ok {
		amount, ok = parseDecimal(text)
	}
	if !ok || amount.IsNegative() || checkNumber([]byte(text), 0) != nil {
		return failf(CodeInvalid, "tolerance", `must be a number from 0 on, or a part such as "5%%"`)
	}
	r.tolerance = &amount
	return nil
}

// same reports whether two values count as the same; nil is an absent side.
func (r *Rule) same(from, to []byte) bool {
	if r != nil && r.compare == compareIgnore {
		return true
	}
	if from == nil || to == nil {
		return from == nil && to == nil
	}
	if equalValues(from, to) {
		return true
	}
	if r == nil {
		return false
	}
	switch r.compare {
	case compareText:
		return from[0] == '"' && to[0] == '"' && foldText(Unquote(from)) == foldText(Unquote(to))
	case compareSet:
		return from[0] == '[' && to[0] == '[' && slices.Equal(sortedElements(from), sortedElements(to))
	case compareURL:
		return from[0] == '"' && to[0] == '"' && r.bareURL(Unquote(from)) == r.bareURL(Unquote(to))
	case compareNumber:
		return r.sameAmount(from, to)
	case compareExact, compareIgnore:
	}
	if r.tolerance != nil && IsNumber(from) && IsNumber(to) {
		a, okA := parseDecimal(string(from))
		b, okB := parseDecimal(string(to))
		return okA && okB && r.near(a, b)
	}
	return false
}

// foldText brings text to Unicode NFC, its runs of blanks to one space, and trims it.
func foldText(s string) string {
	return strings.Join(strings.FieldsFunc(norm.NFC.String(s), unicode.IsSpace), " ")
}

func sortedElements(array []byte) []string {
	var out []string
	for v := range Elements(array) {
		out = append(out, string(AppendCanonical(nil, v)))
	}
	slices.Sort(out)
	return out
}

// bareURL drops the fragment and the query parameters that do not count; what is left stays as it is written.
func (r *Rule) bareURL(s string) string {
	s, _, _ = strings.Cut(s, "#")
	base, query, found := strings.Cut(s, "?")
	if !found {
		return s
	}
	kept := strings.Split(query, "&")
	kept = slices.DeleteFunc(kept, func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); err == nil {
			key = plain
		}
		return pair == "" || r.drops(strings.ToLower(key))
	})
	if len(kept) == 0 {
		return base
	}
	return base + "?" + strings.Join(kept, "&")
}

func (r *Rule) drops(key string) bool {
	return slices.ContainsFunc(r.dropped, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return key == pattern || wild && strings.HasPrefix(key, prefix)
	})
}

func (r *Rule) sameAmount(from, to []byte) bool {
	a, unitA, okA := parseAmount(from)
	b, unitB, okB := parseAmount(to)
	if !okA || !okB || unitA != "" && unitB != "" && unitA != unitB {
		return false
	}
	if r.tolerance != nil {
		return r.near(a, b)
	}
	return a.Equal(b)
}

// near reports whether b lies within the tolerance of a, the older value.
func (r *Rule) near(a, b decimal.Decimal) bool {
	limit := *r.tolerance
	if r.percent {
		limit = a.Abs().Mul(limit).Shift(-2)
	}
	return a.Sub(b).Abs().LessThanOrEqual(limit)
}
