package doctype

import (
	"bytes"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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

// rule is the compiled comparison of one field; nil is exact.
type rule struct {
	compare   comparison
	tolerance *decimal.Decimal // nil is none
	percent   bool             // the tolerance is a part of the older value
	dropped   []string         // query parameters that do not count, lower case; a trailing * matches a prefix
}

// rule returns the rule for a member by its quoted name, nil for the plain one.
func (d *Definition) rule(quoted []byte) *rule {
	if len(d.rules) == 0 {
		return nil
	}
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return d.rules[unquote(quoted)]
	}
	return d.rules[string(quoted[1:len(quoted)-1])]
}

// same reports whether two values count as the same; nil is an absent side.
func (r *rule) same(from, to []byte) bool {
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
		return from[0] == '"' && to[0] == '"' && foldText(unquote(from)) == foldText(unquote(to))
	case compareSet:
		return from[0] == '[' && to[0] == '[' && slices.Equal(sortedElements(from), sortedElements(to))
	case compareURL:
		return from[0] == '"' && to[0] == '"' && r.bareURL(unquote(from)) == r.bareURL(unquote(to))
	case compareNumber:
		return r.sameAmount(from, to)
	case compareExact, compareIgnore:
	}
	if r.tolerance != nil && isNumber(from) && isNumber(to) {
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
	c := elementsOf(array, '[')
	for v := c.value(); v != nil; v = c.value() {
		out = append(out, string(AppendCanonical(nil, v)))
	}
	slices.Sort(out)
	return out
}

// bareURL drops the fragment and the query parameters that do not count; what is left stays as it is written.
func (r *rule) bareURL(s string) string {
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

func (r *rule) drops(key string) bool {
	return slices.ContainsFunc(r.dropped, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return key == pattern || wild && strings.HasPrefix(key, prefix)
	})
}

func (r *rule) sameAmount(from, to []byte) bool {
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
func (r *rule) near(a, b decimal.Decimal) bool {
	limit := *r.tolerance
	if r.percent {
		limit = a.Abs().Mul(limit).Shift(-2)
	}
	return a.Sub(b).Abs().LessThanOrEqual(limit)
}

// maxMagnitude bounds the exponents that decimal arithmetic is tried on: aligning two numbers costs memory in
// proportion to how far they lie apart.
const maxMagnitude = 2 * MaxExponent

// parseDecimal reads a JSON number of sane size.
func parseDecimal(text string) (decimal.Decimal, bool) {
	n := parseNumber([]byte(text))
	if n.big != nil || n.exp > maxMagnitude || n.exp < -maxMagnitude || len(n.digits) > maxMagnitude {
		return decimal.Decimal{}, false
	}
	if n.digits == "" {
		return decimal.Decimal{}, true
	}
	digits, ok := new(big.Int).SetString(n.digits, 10)
	if !ok {
		return decimal.Decimal{}, false
	}
	if n.negative {
		digits.Neg(digits)
	}
	return decimal.NewFromBigInt(digits, int32(n.exp)), true
}

// parseAmount reads a JSON number or an amount of money in a string, such as "$490.00", "1,299 USD" or
// "-1.299,50 €", with its currency as it is written ("" when there is none).
//
// Of two kinds of separators the last is the decimal one. A comma alone separates thousands when exactly three
// digits follow each; a point alone does so only when there are several.
func parseAmount(value []byte) (amount decimal.Decimal, currency string, ok bool) {
	if isNumber(value) {
		amount, ok = parseDecimal(string(value))
		return amount, "", ok
	}
	if value[0] != '"' {
		return decimal.Decimal{}, "", false
	}
	text := strings.TrimSpace(norm.NFKC.String(unquote(value)))
	text, negative := strings.CutPrefix(strings.Replace(text, "\u2212", "-", 1), "-")
	first := strings.IndexAny(text, "0123456789")
	if first < 0 {
		return decimal.Decimal{}, "", false
	}
	last := strings.LastIndexAny(text, "0123456789") + 1
	before, after := strings.TrimSpace(text[:first]), strings.TrimSpace(text[last:])
	if b, minus := strings.CutSuffix(before, "-"); minus && !negative {
		before, negative = strings.TrimSpace(b), true
	}
	if before != "" && after != "" || !isCurrency(before) || !isCurrency(after) {
		return decimal.Decimal{}, "", false
	}
	plain, ok := plainNumber(text[first:last])
	if !ok {
		return decimal.Decimal{}, "", false
	}
	amount, ok = parseDecimal(plain)
	if negative {
		amount = amount.Neg()
	}
	return amount, before + after, ok
}

// isCurrency reports whether s may stand beside an amount: nothing, a currency sign, a percent sign, or up to
// three letters, with a point as in "Rs.".
func isCurrency(s string) bool {
	letters := 0
	if short, dotted := strings.CutSuffix(s, "."); dotted {
		if c, _ := utf8.DecodeLastRuneInString(short); !unicode.IsLetter(c) {
			return false
		}
		s = short
	}
	for _, c := range s {
		switch {
		case unicode.IsLetter(c):
			letters++
		case c == '%' || unicode.Is(unicode.Sc, c):
		default:
			return false
		}
	}
	return letters <= 3 && len(s) <= 12
}

// plainNumber takes the separators of thousands out of digits with separators and leaves a decimal point.
func plainNumber(s string) (string, bool) {
	s = strings.NewReplacer(" ", "_", "'", "_", "\u2019", "_").Replace(s)
	points, commas := strings.Count(s, "."), strings.Count(s, ",")
	decimalSign := ""
	switch {
	case points > 0 && commas > 0:
		decimalSign = s[strings.LastIndexAny(s, ".,"):][:1]
	case points == 1:
		decimalSign = "."
	case commas == 1 && len(s)-strings.Index(s, ",") != 4:
		decimalSign = ","
	}
	whole, fraction := s, ""
	if decimalSign != "" {
		i := strings.LastIndex(s, decimalSign)
		whole, fraction = s[:i], s[i+1:]
	}
	groups := strings.FieldsFunc(whole, func(c rune) bool { return c == '.' || c == ',' || c == '_' })
	for i, g := range groups {
		if i > 0 && len(g) != 3 && len(g) != 2 { // two in the Indian way of grouping
			return "", false
		}
	}
	digits := strings.Join(groups, "")
	if digits == "" || strings.Trim(digits+fraction, "0123456789") != "" {
		return "", false
	}
	if fraction != "" {
		digits += "." + fraction
	}
	return digits, true
}
