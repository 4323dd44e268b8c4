package migrations_test

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestFiles_have_the_same_names_in_both_dialects(t *testing.T) {
	name := regexp.MustCompile(`^(\d{14}_[a-z0-9_]+)\.tx\.(up|down)\.sql$`)
	byDialect := map[string][]string{}
	for _, dialect := range []string{"postgres", "sqlite"} {
		entries, err := fs.ReadDir(migrations.Files(), dialect)
		if err != nil {
			t.Fatal(err)
		}
		ways := map[string]int{}
		for _, e := range entries {
			byDialect[dialect] = append(byDialect[dialect], e.Name())
			m := name.FindStringSubmatch(e.Name())
			if m == nil {
				t.Errorf("%s/%s: the name is not <14 digits>_<verb_noun>.tx.up.sql or .tx.down.sql", dialect, e.Name())
				continue
			}
			ways[m[1]]++
		}
		for step, n := range ways {
			if n != 2 {
				t.Errorf("%s/%s needs one file up and one down", dialect, step)
			}
		}
	}
	if !slices.Equal(byDialect["postgres"], byDialect["sqlite"]) {
		t.Errorf("postgres has %v, sqlite has %v", byDialect["postgres"], byDialect["sqlite"])
	}
}

func TestUp_down_up(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			db, ctx := dbtest.Open(t, dbtest.EmptyURL(t, dialect)), t.Context()
			wantCode(t, migrations.Check(ctx, db), migrations.CodeSchemaOlder)
			first := mustUp(t, db)
			if len(first) == 0 || len(schema(t, db)) < 10 {
				t.Fatalf("applied %v, made %v", first, schema(t, db))
			}
			if err := migrations.Check(ctx, db); err != nil {
				t.Error(err)
			}
			if again := mustUp(t, db); len(again) != 0 {
				t.Errorf("a second time applied %v", again)
			}
			before := schema(t, db)

			down, err := migrations.Down(ctx, db, 1000)
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(down)
			if !slices.Equal(down, first) {
				t.Errorf("took back %v of %v", down, first)
			}
			if left := schema(t, db); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			status, err := migrations.Status(ctx, db)
			if err != nil || len(status) != len(first) || !status[0].AppliedAt.IsZero() {
				t.Errorf("status is %v (%v)", status, err)
			}

			mustUp(t, db)
			if after := schema(t, db); !slices.Equal(before, after) {
				t.Errorf("before: %v\nafter: %v", before, after)
			}
			status, err = migrations.Status(ctx, db)
			if err != nil || status[0].AppliedAt.Year() < 2025 || status[0].Name != first[0] {
				t.Errorf("status is %v (%v)", status, err)
			}
		})
	}
}

func TestDown_goes_step_by_step(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		down, err := migrations.Down(t.Context(), db, 0)
		if err != nil || len(down) != 0 {
			t.Errorf("took back %v (%v)", down, err)
		}
		down, err = migrations.Down(t.Context(), db, 1)
		if err != nil || len(down) != 1 {
			t.Errorf("took back %v (%v)", down, err)
		}
	})
}

func TestStatus_changes_nothing(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			db := dbtest.Open(t, dbtest.EmptyURL(t, dialect))
			status, err := migrations.Status(t.Context(), db)
			if err != nil || len(status) == 0 || !status[0].AppliedAt.IsZero() {
				t.Errorf("status is %v (%v)", status, err)
			}
			query := "SELECT count(*) FROM sqlite_schema"
			if db.Postgres() {
				query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
			}
			var tables int
			if err := db.Read.QueryRowContext(t.Context(), query).Scan(&tables); err != nil || tables != 0 {
				t.Errorf("%d tables (%v)", tables, err)
			}
		})
	}
}

func TestNewer_schema_is_refused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		query := "INSERT INTO schema_migrations (name, group_id) VALUES ('29991231235959', 99)"
		if _, err := db.Write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
		wantCode(t, migrations.Check(t.Context(), db), migrations.CodeSchemaNewer)
		_, err := migrations.Up(t.Context(), db, nil)
		wantCode(t, err, migrations.CodeSchemaNewer)
		_, err = migrations.Down(t.Context(), db, 1)
		wantCode(t, err, migrations.CodeSchemaNewer)
		if len(schema(t, db)) == 0 {
			t.Error("Down touched a newer schema")
		}
	})
}

func TestUp_failed_migration_leaves_nothing(t *testing.T) {
	good := &fstest.MapFile{Data: []byte("CREATE TABLE good (a integer);\n")}
	broken := &fstest.MapFile{Data: []byte("CREATE TABLE half (a integer);\n--bun:split\nCREATE TABEL oops;\n--bun:split\nCREATE TABLE never (a integer);\n")}
	mended := &fstest.MapFile{Data: []byte("CREATE TABLE half (a integer);\n--bun:split\nCREATE TABLE oops (a integer);\n")}
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			db := dbtest.Open(t, dbtest.EmptyURL(t, dialect))
			steps := fstest.MapFS{"20260101000000_good.tx.up.sql": good, "20260102000000_broken.tx.up.sql": broken}
			for range 2 { // and it fails again, rather than count as done
				names, err := migrations.UpFrom(t.Context(), db, steps)
				if err == nil || !strings.Contains(err.Error(), "20260102000000_broken") {
					t.Errorf("got error %v", err)
				}
				if len(names) > 1 || !slices.Equal(tables(t, db), []string{"good"}) {
					t.Errorf("applied %v, tables %v", names, tables(t, db))
				}
			}
			steps["20260102000000_broken.tx.up.sql"] = mended
			names, err := migrations.UpFrom(t.Context(), db, steps)
			if err != nil || !slices.Equal(names, []string{"20260102000000_broken"}) {
				t.Errorf("applied %v (%v)", names, err)
			}
			if got := tables(t, db); !slices.Equal(got, []string{"good", "half", "oops"}) {
				t.Errorf("tables %v", got)
			}
		})
	}
}

