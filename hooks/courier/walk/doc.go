// Package walk is one walk of the log, for one webhook or one durable subscriber: from its cursor on it reads, sends what is wanted, keeps
// each document's order, tries again what failed, and writes down what came of it. Who walks holds the lease on the cursor, and begins
// nothing that could outlast it.
package walk
