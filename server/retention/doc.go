// Package retention removes what is over and old while the service runs: deliveries with their attempts, the beginning of the log,
// what jobs brought, and answers to requests with an Idempotency-Key. Documents, trashed ones too, are never removed by age.
//
// It works in short transactions with pauses between them. What has not gone out yet is kept whatever its age: a webhook that stands
// still keeps the log from its cursor on, which is said in the service's log. On SQLite the file does not shrink; what becomes free in
// it is used again.
package retention
