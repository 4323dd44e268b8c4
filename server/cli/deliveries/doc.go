// Package deliveries holds the verbs about the Webhook Request Log, of a running service or of a database that is open: to list,
// show and export deliveries, and to send them again.
package deliveries
