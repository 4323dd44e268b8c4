package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

const (
	migrationsTable = "schema_migrations"
	// advisoryKey is "dochook" in ASCII; PostgreSQL's advisory locks are per database.
	advisoryKey = 0x646f63686f6f6b
)

// Migration is one step of the schema.
type Migration struct {
	Name      string    // 20261121000000_create_tables
	AppliedAt time.Time // UTC; zero if it is not applied
}

// Up applies the migrations that are missing, each in a transaction together with its entry, and returns their names. After an error
// those named are applied and the failed one has left nothing behind. Processes that start together on one PostgreSQL database wait
// for each other. A database migrated by a newer program is refused (code schema_newer).
func Up(ctx context.Context, db *DB, log *slog.Logger) ([]string, error) {
	return up(ctx, db, dialectFiles(db), log)
}

// Down takes the last applied migrations back, newest first, and returns their names. It drops tables with all that is in them.
func Down(ctx context.Context, db *DB, steps int) ([]string, error) {
	var names []string
	err := locked(ctx, db, dialectFiles(db), func(m *migrate.Migrator) error {
		all, err := known(ctx, m)
		if err != nil {
			return err
		}
		for _, step := range all.Applied() {
			if len(names) >= steps {
				break
			}
			if step.Down == nil {
				return fmt.Errorf("take back %s: it has no way down", step.String())
			}
			if err := step.Down(ctx, m, &step); err != nil {
				return fmt.Errorf("take back %s: %w", step.String(), err)
			}
			names = append(names, step.String())
		}
		return nil
	})
	return names, err
}

// Status lists the migrations this program knows, oldest first. It changes nothing.
func Status(ctx context.Context, db *DB) ([]Migration, error) {
	all, _, err := compare(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]Migration, len(all))
	for i, step := range all {
		list[i] = Migration{Name: step.String(), AppliedAt: step.MigratedAt.UTC()}
	}
	return list, nil
}

// Check returns nil if the schema is exactly the one this program was built for, else an [*Error] with the code schema_newer or
// schema_older. It changes nothing.
func Check(ctx context.Context, db *DB) error {
	all, newer, err := compare(ctx, db)
	if err != nil {
		return err
	}
	if len(newer) > 0 {
		return refuseNewer(newer)
	}
	if missing := all.Unapplied(); len(missing) > 0 {
		return refuse(CodeSchemaOlder, fmt.Sprintf("the database schema is too old, %d migrations are missing: run \"dochook migrate up\"",
			len(missing)), nil)
	}
	return nil
}

// dialectFiles keeps the dialects apart: bun would let files of one replace those of the other with the same number.
func dialectFiles(db *DB) fs.FS {
	folder := "sqlite"
	if db.Postgres() {
		folder = "postgres"
	}
	sub, err := fs.Sub(files, folder)
	if err != nil {
		return embed.FS{} // not reached: both folders are embedded
	}
	return sub
}

func up(ctx context.Context, db *DB, fsys fs.FS, log *slog.Logger) ([]string, error) {
	var names []string
	err := locked(ctx, db, fsys, func(m *migrate.Migrator) error {
		all, err := known(ctx, m)
		if err != nil {
			return err
		}
		group := all.LastGroupID() + 1
		for _, step := range all.Unapplied() {
			start := time.Now()
			step.GroupID = group
			if step.Up == nil {
				return fmt.Errorf("migrate %s: it has no way up", step.String())
			}
			if err := step.Up(ctx, m, &step); err != nil {
				return fmt.Errorf("migrate %s: %w", step.String(), err)
			}
			names = append(names, step.String())
			if log != nil {
				log.InfoContext(ctx, "schema migrated", "migration", step.String(), "duration", time.Since(start))
			}
		}
		return nil
	})
	return names, err
}

