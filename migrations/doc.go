// Package migrations opens the database and keeps its schema current, so that every other package can rely on one writer, many readers
// and exactly the tables it was built for, on SQLite and on PostgreSQL.
//
// [Open] gives a [DB]; [Up] brings its schema to the version this program was built with, [Check] refuses any other. Errors of the two
// drivers have one name each: [IsConflict], [IsRetryable], [IsUnavailable], [IsFull].
//
// The SQL lies in one folder per dialect, with the same file names in both: <14 digits>_<verb_noun>.tx.up.sql and .tx.down.sql.
// A file is run in one transaction together with its entry in the table schema_migrations, statements separated by a line "--bun:split".
package migrations
