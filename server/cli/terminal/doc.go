// Package terminal makes output fit for whoever reads it: a person at a terminal gets tables and colour, a program gets plain text.
package terminal
