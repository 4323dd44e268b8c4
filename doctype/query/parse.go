package query

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// Parse reads Frappe's list parameters: fields, filters, or_filters, order_by, limit_start, limit (or
// limit_page_length) and as_dict. An absent parameter and an empty one are the same; others are passed over,
// but group_by and expand, which would change the answer, are refused. The error is of type *Error and has the
// parameter's name.
func Parse(v url.Values) (Query, error) {
	q := Query{Fields: []string{"name"}, Limit: PageLength}
	for _, param := range []string{"group_by", "expand"} {
		if s := v.Get(param); s != "" && s != "[]" {
			return q, errorf(param, "is not supported")
		}
	}
	var err error
	if s := v.Get("fields"); s != "" {
		if q.Fields, err = parseFields(s); err != nil {
			return q, err
		}
	}
	if q.Filters, err = parseFilters("filters", v.Get("filters")); err != nil {
		return q, err
	}
	if q.OrFilters, err = parseFilters("or_filters", v.Get("or_filters")); err != nil {
		return q, err
	}
	if q.Order, err = parseOrder(v.Get("order_by")); err != nil {
		return q, err
	}
	if q.Start, err = parseCount(v, 0, "limit_start", "start"); err != nil {
		return q, err
	}
	if q.Limit, err = parseCount(v, PageLength, "limit", "limit_page_length"); err != nil {
		return q, err
	}
	if q.Limit == 0 {
		q.Limit = All
	}
	switch s := strings.ToLower(v.Get("as_dict")); s {
	case "", "true", "1":
	case "false", "0":
		q.AsLists = true
	default:
		return q, errorf("as_dict", "must be true or false")
	}
	return q, nil
}

// parseCount reads the first of the parameters that is there.
func parseCount(v url.Values, absent int, params ...string) (int, error) {
	for _, param := range params {
		s := v.Get(param)
		if s == "" {
			continue
		}
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 {
			return 0, errorf(param, "must be a number from 0 on")
		}
		return int(n), nil
	}
	return absent, nil
}

func parseFields(s string) ([]string, error) {
	const param = "fields"
	var fields []string
	switch trimmed := strings.TrimSpace(s); {
	case strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, `"`):
		if err := checkJSON(param, trimmed); err != nil {
			return nil, err
		}
		for _, e := range gjson.Parse(trimmed).Array() {
			if e.Type != gjson.String {
				return nil, errorf(param, "must be a list of names")
			}
			fields = append(fields, e.Str)
		}
	default:
		fields = strings.Split(trimmed, ",")
	}
	if len(fields) > MaxFields {
		return nil, errorf(param, "more than %d", MaxFields)
	}
	for i, f := range fields {
		f = bareName(f)
		if err := checkName(param, f); err != nil {
			return nil, err
		}
		fields[i] = f
	}
	return fields, nil
}

// bareName takes the blanks, back-quotes and the table off a field as Frappe's own pages write it:
// `tabToDo`.`status` is status.
func bareName(s string) string {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "`tab"); ok {
		if _, field, found := strings.Cut(rest, "`."); found {
			s = field
		}
	}
	if len(s) > 2 && s[0] == '`' && s[len(s)-1] == '`' {
		s = s[1 : len(s)-1]
	}
	return s
}

// checkName refuses what no field can be called, and the functions of SQL that Frappe has in lists.
func checkName(param, name string) error {
	if name == "" {
		return errorf(param, "a field's name is empty")
	}
	if len(name) > MaxText || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return errorf(param, "a field's name is not usable text")
	}
	if head, _, call := strings.Cut(strings.ToLower(name), "("); call {
		switch strings.TrimSpace(head) {
		case "count", "sum", "avg", "min", "max", "distinct":
			return errorf(param, "functions such as %s() are not supported", strings.TrimSpace(head))
		}
	}
	return nil
}

func parseOrder(s string) ([]Order, error) {
	const param = "order_by"
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	keys := strings.Split(s, ",")
	if len(keys) > MaxOrder {
		return nil, errorf(param, "more than %d keys", MaxOrder)
	}
	order := make([]Order, 0, len(keys))
	for _, key := range keys {
		o := Order{Field: strings.TrimSpace(key)}
		if i := strings.LastIndexFunc(o.Field, unicode.IsSpace); i >= 0 {
			switch strings.ToLower(o.Field[i+1:]) {
			case "desc":
				o.Desc = true
				o.Field = o.Field[:i]
			case "asc":
				o.Field = o.Field[:i]
			}
		}
		o.Field = bareName(o.Field)
		if err := checkName(param, o.Field); err != nil {
			return nil, err
		}
		order = append(order, o)
	}
	return order, nil
}

// ParseFilters reads the JSON of the filters parameter in any of its shapes: {field: value},
// {field: [operator, value]}, [[field, operator, value]], [[doctype, field, operator, value]], one such list by
// itself, and "name" for the document of that name. No text and null are no filters. The doctype is passed over.
func ParseFilters(text []byte) ([]Filter, error) { return parseFilters("filters", string(text)) }