func TestUp_of_several_processes_on_one_database(t *testing.T) {
	url := dbtest.EmptyURL(t, dbtest.Postgres)
	var wg sync.WaitGroup
	var mu sync.Mutex
	applied := map[string]int{}
	for range 8 {
		db := dbtest.Open(t, url)
		wg.Go(func() {
			names, err := migrations.Up(t.Context(), db, nil)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names {
				applied[name]++
			}
		})
	}
	wg.Wait()
	for name, n := range applied {
		if n != 1 {
			t.Errorf("%s was applied %d times", name, n)
		}
	}
	if err := migrations.Check(t.Context(), dbtest.Open(t, url)); err != nil {
		t.Error(err)
	}
}

func TestUp_waits_for_another_and_goes_on_when_that_is_killed(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	other, err := db.Write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }() // of a dead connection
	var pid int
	if err := other.QueryRowContext(t.Context(), "SELECT pg_backend_pid() FROM pg_advisory_lock(?)", 0x646f63686f6f6b).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := migrations.Up(t.Context(), db, nil)
		done <- err
	}()
	eventually(t, func() bool {
		var waiting int
		query := "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
		return db.Read.QueryRowContext(t.Context(), query).Scan(&waiting) == nil && waiting == 1
	})
	if _, err := db.Read.ExecContext(t.Context(), "SELECT pg_terminate_backend(?)", pid); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSchema_is_the_same_in_both_dialects(t *testing.T) {
	lite, pg := schema(t, dbtest.New(t, dbtest.SQLite)), schema(t, dbtest.New(t, dbtest.Postgres))
	for _, line := range lite {
		if !slices.Contains(pg, line) {
			t.Errorf("only on SQLite: %s", line)
		}
	}
	for _, line := range pg {
		if !slices.Contains(lite, line) {
			t.Errorf("only on PostgreSQL: %s", line)
		}
	}
}

func mustUp(t *testing.T, db *migrations.DB) []string {
	t.Helper()
	names, err := migrations.Up(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var own *migrations.Error
	if !errors.As(err, &own) || own.Code() != code {
		t.Errorf("got %v, want code %s", err, code)
	}
}

func tables(t *testing.T, db *migrations.DB) []string {
	t.Helper()
	var names []string
	for _, line := range schema(t, db) {
		name, _, _ := strings.Cut(line, " ")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// schema describes every column and index, sorted: "table 1 column type null|not null" and "table index columns". The types are SQLite's.
func schema(t *testing.T, db *migrations.DB) []string {
	t.Helper()
	query := sqliteSchema
	if db.Postgres() {
		query = postgresSchema
	}
	var lines []string
	if err := db.Read.NewRaw(query).Scan(t.Context(), &lines); err != nil {
		t.Fatal(fmt.Errorf("read the schema: %w", err))
	}
	return lines
}

// An "integer PRIMARY KEY" is SQLite's row id and never null, though the catalog does not say so. A primary key is an index by the name
// of its table.
const sqliteSchema = `
WITH tables AS (SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations')
SELECT t.name || ' ' || (c.cid + 1) || ' ' || c.name || ' ' || lower(c.type) ||
	CASE WHEN c."notnull" = 1 OR (c.pk = 1 AND lower(c.type) = 'integer') THEN ' not null' ELSE ' null' END AS line
FROM tables t, pragma_table_info(t.name) c
UNION ALL
SELECT t.name || ' key ' || group_concat(c.name, ',' ORDER BY c.pk)
FROM tables t, pragma_table_info(t.name) c WHERE c.pk > 0 GROUP BY t.name
UNION ALL
SELECT t.name || ' ' || CASE WHEN i."unique" THEN 'unique ' ELSE '' END || i.name || ' ' ||
	group_concat(x.name || CASE WHEN x."desc" THEN ' desc' ELSE '' END, ',' ORDER BY x.seqno)
FROM tables t, pragma_index_list(t.name) i, pragma_index_xinfo(i.name) x WHERE i.origin = 'c' AND x.key GROUP BY t.name, i.name
ORDER BY 1`

const postgresSchema = `
WITH tables AS (
	SELECT oid, relname AS name FROM pg_class
	WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migrations'
), columns AS (
	SELECT i.indrelid, i.indexrelid, i.indisprimary, i.indisunique, string_agg(
		a.attname || CASE WHEN i.indoption[k.n - 1] & 1 = 1 THEN ' desc' ELSE '' END, ',' ORDER BY k.n) AS list
	FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n), pg_attribute a
	WHERE a.attrelid = i.indrelid AND a.attnum = k.attnum GROUP BY 1, 2, 3, 4
)
SELECT t.name || ' ' || a.attnum || ' ' || a.attname || ' ' ||
	replace(replace(format_type(a.atttypid, a.atttypmod), 'bigint', 'integer'), 'bytea', 'blob') ||
	CASE WHEN a.attnotnull THEN ' not null' ELSE ' null' END AS line
FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT t.name || ' key ' || c.list FROM tables t JOIN columns c ON c.indrelid = t.oid WHERE c.indisprimary
UNION ALL
SELECT t.name || ' ' || CASE WHEN c.indisunique THEN 'unique ' ELSE '' END || i.relname || ' ' || c.list
FROM tables t JOIN columns c ON c.indrelid = t.oid JOIN pg_class i ON i.oid = c.indexrelid WHERE NOT c.indisprimary
ORDER BY 1`
