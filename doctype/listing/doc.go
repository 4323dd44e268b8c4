// Package listing answers list requests from a table with the standard columns and JSON text in its column data.
package listing
