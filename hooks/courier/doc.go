// Package courier is the moving side of delivery: for every enabled webhook and
// every durable subscriber one walker reads the log from its cursor, sends what
// it wants, and writes down what came of it.
//
// What it promises:
//
//   - At least once. The cursor passes an event only in the transaction that
//     records its outcome. After a crash what was not recorded is sent again,
//     with the same bytes and the same Webhook-Id.
//   - Order per document. Events of one document are sent one after the other, in
//     the order of their commits; one that fails holds back the later ones of its
//     document and nothing else.
//   - Isolation. Each walker has its own window, connections and budget. One that
//     fails or is paused stops reading and costs nothing per waiting event.
//   - One walker per webhook among all processes of a database, by a lease. No
//     attempt begins that could outlast the lease.
package courier
