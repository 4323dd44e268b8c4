// Package place is where verbs find definitions, jobs and room for records: at a
// running service, over HTTP, or in a database that this process has open. Who
// uses it need not know which of the two it is.
package place
