// Package watch holds the verb tail, which shows what happens in a running service as it happens: events of the log, and attempts to
// deliver them.
//
// Events come as a stream of the service, which goes on after a break where it ended. Attempts are found in the Webhook Request Log, the
// one place that knows those of all services on a database: tail asks it again and again for deliveries that began lately, and for those
// that are being retried. Both are looked up by an index; how long the log is does not matter.
package watch
