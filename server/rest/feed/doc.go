// Package feed lets other programs follow the log: reads of what came after a
// position, and streams of server-sent events (the text/event-stream of the HTML
// standard) that go on with what is committed while they are open.
//
// In a stream the id of an event is its position, so that a client which
// reconnects with Last-Event-ID gets each event once.
package feed
