// Package stored reads and writes the rows of documents, many by one statement. It decides nothing.
package stored
