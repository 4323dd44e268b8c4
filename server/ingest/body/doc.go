// Package body reads one request body in bounded memory: it takes off gzip
// (RFC 1952) and zstd (RFC 8878), keeps a [Window] on what comes next, and
// finds where each JSON value (RFC 8259) in it ends, whatever pieces it
// arrives in.
//
// It knows values, not records: what a body is made of, which of its values
// matter and what happens after a fault is decided by whoever reads through the
// window. A value comes out as the exact bytes it was sent as.
//
// Faults are [*Error] values with the byte they were seen at. Functions that
// return that type return nil for no fault.
package body
