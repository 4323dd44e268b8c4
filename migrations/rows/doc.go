// Package rows inserts many rows in one statement, on SQLite and on PostgreSQL, from columns of Go values, and cuts what is too
// much for one.
package rows
