// Package eventlog keeps the append-only log of events, whose positions grow in
// commit order: no reader that has seen position n will ever see a smaller one
// appear later. On SQLite its single writer gives that; on PostgreSQL a lock is
// taken with the append, which therefore is the last step of a transaction.
//
// Whoever wants to be told about changes walks the log with a cursor of its own;
// this package knows nothing of webhooks.
package eventlog
