// Package idempotency remembers the answers to pages that came with an Idempotency-Key, in the transaction that
// writes the page.
package idempotency
