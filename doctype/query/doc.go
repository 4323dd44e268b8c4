// Package query turns what a caller asks of a list into SQL. It reads Frappe's list parameters (fields, filters,
// or_filters, order_by, limit_start, limit_page_length) and writes a WHERE and an ORDER BY that give the same
// rows in the same order on SQLite and on PostgreSQL, over columns and over the members of a JSON text column.
// Values travel as arguments and names as quoted literals, never as SQL.
package query
