package migrations

import (
	"context"
	"fmt"
)

// Size is how many bytes the database takes: on SQLite the pages of its file, on
// PostgreSQL what the server says of the database.
func Size(ctx context.Context, db *DB) (int64, error) {
	query := "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if db.Postgres() {
		query = "SELECT pg_database_size(current_database())"
	}
	var n int64
	if err := db.Read.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("size of the database: %w", err)
	}
	return n, nil
}

// ServerVersion is that of the database: "SQLite 3.51.2" or "PostgreSQL 15.4".
func ServerVersion(ctx context.Context, db *DB) (string, error) {
	name, query := "SQLite ", "SELECT sqlite_version()"
	if db.Postgres() {
		name, query = "PostgreSQL ", "SHOW server_version"
	}
	var version string
	if err := db.Read.QueryRowContext(ctx, query).Scan(&version); err != nil {
		return "", fmt.Errorf("version of the database: %w", err)
	}
	return name + version, nil
}
