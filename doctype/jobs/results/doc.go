// Package results keeps what the pages of jobs brought: the accepted records, packed, and which documents were seen.
package results
