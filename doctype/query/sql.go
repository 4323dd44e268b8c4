package query

import (
	"strings"
)

// Kind says how the values of a column compare.
type Kind int

// The kinds of a Column.
const (
	Text Kind = iota // text, compared byte by byte
	Int              // bigint; a flag is 0 or 1
	Time             // bigint: microseconds since 1970 UTC; operands are Frappe or RFC 3339 times
)

// Column is a field that has a column of its own.
type Column struct {
	SQL  string // the column's expression, trusted
	Kind Kind
}

// Source says what can be asked of one table.
type Source struct {
	Postgres bool
	// Columns are the fields with a column. One called "name" is always the last key of an order, and one
	// called "modified" is the order of a query that asks for none.
	Columns map[string]Column
	// JSON is the expression of the text column that holds the record; its top-level members are the other
	// fields, by their exact names. A member with the name of a column is "record.<name>". "" means there are
	// none.
	JSON string
	// Known says which members may be asked for; nil allows any.
	Known func(field string) bool
}

// Where returns the condition of the query's filters with ? for each of args, and "" when there are no filters.
// The placeholders are such that bun may put the args in.
func (s Source) Where(q Query) (sql string, args []any, err error) {
	if len(q.Filters)+len(q.OrFilters) > MaxFilters {
		return "", nil, errorf("filters", "more than %d", MaxFilters)
	}
	values := 0
	all, wrong := s.conditions(q.Filters, &values)
	if wrong != nil {
		return "", nil, named(wrong, "filters")
	}
	either, wrong := s.conditions(q.OrFilters, &values)
	if wrong != nil {
		return "", nil, named(wrong, "or_filters")
	}
	var w statement
	w.join(all, " AND ")
	if len(either) > 0 {
		if len(all) > 0 {
			w.add(" AND ")
		}
		w.add("(")
		w.join(either, " OR ")
		w.add(")")
	}
	return w.text.String(), w.args, nil
}

func named(err *Error, param string) error {
	if err.Param == "" {
		err.Param = param
	}
	return err
}

