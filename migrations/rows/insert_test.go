package rows_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/migrations/rows"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// open makes tables of its own, so that these tests do not change with the schema.
func open(tb testing.TB, db *migrations.DB) *migrations.DB {
	tb.Helper()
	pos, name := "integer PRIMARY KEY AUTOINCREMENT", "text"
	if db.Postgres() {
		pos, name = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", `text COLLATE "C"`
	}
	for _, table := range []string{
		"CREATE TABLE entries (pos " + pos + ", id text NOT NULL, at bigint NOT NULL, data text NOT NULL, job text, page bigint)",
		"CREATE TABLE docs (name " + name + " PRIMARY KEY, data text NOT NULL, hash bytea, version bigint NOT NULL)",
	} {
		if _, err := db.Write.ExecContext(tb.Context(), table); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}

const nasty = "é\t'\"\\{},NULL?$1\n"

// entries has every kind of nullable column, and a table whose database numbers the rows in the order of insertion.
func entries(n int) []rows.Column {
	id, at, data := make([]string, n), make([]int64, n), make([]string, n)
	job, page := make([]*string, n), make([]*int64, n)
	for i := range n {
		id[i], at[i], data[i] = fmt.Sprintf("e%05d", i), int64(i)<<40, nasty
		if i%3 == 0 {
			number, name := int64(i), ""
			page[i], job[i] = &number, &name
		}
	}
	return []rows.Column{
		{Name: "id", Values: id},
		{Name: "at", Values: at},
		{Name: "data", Values: data},
		{Name: "job", Values: job},
		{Name: "page", Values: page},
	}
}

func insert(t *testing.T, db *migrations.DB, table string, cols []rows.Column, suffix string) int64 {
	t.Helper()
	var n int64
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
		n, err = rows.Insert(ctx, tx, table, cols, suffix)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestInsert_keeps_order_and_values(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		open(t, db)
		// On SQLite 90 rows of 5 columns are a chunk; sizes around one and several of them.
		var last int64
		for _, size := range []int{0, 1, 89, 90, 91, 180, 1000} {
			if n := insert(t, db, "entries", entries(size), ""); n != int64(size) {
				t.Fatalf("inserted %d of %d rows", n, size)
			}
			var got []struct {
				Pos, At  int64
				ID, Data string
				Job      *string
				Page     *int64
			}
			if err := db.Read.NewSelect().Table("entries").Where("pos > ?", last).Order("pos").Scan(t.Context(), &got); err != nil {
				t.Fatal(err)
			}
			if len(got) != size {
				t.Fatalf("found %d of %d rows", len(got), size)
			}
			for i, row := range got {
				last = row.Pos
				if row.ID != fmt.Sprintf("e%05d", i) || row.At != int64(i)<<40 || row.Data != nasty {
					t.Fatalf("row %d is %+v", i, row)
				}
				if null := i%3 != 0; (row.Job == nil) != null || (row.Page == nil) != null {
					t.Fatalf("row %d is NULL in the wrong places: %+v", i, row)
				}
				if row.Page != nil && (*row.Page != int64(i) || *row.Job != "") {
					t.Fatalf("row %d: page %d, job %q", i, *row.Page, *row.Job)
				}
			}
		}
	})
}

func docs(n int, version int64) []rows.Column {
	data, name := make([]string, n), make([]string, n)
	versions, hash := make([]int64, n), make([][]byte, n)
	for i := range n {
		data[i], name[i] = strings.Repeat("x", 490)+fmt.Sprintf("%010d", i), fmt.Sprintf("d%07d", i)
		versions[i], hash[i] = version, []byte{0, 1, 0xff, byte(i)}
	}
	return []rows.Column{
		{Name: "name", Values: name},
		{Name: "data", Values: data},
		{Name: "hash", Values: hash},
		{Name: "version", Values: versions},
	}
}

const upsert = "ON CONFLICT (name) DO UPDATE SET data = excluded.data, hash = excluded.hash, version = excluded.version"

