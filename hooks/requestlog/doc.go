// Package requestlog reads the log of webhook requests page by page, newest
// first, as people look through it. A page costs about the same however long the
// log is: it begins at a place, not at a number of rows, nothing is counted, and
// where no index knows the answer it looks through a bounded piece of the log and
// says from where to look on.
package requestlog
