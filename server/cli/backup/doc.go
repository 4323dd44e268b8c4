// Package backup holds the verbs that copy a SQLite database while it is in use, and put such a copy in the place of one. PostgreSQL has
// its own programs for both.
package backup