// locked runs fn with the right to change the schema. bun's own lock is a row, which a killed process leaves behind for ever; an
// advisory lock goes with its connection. So the whole work is done on a pool of this one connection.
func locked(ctx context.Context, db *DB, fsys fs.FS, fn func(*migrate.Migrator) error) (err error) {
	pool := db.Write
	if db.Postgres() {
		cfg := db.pg.Copy()
		cfg.RuntimeParams["lock_timeout"] = "0" // another process may be migrating for long
		pool = postgresPool(cfg, 1)
		defer func() { err = errors.Join(err, pool.Close()) }() // and the lock goes
		pool.SetConnMaxLifetime(0)
		if _, err := pool.ExecContext(ctx, "SELECT pg_advisory_lock(?)", advisoryKey); err != nil {
			return fmt.Errorf("wait for other migrations: %w", err)
		}
	}
	m, err := newMigrator(pool, fsys)
	if err != nil {
		return err
	}
	if err := createTable(ctx, pool); err != nil {
		return fmt.Errorf("create %s: %w", migrationsTable, err)
	}
	return fn(m)
}

func newMigrator(pool *bun.DB, fsys fs.FS) (*migrate.Migrator, error) {
	found := migrate.NewMigrations()
	if err := found.Discover(fsys); err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return migrate.NewMigrator(pool, found, migrate.WithTableName(migrationsTable), migrate.AfterMigration(record)), nil
}

// record enters or deletes a migration in its own transaction. Left to bun that would be a second transaction, and a crash between the
// two would leave a schema that no later run can work with.
func record(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	if step.IsApplied() {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+migrationsTable+" WHERE name = ?", step.Name)
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO "+migrationsTable+" (name, group_id) VALUES (?, ?)", step.Name, step.GroupID)
	return err
}

func createTable(ctx context.Context, pool *bun.DB) error {
	_, err := pool.NewCreateTable().Model((*migrate.Migration)(nil)).ModelTableExpr(migrationsTable).IfNotExists().Exec(ctx)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "CREATE UNIQUE INDEX IF NOT EXISTS "+migrationsTable+"_name ON "+migrationsTable+" (name)")
	return err
}

// known returns the steps with what is applied of them, and refuses a database that has more.
func known(ctx context.Context, m *migrate.Migrator) (migrate.MigrationSlice, error) {
	newer, err := m.MissingMigrations(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", migrationsTable, err)
	}
	if len(newer) > 0 {
		return nil, refuseNewer(newer)
	}
	all, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", migrationsTable, err)
	}
	return all, nil
}

// compare is known for readers: without a lock, and on a database that may have no table of migrations yet.
func compare(ctx context.Context, db *DB) (all, newer migrate.MigrationSlice, err error) {
	m, err := newMigrator(db.Read, dialectFiles(db))
	if err != nil {
		return nil, nil, err
	}
	query := "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
	if db.Postgres() {
		query = "SELECT count(to_regclass(?))"
	}
	var tables int
	if err := db.Read.QueryRowContext(ctx, query, migrationsTable).Scan(&tables); err != nil {
		return nil, nil, fmt.Errorf("look for %s: %w", migrationsTable, err)
	}
	if tables == 0 {
		found := migrate.NewMigrations()
		if err := found.Discover(dialectFiles(db)); err != nil {
			return nil, nil, fmt.Errorf("read migrations: %w", err)
		}
		return found.Sorted(), nil, nil
	}
	if newer, err = m.MissingMigrations(ctx); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", migrationsTable, err)
	}
	if all, err = m.MigrationsWithStatus(ctx); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", migrationsTable, err)
	}
	return all, newer, nil
}

func refuseNewer(newer migrate.MigrationSlice) error {
	names := make([]string, len(newer))
	for i, step := range newer {
		names[i] = step.Name
	}
	return refuse(CodeSchemaNewer, "the database was migrated by a newer dochook, which this one cannot work with (unknown: "+
		strings.Join(names, ", ")+")", nil)
}
