// Package roster shares out the walkers among the servers on one database: each says that it is there, and from how many do so follows
// how many walkers are its own.
package roster
