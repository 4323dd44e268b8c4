// Package ledger is the database side of delivery: where each walker of the log
// stands and who holds its lease, which deliveries failed and when they are due
// again, and what was tried.
//
// A walker is a webhook or a durable subscriber. Everything at or before its
// cursor is settled: delivered, dead, not wanted, or kept as a retry. What lies
// beyond the cursor costs nothing while it waits. Every write of a walker's
// holder is conditional on its lease's generation, so a process that lost its
// lease can change nothing any more.
//
// Times are microseconds by the database's clock.
package ledger
