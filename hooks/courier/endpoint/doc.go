// Package endpoint is what is known of where a webhook sends to: whether it answers, and how fast it may be sent to. It has no
// clock and sends nothing.
package endpoint
