// Package dbtest gives tests a fresh, migrated database of each kind, and takes it away again.
//
// SQLite is a file in the test's own folder. PostgreSQL is, in this order: the server named by DOCHOOK_TEST_POSTGRES (a URL whose user
// may create databases), or a server of this process's own, started from installed binaries (in PATH or /usr/lib/postgresql) when the
// first test asks for it. Where there is neither the test is skipped, or fails if the comma list DOCHOOK_REQUIRE contains postgres.
// Under root the server runs as the user postgres or nobody. It ends, and its folder goes, when the process ends, even by kill -9;
// [Main] waits for that.
package dbtest
