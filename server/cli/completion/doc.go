// Package completion writes the scripts by which shells complete the program's command line. They are made from its grammar and stand for
// themselves: completing runs nothing.
package completion
