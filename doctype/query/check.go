package query

import (
	"strings"
	"time"
	"unicode/utf8"
)

// known reports whether the operator is one of ours.
func (o Operator) known() bool {
	switch o {
	case Equal, NotEqual, Less, Greater, LessEqual, GreaterEqual, In, NotIn, Like, NotLike, Between, Is:
		return true
	}
	return false
}

// negated reports whether the operator finds what another does not, and which that is.
func (o Operator) negated() (Operator, bool) {
	switch o {
	case NotEqual:
		return Equal, true
	case NotIn:
		return In, true
	case NotLike:
		return Like, true
	case Equal, Less, Greater, LessEqual, GreaterEqual, In, Like, Between, Is:
	}
	return o, false
}

// check reports what is wrong with a filter whatever its field is.
func (f Filter) check() *Error {
	want := 1
	switch f.Op {
	case In, NotIn:
		want = len(f.Values)
	case Between:
		want = 2
	case Equal, NotEqual, Less, Greater, LessEqual, GreaterEqual, Like, NotLike, Is:
	default:
		return errorf("", "%s: unknown operator %q", f.Field, f.Op)
	}
	if len(f.Values) != want {
		return errorf("", "%s: %s takes %d values, not %d", f.Field, f.Op, want, len(f.Values))
	}
	if len(f.Values) > MaxValues {
		return errorf("", "%s: more than %d values", f.Field, MaxValues)
	}
	for _, v := range f.Values {
		if len(v.Text) > MaxText || !utf8.ValidString(v.Text) || strings.IndexByte(v.Text, 0) >= 0 {
			return errorf("", "%s: a value is not usable text of at most %d bytes", f.Field, MaxText)
		}
		if v.Kind == NumberValue && !isNumber(v.Text) {
			return errorf("", "%s: a number is too large", f.Field)
		}
	}
	if f.Op == Is {
		if s := strings.ToLower(f.Values[0].Text); s != "set" && s != "not set" {
			return errorf("", "%s: is takes set or not set", f.Field)
		}
	}
	return nil
}

// unset reports whether a value stands for "not set".
func (v Value) unset() bool { return v.Kind == NullValue || v.Kind == TextValue && v.Text == "" }

// number returns the value as the text of a number.
func (v Value) number() (string, bool) {
	switch v.Kind {
	case NumberValue:
		return v.Text, isNumber(v.Text)
	case BoolValue:
		if v.Text == "true" {
			return "1", true
		}
		return "0", true
	case TextValue:
		return v.Text, isNumber(v.Text)
	case NullValue:
	}
	return "", false
}

// isNumber reports whether a text is a JSON number that both databases take.
func isNumber(s string) bool {
	if len(s) > 1000 {
		return false
	}
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if rest, ok := strings.CutPrefix(s, "."); ok {
		n := digits(rest)
		if n == 0 {
			return false
		}
		s = rest[n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	n := digits(s)
	return n > 0 && n == len(s) && len(strings.TrimLeft(s, "0")) <= 4
}

// digits counts the digits a text begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// parseTime reads a time as Frappe or RFC 3339 spell it; without a zone it is UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{
		time.DateOnly, "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04", "2006-01-02T15:04",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// dayAfter returns the day after a text that is a day.
func dayAfter(s string) (string, bool) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return "", false
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly), true
}
