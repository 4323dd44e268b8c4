// Package browse goes through the documents of a DocType page by page, in a time
// that does not grow with their number.
//
// The order by modified time and the one by name have an index: a page begins
// where the one before it ended, by a cursor, and no rows are skipped. Filters, a
// search and other orders are asked of a window of the documents that come next;
// where the window ends before the documents do, the page says so and has a
// cursor for the next window.
package browse
