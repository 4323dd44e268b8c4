package query

import (
	"fmt"
	"strings"
)

// column is a field with a column of its own.
type column struct {
	Column
	postgres bool
}

// operand returns the mark and the argument that stand for a value of the column's kind.
func (c column) operand(v Value) (mark string, arg any, err *Error) {
	switch c.Kind {
	case Time:
		t, ok := parseTime(v.Text)
		if !ok || v.Kind != TextValue {
			return "", nil, errorf("", "%q is not a time such as 2026-01-31 or 2026-01-31 23:59:59", v.Text)
		}
		return "?", t.UnixMicro(), nil
	case Int:
		n, ok := v.number()
		if !ok {
			return "", nil, errorf("", "%q is not a number", v.Text)
		}
		return "CAST(? AS NUMERIC)", n, nil
	case Text:
	}
	return "?", v.Text, nil
}

func (c column) condition(w *statement, op Operator, values []Value) *Error {
	switch op {
	case Equal, In:
		return c.oneOf(w, values)
	case Like:
		c.like(w, values[0].Text)
	case Is:
		w.add(c.SQL + " IS NULL")
		if c.Kind == Text {
			w.add(" OR " + c.SQL + " = ''")
		}
	case Less, Greater, LessEqual, GreaterEqual:
		mark, arg, err := c.operand(values[0])
		if err != nil {
			return err
		}
		w.add(c.bytewise()+" "+string(op)+" "+mark, arg)
	case Between, NotEqual, NotIn, NotLike: // made of the others
	}
	return nil
}

func (c column) oneOf(w *statement, values []Value) *Error {
	w.add(c.SQL + " IN (")
	for i, v := range values {
		mark, arg, err := c.operand(v)
		if err != nil {
			return err
		}
		if i > 0 {
			w.add(", ")
		}
		w.add(mark, arg)
	}
	w.add(")")
	return nil
}

// bytewise is the column such that it orders byte by byte; SQLite does so by itself.
func (c column) bytewise() string {
	if c.postgres && c.Kind == Text {
		return c.SQL + ` COLLATE "C"`
	}
	return c.SQL
}

func (c column) like(w *statement, pattern string) {
	sql := c.SQL
	switch {
	case c.Kind == Time && c.postgres:
		sql = "to_char(timestamp 'epoch' + " + sql + " * interval '1 microsecond', 'YYYY-MM-DD HH24:MI:SS.US')"
	case c.Kind == Time:
		sql = "strftime('%Y-%m-%d %H:%M:%S', " + sql + " / 1000000, 'unixepoch') || printf('.%06d', " + sql + " % 1000000)"
	case c.Kind == Int:
		sql = "CAST(" + sql + " AS TEXT)"
	}
	w.add(likeSQL(sql, c.postgres), pattern)
}

// likeSQL compares without regard to the case of ASCII letters, which is what SQLite's LIKE does.
func likeSQL(text string, postgres bool) string {
	if postgres {
		return `lower((` + text + `) COLLATE "C") LIKE lower(CAST(? AS text) COLLATE "C") ESCAPE '!'`
	}
	return "(" + text + ") LIKE ? ESCAPE '!'"
}

func (c column) sortKeys() []string {
	if c.Kind == Int {
		return []string{c.SQL + " + 0"} // a bare number would be the position of a column
	}
	return []string{c.bytewise()}
}

// member is a top-level member of the record. The expressions are those of one database.
type member struct {
	postgres bool
	typ      string // the type of the value, null when absent
	scalar   string // the value, null when it is null or absent
	number   string // the value of a number, true or false, to be used on these only
	literal  string // the text of a number as it is spelled in the record
	numbers  string // names of the types that are numbers, true and false, as SQL
	text     string // name of the type that is text, as SQL
	mark     string // placeholder of a number
	sort     []string
}

func postgresMember(json, name string) member {
	json = "CAST(" + json + " AS json)"
	key := "CAST(" + postgresLiteral(name) + " AS text)"
	m := member{
		postgres: true,
		typ:      "json_typeof(" + json + " -> " + key + ")",
		scalar:   "(" + json + " ->> " + key + ")",
		numbers:  "'number', 'boolean'",
		text:     "'string'",
		mark:     "CAST(? AS numeric)",
	}
	m.literal = m.scalar
	m.number = "CASE " + m.scalar + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE CAST(" + m.scalar + " AS numeric) END"
	m.sort = []string{
		"CASE " + m.typ + " WHEN 'number' THEN 1 WHEN 'boolean' THEN 1 WHEN 'string' THEN 2 ELSE 0 END",
		"CASE WHEN " + m.typ + " IN (" + m.numbers + ") THEN " + m.number + " END",
		"CASE " + m.typ + " WHEN 'string' THEN " + m.scalar + ` END COLLATE "C"`,
	}
	return m
}

