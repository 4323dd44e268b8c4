package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

var at = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

func event(docType, name string, version int64) doctype.Event {
	return doctype.Event{
		ID: eventlog.NewID(), At: at, DocType: docType, Name: name, Event: doctype.OnInsert, Version: version,
		Data: []byte(`{"n": 2500.0}`), Owner: "me", Creation: at.Add(-time.Hour), ModifiedBy: "you",
	}
}

func appendAll(t *testing.T, db *migrations.DB, events ...doctype.Event) {
	t.Helper()
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		return eventlog.New(db).Append(ctx, tx, events)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLog_gives_back_what_was_appended(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		log := eventlog.New(db)
		if head, err := log.Head(t.Context()); head != 0 || err != nil {
			t.Errorf("an empty log ends at %d, %v", head, err)
		}
		plain, full := event("A", "a/ü", 1), event("A", "a/ü", 2)
		full.Event, full.Changed, full.Job, full.Page = doctype.OnUpdate, []byte(`[{"name":"n","from":1,"to":2500.0}]`), "j", 7
		full.Restored, full.KeyID, full.Hops = true, "k", 3
		appendAll(t, db, plain, full)
		got, err := log.Events(t.Context(), eventlog.Range{Limit: 10})
		if err != nil || len(got) != 2 {
			t.Fatalf("%d events, %v", len(got), err)
		}
		for i, want := range []doctype.Event{plain, full} {
			if want.Pos = got[i].Pos; !reflect.DeepEqual(got[i], want) {
				t.Errorf("got  %+v\nwant %+v", got[i], want)
			}
		}
		if head, err := log.Head(t.Context()); head != got[1].Pos || err != nil {
			t.Errorf("the log ends at %d, %v; want %d", head, err, got[1].Pos)
		}
	})
}

func TestLog_ranges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		log := eventlog.New(db)
		appendAll(t, db, event("A", "x", 1), event("B", "x", 1), event("A", "y", 1))
		appendAll(t, db)
		appendAll(t, db, event("A", "x", 2), event("B", "x", 2))
		all, err := log.Events(t.Context(), eventlog.Range{Limit: 10})
		if err != nil || len(all) != 5 {
			t.Fatalf("%d events, %v", len(all), err)
		}
		pos := make([]int64, len(all))
		for i := range all {
			if pos[i] = all[i].Pos; i > 0 && pos[i] <= pos[i-1] {
				t.Errorf("position %d after %d", pos[i], pos[i-1])
			}
		}
		none := pos[4] + 1
		cases := map[string]func(ctx context.Context) ([]doctype.Event, error){
			"Ax1 Bx1": func(ctx context.Context) ([]doctype.Event, error) { return log.Events(ctx, eventlog.Range{Limit: 2}) },
			"Ay1 Ax2": func(ctx context.Context) ([]doctype.Event, error) {
				return log.Events(ctx, eventlog.Range{After: pos[1], Upto: pos[3], Limit: 9})
			},
			"Bx2": func(ctx context.Context) ([]doctype.Event, error) {
				return log.Events(ctx, eventlog.Range{After: pos[1], DocType: "B", Limit: 9})
			},
			"Bx1 Bx2": func(ctx context.Context) ([]doctype.Event, error) { return log.At(ctx, []int64{pos[4], none, pos[1]}) },
			"":        func(ctx context.Context) ([]doctype.Event, error) { return log.At(ctx, nil) },
			"Ax2 Ax1": func(ctx context.Context) ([]doctype.Event, error) { return log.History(ctx, "A", "x", 9) },
			"Ax2":     func(ctx context.Context) ([]doctype.Event, error) { return log.History(ctx, "A", "x", 1) },
			"Ax1":     func(ctx context.Context) ([]doctype.Event, error) { return log.HistoryBefore(ctx, "A", "x", pos[3], 9) },
		}
		for want, read := range cases {
			events, err := read(t.Context())
			var got []string
			for _, e := range events {
				got = append(got, fmt.Sprintf("%s%s%d", e.DocType, e.Name, e.Version))
			}
			if strings.Join(got, " ") != want || err != nil {
				t.Errorf("got %q, %v; want %q", strings.Join(got, " "), err, want)
			}
		}
	})
}

func TestLog_nothing_of_a_transaction_that_fails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		log, refused := eventlog.New(db), errors.New("refused")
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := log.Append(ctx, tx, []doctype.Event{event("A", "x", 1)}); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if head, err := log.Head(t.Context()); head != 0 || err != nil {
			t.Errorf("the log ends at %d, %v", head, err)
		}
	})
}

// What is near is read first, and then the rest: together they are what one reading would bring.
func TestEvents_of_one_doctype_near_and_far(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		log := eventlog.New(db)
		var all []doctype.Event
		for i := range 300 { // B is dense, then missing, then rare
			name := "A"
			if i < 60 || i > 200 && i%20 == 0 {
				name = "B"
			}
			all = append(all, event(name, fmt.Sprint(i), 1))
		}
		appendAll(t, db, all...)
		stored, err := log.Events(t.Context(), eventlog.Range{Limit: len(all)})
		if err != nil {
			t.Fatal(err)
		}
		bytes := len(stored[0].Data)
		for _, r := range []eventlog.Range{{Limit: 7}, {Limit: 25}, {Limit: 1000}, {Limit: 25, Bytes: 3 * bytes}, {Limit: 25, Bytes: 3*bytes - 1}} {
			for at := 0; at < len(all); at += 9 {
				for _, upto := range []int{0, at + 5, at + 3*r.Limit, at + 5*r.Limit} {
					r.After, r.Upto, r.DocType = stored[at].Pos, 0, "B"
					if upto > 0 {
						r.Upto = stored[min(upto, len(all)-1)].Pos
					}
					var want, got []string
					size := 0
					for i := range stored {
						if e := &stored[i]; e.Pos > r.After && (r.Upto == 0 || e.Pos <= r.Upto) && e.DocType == "B" && len(want) < r.Limit && (r.Bytes == 0 || size < r.Bytes) {
							want, size = append(want, e.Name), size+len(e.Data)
						}
					}
					events, err := log.Events(t.Context(), r)
					for i := range events {
						got = append(got, events[i].Name)
					}
					if err != nil || !slices.Equal(got, want) {
						t.Fatalf("%+v: %v, %v; want %v", r, got, err, want)
					}
				}
			}
		}
	})
}

// What is committed while the log is read must not be passed over.
func TestEvents_passes_nothing_over(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		const pages, each = 60, 40
		done, ended := make(chan error, 1), make(chan struct{}, 1)
		go func() {
			var err error
			for i := range pages {
				<-ended // so that each page comes while its end is read
				page := make([]doctype.Event, each)
				for k := range page {
					page[k] = event("A", fmt.Sprint(i*each+k), 1)
				}
				err = errors.Join(err, db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return eventlog.New(db).Append(ctx, tx, page) }))
			}
			done <- err
		}()
		log, at := eventlog.New(db), int64(0)
		for next := 0; next < pages*each; {
			events, err := log.Events(t.Context(), eventlog.Range{After: at, DocType: "A", Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				select {
				case ended <- struct{}{}:
				default:
				}
			}
			for i := range events {
				if events[i].Name != fmt.Sprint(next) {
					t.Fatalf("%s follows %d", events[i].Name, next-1)
				}
				at, next = events[i].Pos, next+1
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