func TestInsertNumbered_tells_the_numbers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		open(t, db)
		next := int64(1)
		for _, size := range []int64{1, 89, 0, 90, 91, 1000} { // on SQLite around one and several chunks
			err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				first, last, err := rows.InsertNumbered(ctx, tx, rows.Numbered{Table: "entries", Key: "pos", First: "pg_advisory_xact_lock(1)"}, entries(int(size)))
				if size > 0 && (first != next || last != next+size-1) || size == 0 && (first != 0 || last != 0) {
					t.Errorf("%d rows are %d to %d, want them from %d", size, first, last, next)
				}
				next += size
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestInsert_updates_by_suffix(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		open(t, db)
		insert(t, db, "docs", docs(100, 1), "")
		if n := insert(t, db, "docs", docs(250, 2), upsert); n != 250 {
			t.Errorf("wrote %d rows, want 250", n)
		}
		if n := insert(t, db, "docs", docs(300, 3), "ON CONFLICT DO NOTHING"); n != 50 {
			t.Errorf("inserted %d rows beside the existing ones, want 50", n)
		}
		var sum int64
		if err := db.Read.QueryRowContext(t.Context(), "SELECT sum(version) FROM docs").Scan(&sum); err != nil {
			t.Fatal(err)
		}
		if sum != 2*250+3*50 {
			t.Errorf("versions add up to %d", sum)
		}
	})
}

func TestInsert_keeps_bytes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		open(t, db)
		cols := docs(3, 1)
		cols[2].Values = [][]byte{{0, 0xff, 'x'}, {}, nil}
		insert(t, db, "docs", cols, "")
		var got []struct {
			Hash   []byte
			Length *int
		}
		if err := db.Read.NewSelect().Table("docs").Column("hash").ColumnExpr("length(hash) AS length").Order("name").
			Scan(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[0].Hash, []byte{0, 0xff, 'x'}) || got[1].Length == nil || *got[1].Length != 0 || got[2].Length != nil {
			t.Errorf("got %+v", got)
		}
	})
}

func TestInsert_conflict_leaves_nothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		open(t, db)
		cols := docs(400, 1)
		cols[0].Values.([]string)[399] = "d0000000" //nolint:forcetypeassert // made above
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := rows.Insert(ctx, tx, "docs", cols, "")
			return err
		})
		if !migrations.IsConflict(err) {
			t.Errorf("got %v, want a conflict", err)
		}
		n, err := db.Read.NewSelect().Table("docs").Count(t.Context())
		if err != nil || n != 0 {
			t.Errorf("%d rows left (%v)", n, err)
		}
	})
}

func TestInsert_refuses_wrong_columns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for name, cols := range map[string][]rows.Column{
			"none":    {},
			"shorter": {{Name: "a", Values: []string{"x", "y"}}, {Name: "b", Values: []int64{1}}},
			"empty":   {{Name: "a", Values: []string{"x"}}, {Name: "b", Values: []*string{}}},
			"type":    {{Name: "a", Values: []int{1}}},
		} {
			err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := rows.Insert(ctx, tx, "nowhere", cols, "")
				return err
			})
			var own *rows.Error
			if !errors.As(err, &own) || own.Code() != "invalid" {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

// BenchmarkInsert upserts pages of 500 documents of 500 bytes.
func BenchmarkInsert(b *testing.B) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		b.Run(dialect, func(b *testing.B) {
			db, cols := open(b, dbtest.New(b, dialect)), docs(500, 1)
			name := cols[0].Values.([]string) //nolint:forcetypeassert // made above
			for page := 0; b.Loop(); page++ {
				for i := range name {
					name[i] = fmt.Sprintf("d%07d", page%20*500+i)
				}
				err := db.InTx(b.Context(), func(ctx context.Context, tx bun.Tx) error {
					_, err := rows.Insert(ctx, tx, "docs", cols, upsert)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
