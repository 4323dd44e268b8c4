package migrations_test

import (
	"fmt"
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