func (s Source) conditions(filters []Filter, values *int) ([]*statement, *Error) {
	var out []*statement
	for _, f := range filters {
		if err := f.check(); err != nil {
			return nil, err
		}
		if *values += len(f.Values); *values > maxAllValues {
			return nil, errorf("", "more than %d values", maxAllValues)
		}
		field, err := s.field(f.Field)
		if err != nil {
			return nil, err
		}
		w := &statement{}
		if err := w.filter(field, f); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// OrderBy returns the clause " ORDER BY …" for the query's order, with ? for each of args. The name comes last
// always, so that the order is a total one; without an order it is by modified, newest first. Values that are
// not set come first, then numbers, then text.
func (s Source) OrderBy(q Query) (sql string, args []any, err error) {
	order := q.Order
	if len(order) > MaxOrder {
		return "", nil, errorf("order_by", "more than %d keys", MaxOrder)
	}
	if _, ok := s.Columns["modified"]; ok && len(order) == 0 {
		order = []Order{{Field: "modified", Desc: true}}
	}
	var keys []string
	byName := false
	for _, o := range order {
		f, err := s.field(o.Field)
		if err != nil {
			return "", nil, named(err, "order_by")
		}
		for _, key := range f.sortKeys() {
			if o.Desc {
				key += " DESC"
			}
			keys = append(keys, key)
		}
		byName = byName || o.Field == "name"
	}
	if _, ok := s.Columns["name"]; ok && !byName {
		f, _ := s.field("name")
		keys = append(keys, f.sortKeys()...)
	}
	if len(keys) == 0 {
		return "", nil, nil
	}
	return " ORDER BY " + strings.Join(keys, ", "), nil, nil
}

// Check reports whether the query names permitted fields only, in fields, filters and order. Where and OrderBy
// check their own parts; this is for what is read without them.
func (s Source) Check(q Query) error {
	for _, name := range q.Fields {
		if name == "*" {
			continue
		}
		if _, err := s.field(name); err != nil {
			return named(err, "fields")
		}
	}
	if _, _, err := s.Where(q); err != nil {
		return err
	}
	_, _, err := s.OrderBy(q)
	return err
}

// field finds out what stands behind a field's name.
func (s Source) field(name string) (field, *Error) {
	if c, ok := s.Columns[name]; ok {
		return column{Column: c, postgres: s.Postgres}, nil
	}
	member := name
	if bare, ok := strings.CutPrefix(name, "record."); ok {
		if _, shadowed := s.Columns[bare]; shadowed {
			member = bare
		}
	}
	if err := checkName("", member); err != nil || s.JSON == "" || s.Known != nil && !s.Known(member) {
		return nil, errorf("", "Field not permitted in query: %s", strings.ToValidUTF8(name, "\uFFFD"))
	}
	if s.Postgres {
		return postgresMember(s.JSON, member), nil
	}
	return sqliteMember(s.JSON, member), nil
}

// statement collects SQL text and its arguments.
type statement struct {
	text strings.Builder
	args []any
}

func (w *statement) add(sql string, args ...any) {
	w.text.WriteString(sql)
	w.args = append(w.args, args...)
}

func (w *statement) join(parts []*statement, between string) {
	for i, p := range parts {
		if i > 0 {
			w.add(between)
		}
		w.add("("+p.text.String()+")", p.args...)
	}
}

// list adds (?, ?, …) where mark is one placeholder.
func (w *statement) list(mark string, values []string) {
	w.add("(")
	for i, v := range values {
		if i > 0 {
			w.add(", ")
		}
		w.add(mark, v)
	}
	w.add(")")
}

// field is a column or a member of the record.
type field interface {
	// condition adds one of: Equal (is one of the values, which are all set), Less, Greater, LessEqual,
	// GreaterEqual (to the one value, which is not null), Like (the one pattern, see likePattern) and Is (is
	// not set). It may be null for absent values, which counts as false.
	condition(w *statement, op Operator, values []Value) *Error
	// sortKeys returns the expressions to order by.
	sortKeys() []string
}

// filter adds the condition of one filter.
func (w *statement) filter(f field, filter Filter) *Error {
	if op, negated := filter.Op.negated(); negated {
		filter.Op = op
		w.add("NOT COALESCE(")
		err := w.filter(f, filter)
		w.add(", FALSE)")
		return err
	}
	v := filter.Values
	var err *Error
	switch filter.Op {
	case Equal, In:
		err = w.oneOf(f, v)
	case Less, Greater, LessEqual, GreaterEqual:
		err = w.compare(f, filter.Op, v[0])
	case Between:
		err = w.between(f, v[0], v[1])
	case Like:
		err = f.condition(w, Like, []Value{{Kind: TextValue, Text: likePattern(v[0].Text)}})
	case Is:
		if strings.EqualFold(v[0].Text, "set") {
			w.add("NOT ")
		}
		w.add("(")
		err = f.condition(w, Is, nil)
		w.add(")")
	case NotEqual, NotIn, NotLike: // turned around above
	}
	if err != nil {
		err.Message = filter.Field + ": " + err.Message
	}
	return err
}

func (w *statement) oneOf(f field, values []Value) *Error {
	var set []Value
	for _, v := range values {
		if !v.unset() {
			set = append(set, v)
		}
	}
	if len(values) == 0 {
		w.add("FALSE")
		return nil
	}
	if len(set) < len(values) {
		w.add("(")
		if err := f.condition(w, Is, nil); err != nil {
			return err
		}
		w.add(")")
		if len(set) > 0 {
			w.add(" OR ")
		}
	}
	if len(set) == 0 {
		return nil
	}
	return f.condition(w, Equal, set)
}

func (w *statement) compare(f field, op Operator, value Value) *Error {
	if value.Kind == NullValue {
		w.add("FALSE")
		return nil
	}
	return f.condition(w, op, []Value{value})
}

func (w *statement) between(f field, from, to Value) *Error {
	w.add("(")
	if err := w.compare(f, GreaterEqual, from); err != nil {
		return err
	}
	w.add(") AND (")
	op := LessEqual
	if day, ok := dayAfter(to.Text); ok && to.Kind == TextValue {
		op, to.Text = Less, day
	}
	if err := w.compare(f, op, to); err != nil {
		return err
	}
	w.add(")")
	return nil
}

// likePattern writes a pattern with ! as the escape character, which no database or driver reads otherwise.
// A backslash counts before %, _ and another one; elsewhere it is itself.
func likePattern(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '!':
			b.WriteString("!!")
		case c == '\\' && i+1 < len(s) && (s[i+1] == '%' || s[i+1] == '_'):
			i++
			b.WriteByte('!')
			b.WriteByte(s[i])
		case c == '\\' && i+1 < len(s) && s[i+1] == '\\':
			i++
			b.WriteByte('\\')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// EscapeLike takes the meaning of %, _ and \ in a like pattern away.
func EscapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}
