// Package deliveries is the pages about what was sent to webhooks and what waits:
// the log of requests with its filters, one delivery with all that is known of its
// attempts, sending again one of them or all that a filter lets through, and the
// log as a file.
package deliveries
