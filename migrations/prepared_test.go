package migrations_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"dochook/migrations"
)

// More statements than are kept, in and out of transactions, before and after the table changed, and after one that failed.
func TestPrepared_statements_are_used_again(t *testing.T) {
	db, err := migrations.Open(t.Context(), "sqlite:"+t.TempDir()+"/a.db", migrations.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		t.Helper()
		stmt, err := db.Write.PrepareContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stmt.ExecContext(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
		if err := stmt.Close(); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE a (n integer PRIMARY KEY, text text)")
	for round := range 3 {
		for i := range 100 {
			exec(fmt.Sprintf("INSERT INTO a (n, text) VALUES (? + %d, ?)", i*1000), round, "x")
		}
		exec(fmt.Sprintf("ALTER TABLE a ADD COLUMN c%d integer", round))
		tx, err := db.Write.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			stmt, err := tx.Tx.PrepareContext(t.Context(), "INSERT INTO a (n, text) VALUES (? + 99000, ?)")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stmt.ExecContext(t.Context(), round, "twice"); err == nil {
				t.Error("a key is there twice")
			}
			_ = stmt.Close()
		}
		_ = tx.Rollback()
	}
	var n int
	if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM a WHERE text = 'x'").Scan(&n); err != nil || n != 300 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// What a query says of its columns does not depend on whether it has arguments.
func TestPrepared_rows_know_their_columns(t *testing.T) {
	db, err := migrations.Open(t.Context(), "sqlite:"+t.TempDir()+"/a.db", migrations.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Write.ExecContext(t.Context(), "CREATE TABLE a (n integer PRIMARY KEY, text text, bytes blob)"); err != nil {
		t.Fatal(err)
	}
	ask := func(query string, args ...any) (out string) {
		rows, err := db.Read.DB.QueryContext(t.Context(), query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		types, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range types {
			nullable, known := c.Nullable()
			out += fmt.Sprint(c.Name(), c.DatabaseTypeName(), c.ScanType(), nullable, known, ";")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if with, without := ask("SELECT n, text, bytes FROM a WHERE n = ?", 1), ask("SELECT n, text, bytes FROM a WHERE n = 1"); with != without {
		t.Errorf("%s, and without arguments %s", with, without)
	}
}

// A statement that is in use is not used a second time.
func TestPrepared_queries_stand_side_by_side(t *testing.T) {
	db, err := migrations.Open(t.Context(), "sqlite:"+t.TempDir()+"/a.db", migrations.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var pairs [][2]int
	count := func(from int, fn func(n int)) {
		rows, err := tx.Tx.QueryContext(t.Context(), "WITH RECURSIVE c(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM c WHERE n % 10 < 3) SELECT n FROM c", from)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			fn(n)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		pairs = nil
		count(1, func(n int) { count(11, func(m int) { pairs = append(pairs, [2]int{n, m}) }) })
		if want := [][2]int{{1, 11}, {1, 12}, {1, 13}, {2, 11}, {2, 12}, {2, 13}, {3, 11}, {3, 12}, {3, 13}}; !slices.Equal(pairs, want) {
			t.Errorf("got %v", pairs)
		}
	}
}
