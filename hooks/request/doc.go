// Package request holds the HTTP requests that events lead to, before they are signed and sent: what is kept of one until its next
// attempt, and how one is shown to people without its secrets.
package request