func sqliteMember(json, name string) member {
	path := sqlitePath(name)
	m := member{
		typ:     "json_type(" + json + ", " + path + ")",
		scalar:  "json_extract(" + json + ", " + path + ")",
		literal: "(" + json + " -> " + path + ")",
		numbers: "'integer', 'real', 'true', 'false'",
		text:    "'text'",
		mark:    "CAST(? AS NUMERIC)",
	}
	m.number = m.scalar
	// SQLite itself orders null before numbers before text.
	m.sort = []string{"CASE WHEN " + m.typ + " IN (" + m.numbers + ", " + m.text + ") THEN " + m.scalar + " END"}
	return m
}

func (m member) condition(w *statement, op Operator, values []Value) *Error {
	switch op {
	case Equal, In:
		m.oneOf(w, values)
	case Like:
		m.like(w, values[0].Text)
	case Is:
		w.add("COALESCE(" + m.scalar + ", '') = ''")
	case Less, Greater, LessEqual, GreaterEqual:
		m.order(w, op, values[0])
	case Between, NotEqual, NotIn, NotLike: // made of the others
	}
	return nil
}

func (m member) oneOf(w *statement, values []Value) {
	var numbers, texts, flags []string
	for _, v := range values {
		if n, ok := v.number(); ok {
			numbers = append(numbers, n)
		}
		if v.Kind == TextValue || v.Kind == NumberValue {
			texts = append(texts, v.Text)
		}
		if v.Kind == TextValue && (v.Text == "true" || v.Text == "false") {
			flags = append(flags, v.Text)
		}
	}
	w.add("CASE")
	if len(flags) > 0 { // the words true and false find flags too
		isFlag := m.typ + " IN ('true', 'false')"
		flag := m.typ
		if m.postgres {
			isFlag, flag = m.typ+" = 'boolean'", m.scalar
		}
		w.add(" WHEN " + isFlag + " AND " + flag + " IN ")
		w.list("?", flags)
		w.add(" THEN TRUE")
	}
	if len(numbers) > 0 {
		w.add(" WHEN " + m.typ + " IN (" + m.numbers + ") THEN " + m.number + " IN ")
		w.list(m.mark, numbers)
	}
	if len(texts) > 0 {
		w.add(" WHEN " + m.typ + " = " + m.text + " THEN " + m.scalar + " IN ")
		w.list("?", texts)
	}
	w.add(" ELSE FALSE END")
}

func (m member) order(w *statement, op Operator, value Value) {
	w.add("CASE")
	if n, ok := value.number(); ok {
		w.add(" WHEN "+m.typ+" IN ("+m.numbers+") THEN "+m.number+" "+string(op)+" "+m.mark, n)
	}
	text := m.scalar
	if m.postgres {
		text += ` COLLATE "C"`
	}
	if value.Kind == TextValue {
		w.add(" WHEN "+m.typ+" = "+m.text+" THEN "+text+" "+string(op)+" ?", value.Text)
	}
	w.add(" ELSE FALSE END")
}

func (m member) like(w *statement, pattern string) {
	types := "'string', 'number'"
	if !m.postgres {
		types = "'text', 'integer', 'real'"
	}
	w.add("CASE WHEN "+m.typ+" IN ("+types+") THEN "+likeSQL(m.likeText(), m.postgres)+" ELSE FALSE END", pattern)
}

// likeText is the text of a string, or a number as it is spelled in the record.
func (m member) likeText() string {
	if m.postgres {
		return m.scalar
	}
	return "CASE WHEN " + m.typ + " = 'text' THEN " + m.scalar + " ELSE " + m.literal + " END"
}

func (m member) sortKeys() []string { return m.sort }

// postgresLiteral quotes a name; what could end the quotes or look like a placeholder is written as a number.
func postgresLiteral(name string) string {
	if !strings.ContainsAny(name, `'\?`) {
		return "'" + name + "'"
	}
	return "E'" + escaped(name, `'\?`) + "'"
}

// sqlitePath quotes a name as a JSON path of SQLite, which reads the escapes of JSON.
func sqlitePath(name string) string { return `'$."` + escaped(name, `'"\?`) + `"'` }

// escaped writes the given ASCII characters as \u00XX.
func escaped(s, special string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(special, s[i]) >= 0 {
			fmt.Fprintf(&b, `\u%04X`, s[i])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
