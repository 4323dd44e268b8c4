// Package activity answers what people ask first of deliveries: how many there
// were in each of the last minutes, and what failed lately. It only reads, and
// what it reads is bounded: it costs an index of the times asked for, not the
// deliveries that there are.
package activity
