// Package doctype keeps scraped records as documents of a DocType, finds what
// really changed, and writes every change together with its event in one
// transaction. It is the only writer of documents and of the event log.
//
// A record comes in as raw JSON and goes out byte for byte. Its name (key)
// follows from the DocType's autoname. A write that changes nothing under the
// DocType's comparison rules touches no row and makes no event.
//
// Events stand in one append-only log. Positions grow in commit order: no
// reader that has seen position n will ever see a smaller one appear later.
// Whoever wants to be told about changes walks the log with a cursor of its
// own; this package knows nothing of webhooks.
//
// Programs that embed dochook can register triggers with [Service.On]. They run
// inside the writing transaction, see the document before and after, may change
// it, and reject it by returning an error.
package doctype
