// Package rest answers the JSON doors: documents and the built-in DocTypes as
// Frappe's REST API spells them (/api/resource, /api/method, /api/v2/document),
// bulk input, the event log, and the health checks.
//
// Every DocType, built in or not, stands behind the same few functions, a
// collection; the handlers know nothing of what is in it. Records pass through
// as raw bytes: what was sent is what comes back.
//
// The routes themselves, with their access levels and limits, are the table of
// package server. Paths arrive escaped and unescaping is done here, so that a
// name may hold any character; in /api/v2/document a slash in a name must be
// sent as %2F, for /method/ and /events follow the name there.
package rest
