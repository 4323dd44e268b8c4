// Package diff tells people what differs between two JSON values: one line for
// each place, with the path to it, and long values cut to what differs.
package diff
