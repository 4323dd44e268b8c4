package migrations

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// Redact returns a database URL without password and parameters, without
// connecting to it; what is no PostgreSQL URL comes back as it is if it names
// a SQLite file, else hidden.
func Redact(url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return url
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return "(not a database URL)"
	}
	return redactedPostgres(cfg)
}
