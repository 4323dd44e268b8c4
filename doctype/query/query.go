package query

import "fmt"

// Limits on what one query may ask.
const (
	MaxFilters = 100     // filters and or_filters together
	MaxValues  = 1000    // values of one filter
	MaxText    = 10000   // bytes of one value or name
	MaxFields  = 200     // fields of the answer
	MaxOrder   = 20      // keys of the order
	MaxFilter  = 1 << 20 // bytes of the JSON of filters
	PageLength = 20      // rows when the caller names no limit

	maxAllValues = 5000 // values of all filters, so that a statement stays within what databases take
)

// Error says what is wrong with a query, in words for clients.
type Error struct {
	Param   string // the parameter, such as "filters"; "" when the query was not read from parameters
	Message string
}

// Code returns "invalid": every error of this package is the caller's.
func (e *Error) Code() string { return "invalid" }

// FieldName returns the parameter, or "".
func (e *Error) FieldName() string { return e.Param }

// ClientMessage returns the text that may be shown to clients.
func (e *Error) ClientMessage() string { return e.Error() }

// Error returns the parameter and what is wrong with it.
func (e *Error) Error() string {
	if e.Param == "" {
		return e.Message
	}
	return e.Param + ": " + e.Message
}

func errorf(param, format string, args ...any) *Error {
	return &Error{Param: param, Message: fmt.Sprintf(format, args...)}
}

// Query is one list request. The zero value asks for no fields and no rows: set Limit to All for every row.
type Query struct {
	Fields    []string // names of fields; "*" is all of them
	Filters   []Filter // all must hold
	OrFilters []Filter // at least one must hold, when there are any
	Order     []Order  // first key first; empty is the source's default
	Start     int      // rows to skip
	Limit     int      // rows to answer; All for no limit
	AsLists   bool     // as_dict=false: rows are lists of values in the order of Fields
}

// All is the Limit that is none.
const All = -1

// Operator is a comparison as Frappe spells it, in lower case.
type Operator string

// The operators.
const (
	Equal        Operator = "="
	NotEqual     Operator = "!="
	Less         Operator = "<"
	Greater      Operator = ">"
	LessEqual    Operator = "<="
	GreaterEqual Operator = ">="
	In           Operator = "in"
	NotIn        Operator = "not in"
	Like         Operator = "like"
	NotLike      Operator = "not like"
	Between      Operator = "between"
	Is           Operator = "is"
)

// Filter is one condition on one field.
//
// A field's value is compared as a number when both it and the operand are numbers (an operand in quotes that
// spells a number is one; true and false count as 1 and 0), else as text, byte by byte. A bare number orders
// only numbers, but equals text that spells it the same way. An array or object has no text and equals nothing.
//
// Absent, null and the empty string are "not set": = "" and = null find exactly these, and so does an in with one
// of them among its values. !=, not in and not like find them besides what differs; the other operators do not.
//
// like ignores the case of the letters a to z; % is any text, _ one character, and \ takes their meaning away.
// A between whose upper end is a day takes in that whole day.
//
// SQLite keeps numbers of a record as 64-bit integers or floats, so that numbers of more than about 15 digits
// with a fraction or beyond 2^63 may compare as equal there and differ on PostgreSQL.
type Filter struct {
	Field  string
	Op     Operator
	Values []Value // one; two for between; any number for in and not in
}

// Order is one key of the order.
type Order struct {
	Field string
	Desc  bool
}

// ValueKind says what a Value is.
type ValueKind int

// The kinds of a Value.
const (
	NullValue   ValueKind = iota
	TextValue             // Value.Text as it is
	NumberValue           // Value.Text is a JSON number
	BoolValue             // Value.Text is true or false
)

// Value is one operand.
type Value struct {
	Kind ValueKind
	Text string
}

// NewFilter makes a filter with text operands.
func NewFilter(field string, op Operator, values ...string) Filter {
	f := Filter{Field: field, Op: op}
	for _, v := range values {
		f.Values = append(f.Values, Value{Kind: TextValue, Text: v})
	}
	return f
}
