package record

import (
	"math/big"
	"strings"
)

// IsNumber reports whether a JSON value is a number.
func IsNumber(v []byte) bool { return len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') }

// number is a JSON number in one spelling: digits without leading and trailing zeros, times ten to the exp.
// Zero has no digits, no sign and exp 0.
type number struct {
	negative bool
	digits   string
	exp      int64
	big      *big.Int // the exponent when it does not fit; then exp is 0
}

// parseNumber normalises a JSON number by its text alone, so that no exponent costs memory.
func parseNumber(v []byte) number {
	var n number
	text := string(v)
	if strings.HasPrefix(text, "-") {
		n.negative, text = true, text[1:]
	}
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	n.digits = strings.TrimRight(digits, "0")
	if n.digits == "" {
		return number{}
	}
	shift := int64(len(digits)-len(n.digits)) - int64(len(fraction))
	sign := int64(1)
	if strings.HasPrefix(exponent, "-") {
		sign = -1
	}
	exponent = strings.TrimLeft(exponent, "+-0")
	if len(exponent) > 17 {
		e, ok := new(big.Int).SetString(exponent, 10)
		if !ok {
			return n
		}
		e.Mul(e, big.NewInt(sign))
		n.big = e.Add(e, big.NewInt(shift))
		return n
	}
	var e int64
	for _, c := range exponent {
		e = e*10 + int64(c-'0')
	}
	n.exp = sign*e + shift
	return n
}

func (n number) equal(m number) bool {
	if n.negative != m.negative || n.digits != m.digits || n.exp != m.exp {
		return false
	}
	if n.big == nil || m.big == nil {
		return n.big == nil && m.big == nil
	}
	return n.big.Cmp(m.big) == 0
}

// text spells the number in its one form.
func (n number) text() string {
	var b []byte
	if n.negative {
		b = append(b, '-')
	}
	if n.digits == "" {
		return "0"
	}
	b = append(b, n.digits...)
	switch {
	case n.big != nil:
		b = n.big.Append(append(b, 'e'), 10)
	case n.exp != 0:
		b = big.NewInt(n.exp).Append(append(b, 'e'), 10)
	}
	return string(b)
}

// IsInteger reports whether a JSON value is a number without a fraction, however it is written: 5, 5.0, 5e3.
func IsInteger(v []byte) bool { return IsNumber(v) && parseNumber(v).integral() }

// integral reports whether the number has no fraction.
func (n number) integral() bool {
	if n.big != nil {
		return n.big.Sign() >= 0
	}
	return n.exp >= 0
}

// isJSONNumber reports whether a text is a number in JSON's grammar.
func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := func() (n int) {
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	n := digits()
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	if s = s[n:]; strings.HasPrefix(s, ".") {
		s = s[1:]
		if n = digits(); n == 0 {
			return false
		}
		s = s[n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n = digits()
		return n > 0 && n == len(s)
	}
	return s == ""
}
