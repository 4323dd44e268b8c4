package ledger_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"dochook/doctype/query"
	"dochook/hooks/ledger"
	"dochook/migrations"
)

func TestEach_reads_all_there_is_in_order(t *testing.T) {
	each(t, func(t *testing.T, db *migrations.DB, s *ledger.Store) {
		ctx := t.Context()
		l := claim(t, s, "a", 1<<40)
		var b ledger.Batch
		var want []string
		for pos := int64(1); pos <= 333; pos++ {
			for part := range int64(1 + pos%3) {
				d := ledger.Delivery{
					Key: ledger.Key{Pos: pos, Part: part}, ID: ledger.ID(fmt.Sprintf("%d.%d", pos, part), pos), Status: ledger.Delivered,
					Attempts: pos % 4, CreatedAt: pos, FinishedAt: pos + 9, DurationUS: 5, Detail: ledger.Detail{Bytes: int(pos), Error: "last"},
				}
				if pos%2 == 0 {
					d.Status = ledger.Dead
				}
				for n := int64(1); n < d.Attempts; n++ {
					b.Attempts = append(b.Attempts, ledger.Attempt{Delivery: d.ID, N: n, At: n, Detail: ledger.Detail{Error: "early"}})
				}
				b.Deliveries = append(b.Deliveries, d)
				want = append(want, d.ID)
			}
		}
		slices.Reverse(b.Deliveries) // as they were written is not as they are read
		if err := s.Flush(ctx, l, b); err != nil {
			t.Fatal(err)
		}
		var got []string
		err := s.Each(ctx, query.Query{Limit: 3}, true, func(l *ledger.Logged, attempts []ledger.Attempt) error {
			got = append(got, l.ID)
			one, tried, err := s.Get(ctx, l.ID)
			if err != nil || !reflect.DeepEqual(one, *l) || !reflect.DeepEqual(tried, attempts) {
				t.Errorf("%s: %+v %+v, want %+v %+v, %v", l.ID, *l, attempts, one, tried, err)
			}
			if len(got) == 250 { // what comes meanwhile is not in it
				b := ledger.Batch{Deliveries: []ledger.Delivery{{Key: ledger.Key{Pos: 999}, ID: ledger.ID("LATE", 999), Status: ledger.Delivered}}}
				if err := s.Flush(ctx, claim(t, s, "a", 1<<40), b); err != nil {
					t.Error(err)
				}
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d of %d, %v", len(got), len(want), err)
		}
		filters := []query.Filter{query.NewFilter("status", query.Equal, ledger.Dead), query.NewFilter("pos", query.LessEqual, "20")}
		n := 0
		err = s.Each(ctx, query.Query{Filters: filters}, false, func(l *ledger.Logged, attempts []ledger.Attempt) error {
			if n++; l.Status != ledger.Dead || l.Pos > 20 || attempts != nil {
				t.Errorf("%+v with %d attempts", l, len(attempts))
			}
			return nil
		})
		if count, e := s.Count(ctx, query.Query{Filters: filters}); err != nil || e != nil || int64(n) != count || n == 0 {
			t.Errorf("%d of %d, %v, %v", n, count, err, e)
		}
		enough := errors.New("enough")
		if err := s.Each(ctx, query.Query{}, true, func(*ledger.Logged, []ledger.Attempt) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("%v", err)
		}
		never := func(*ledger.Logged, []ledger.Attempt) error { t.Error("called"); return nil }
		var wrong *query.Error
		if err := s.Each(ctx, query.Query{Filters: []query.Filter{query.NewFilter("pos", query.Equal, "x")}}, false, never); !errors.As(err, &wrong) {
			t.Errorf("%v", err)
		}
	})
}