func checkJSON(param, text string) error {
	if len(text) > MaxFilter {
		return errorf(param, "longer than %d bytes", MaxFilter)
	}
	if !jsontext.Value(text).IsValid() {
		return errorf(param, "must be JSON")
	}
	return nil
}

func parseFilters(param, text string) ([]Filter, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	if err := checkJSON(param, text); err != nil {
		return nil, err
	}
	v := gjson.Parse(text)
	switch {
	case v.Type == gjson.Null:
		return nil, nil
	case v.Type == gjson.String:
		return []Filter{NewFilter("name", Equal, v.Str)}, nil
	case v.IsObject():
		return filtersOfObject(param, nil, v)
	case v.IsArray():
		return filtersOfList(param, v.Array())
	}
	return nil, errorf(param, "must be an object or a list")
}

func filtersOfObject(param string, filters []Filter, object gjson.Result) ([]Filter, error) {
	var err error
	object.ForEach(func(field, value gjson.Result) bool {
		op := gjson.Result{Type: gjson.String, Str: string(Equal)}
		if value.IsArray() {
			pair := value.Array()
			if len(pair) != 2 {
				err = errorf(param, "%s must be a value or [operator, value]", field.Str)
				return false
			}
			op, value = pair[0], pair[1]
		}
		var f Filter
		if f, err = newFilter(param, field, op, value); err != nil {
			return false
		}
		filters = append(filters, f)
		return len(filters) <= MaxFilters
	})
	return filters, err
}

func filtersOfList(param string, list []gjson.Result) ([]Filter, error) {
	if len(list) >= 2 && list[0].Type == gjson.String {
		f, err := filterOfList(param, list)
		return []Filter{f}, err
	}
	var filters []Filter
	for _, e := range list {
		var err error
		switch {
		case e.IsObject():
			filters, err = filtersOfObject(param, filters, e)
		case e.IsArray():
			var f Filter
			f, err = filterOfList(param, e.Array())
			filters = append(filters, f)
		default:
			err = errorf(param, "each filter must be a list such as [field, operator, value]")
		}
		if err != nil {
			return nil, err
		}
		if len(filters) > MaxFilters {
			return nil, errorf(param, "more than %d", MaxFilters)
		}
	}
	return filters, nil
}

// filterOfList reads [field, value], [field, operator, value] and [doctype, field, operator, value]; Frappe's
// pages add a fifth element that means nothing here.
func filterOfList(param string, e []gjson.Result) (Filter, error) {
	equal := gjson.Result{Type: gjson.String, Str: string(Equal)}
	switch len(e) {
	case 2:
		return newFilter(param, e[0], equal, e[1])
	case 3:
		return newFilter(param, e[0], e[1], e[2])
	case 4, 5:
		return newFilter(param, e[1], e[2], e[3])
	}
	return Filter{}, errorf(param, "each filter must be a list such as [field, operator, value]")
}

func newFilter(param string, field, op, value gjson.Result) (Filter, error) {
	if field.Type != gjson.String {
		return Filter{}, errorf(param, "a field's name must be a string")
	}
	f := Filter{Field: bareName(field.Str)}
	if err := checkName(param, f.Field); err != nil {
		return f, err
	}
	f.Op = Operator(strings.ToLower(strings.Join(strings.Fields(op.Str), " ")))
	if op.Type != gjson.String || !f.Op.known() {
		return f, errorf(param, "%s: %s is none of the operators =, !=, <, >, <=, >=, in, not in, like, not like, between, is", f.Field, op.Raw)
	}
	list := []gjson.Result{value}
	switch {
	case value.IsArray():
		list = value.Array()
	case value.Type == gjson.String && (f.Op == In || f.Op == NotIn):
		list = nil
		for s := range strings.SplitSeq(value.Str, ",") {
			list = append(list, gjson.Result{Type: gjson.String, Str: strings.TrimSpace(s)})
		}
	}
	for _, e := range list {
		v, ok := newValue(e)
		if !ok {
			return f, errorf(param, "%s: a value must be text, a number, true, false or null", f.Field)
		}
		f.Values = append(f.Values, v)
	}
	if value.IsArray() && f.Op != In && f.Op != NotIn && f.Op != Between {
		return f, errorf(param, "%s: %s takes one value, not a list", f.Field, f.Op)
	}
	if err := f.check(); err != nil {
		err.Param = param
		return f, err
	}
	return f, nil
}

func newValue(e gjson.Result) (Value, bool) {
	switch e.Type {
	case gjson.Null:
		return Value{}, true
	case gjson.String:
		return Value{Kind: TextValue, Text: e.Str}, true
	case gjson.Number:
		return Value{Kind: NumberValue, Text: e.Raw}, true
	case gjson.True, gjson.False:
		return Value{Kind: BoolValue, Text: e.Raw}, true
	case gjson.JSON:
	}
	return Value{}, false
}
