// Package web is what every door of the service shares: a handler returns an
// error, and one place turns it into a status, a body and a log line.
//
// A route is made by Responder.Route from an access level, its limits and a
// Handler:
//
//	r := web.NewResponder(keys, web.Options{Logger: log})
//	engine.GET("/api/things/:name", r.Route(web.Reader, web.Limits{}, getThing))
//
// Errors are recognised by a word, their Code method; the table in errors.go
// maps the words to the HTTP status and exc_type a Frappe client expects. An
// error without a word, or with one that is not in the table, is internal: its
// text goes to the log and the client gets the request id that stands there
// too.
//
// Besides Code an error may have the methods ClientMessage() string (its text
// without the cause, instead of Error), FieldName() string (what is wrong),
// Details() map[string]any (members to be added to the body) and
// RetryAfter() time.Duration.
package web
