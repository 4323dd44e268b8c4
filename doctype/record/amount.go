package record

import (
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"
)

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

// IsAmount reports whether a JSON value is a number, or a string that spells an amount of money.
func IsAmount(v []byte) bool {
	if len(v) == 0 {
		return false
	}
	_, _, ok := parseAmount(v)
	return ok
}

// parseAmount reads a JSON number or an amount of money in a string, such as "$490.00", "1,299 USD" or
// "-1.299,50 €", with its currency as it is written ("" when there is none).
//
// Of two kinds of separators the last is the decimal one. A comma alone separates thousands when exactly three
// digits follow each; a point alone does so only when there are several.
func parseAmount(value []byte) (amount decimal.Decimal, currency string, ok bool) {
	if IsNumber(value) {
		amount, ok = parseDecimal(string(value))
		return amount, "", ok
	}
	if value[0] != '"' {
		return decimal.Decimal{}, "", false
	}
	text := strings.TrimSpace(norm.NFKC.String(Unquote(value)))
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
