// Package trigger holds the code of a program that runs when documents are written.
package trigger
