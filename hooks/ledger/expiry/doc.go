// Package expiry removes what is old and what nobody needs any more, in small steps: deliveries and their attempts, the beginning of the
// log, results of jobs, answers to requests with an Idempotency-Key. What a walker, a retry or a replay still needs stays.
package expiry
