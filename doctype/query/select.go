package query

import "slices"

// StandardColumns describes the columns that every table of Frappe-style
// documents has: name, owner, creation, modified and modified_by, the times in
// microseconds; docstatus and idx are always 0.
func StandardColumns() map[string]Column {
	return map[string]Column{
		"name":        {SQL: "name", Kind: Text},
		"owner":       {SQL: "owner", Kind: Text},
		"creation":    {SQL: "creation", Kind: Time},
		"modified":    {SQL: "modified", Kind: Time},
		"modified_by": {SQL: "modified_by", Kind: Text},
		"docstatus":   {SQL: "0", Kind: Int},
		"idx":         {SQL: "0", Kind: Int},
	}
}

// Select is the statement of a list query on table, with its arguments.
// restrict ("" = none) and its args hold beside the caller's filters.
func (s Source) Select(columns, table, restrict string, args []any, q Query) (string, []any, error) {
	text, all, err := s.Unordered(columns, table, restrict, args, q)
	if err != nil {
		return "", nil, err
	}
	order, orderArgs, err := s.OrderBy(q)
	if err != nil {
		return "", nil, err
	}
	text, all = text+order, append(all, orderArgs...)
	if q.Limit >= 0 || q.Start > 0 {
		limit := int64(q.Limit)
		if limit < 0 {
			limit = 1 << 62 // SQLite has no OFFSET without LIMIT
		}
		text, all = text+" LIMIT ? OFFSET ?", append(all, limit, q.Start)
	}
	return text, all, nil
}

// Unordered is the statement of everything that passes the filters, in whatever order the database finds it.
func (s Source) Unordered(columns, table, restrict string, args []any, q Query) (string, []any, error) {
	where, filterArgs, err := s.Where(q)
	if err != nil {
		return "", nil, err
	}
	return "SELECT " + columns + " FROM " + table + conditions(restrict, where), append(slices.Clone(args), filterArgs...), nil
}

// Count is the statement that counts what Select lists without a limit.
func (s Source) Count(table, restrict string, args []any, q Query) (string, []any, error) {
	return s.Unordered("count(*)", table, restrict, args, q)
}

func conditions(restrict, where string) string {
	switch {
	case restrict == "" && where == "":
		return ""
	case restrict == "":
		return " WHERE " + where
	case where == "":
		return " WHERE " + restrict
	default:
		return " WHERE " + restrict + " AND (" + where + ")"
	}
}
