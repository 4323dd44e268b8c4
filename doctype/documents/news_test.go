package documents_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
)

// fresh names n records that were never there.
func fresh(n int, word string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%04d=1", word, i)
	}
	return out
}

func wantNews(t *testing.T, p documents.Page, want bool, why string) {
	t.Helper()
	if p.IsNews() != want {
		t.Errorf("taken for news: %t; %s", !want, why)
	}
}

func TestNews_pages_are_taken_for_what_the_last_ones_were(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		next := func(want bool, why string, words ...string) {
			t.Helper()
			p := prepared(t, s, records(words...))
			wantNews(t, p, want, why)
			written(t, s, p)
		}
		next(false, "nothing is known", fresh(64, "a")...)
		next(false, "one page was news", fresh(64, "b")...)
		next(true, "two were", fresh(64, "c")...)
		next(false, "its first document is there", append([]string{"a0000=1"}, fresh(63, "d")...)...)
		next(false, "the last page was not news", fresh(64, "e")...)
		next(false, "one page was again", fresh(64, "f")...)
		next(true, "two were again", fresh(64, "g")...)
		// What is looked at is every fourth of the 64.
		next(true, "what is there is not among those that are looked at", append([]string{"h0000=1", "a0001=1"}, fresh(62, "i")...)...)
		for i := range 17 {
			next(false, "it was wrong", fresh(64, fmt.Sprintf("k%d-", i))...)
		}
		p := prepared(t, s, records(append(fresh(20, "x"), "-x0000")...))
		wantNews(t, p, false, "it removes something")
		p = records(fresh(20, "y")...)
		p.Mode = documents.Merge
		wantNews(t, prepared(t, s, p), false, "it merges")
	})
}

// A page that is taken for news, and is not, comes to what it comes to anyway.
func TestNews_that_are_none(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		written(t, s, records("old1=1", "old2=1", "old3=1"))
		if _, err := s.Trash(t.Context(), "Product", "old3"); err != nil {
			t.Fatal(err)
		}
		before := len(logged(t, s))
		s.ExpectNews("Product")
		words := append([]string{"n0=1", "old1=1", "old2=2", "old3=3", "n4=1", "{broken", "n4=2"}, fresh(57, "z")...)
		p := prepared(t, s, records(words...))
		wantNews(t, p, true, "nothing that is looked at is there")
		if got, want := tallied(written(t, s, p)), "60 new, 1 updated, 1 unchanged, 1 twice, 1 rejected"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		var told []string
		for _, line := range logged(t, s)[before:] {
			if f := strings.Fields(line); !strings.HasPrefix(f[1], "z") {
				told = append(told, strings.Join(f[:3], " "))
			}
		}
		slices.Sort(told)
		if got, want := strings.Join(told, ", "), "on_insert n0 v1, on_insert n4 v1, on_insert old3 v3, on_update old2 v2"; got != want {
			t.Errorf("logged %s, want %s", got, want)
		}
		p = prepared(t, s, records(fresh(64, "later")...))
		wantNews(t, p, false, "the last guess was wrong")
	})
}

// Whoever guesses must come to the same as who looks.
func TestNews_guessed_and_looked_up_are_the_same(t *testing.T) {
	const other = `{"name":"Looked","autoname":"field:sku"}`
	each(t, []string{product, other}, func(t *testing.T, s *documents.Service) {
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a story that can be told again
		guesses, wrong, last := 0, 0, 0
		for range 40 {
			words := make([]string, 50+random.IntN(60))
			for i := range words {
				switch random.IntN(25) {
				case 0:
					words[i] = "{broken"
				case 1, 2: // most likely there already, or trashed
					words[i] = fmt.Sprintf("p%d=%d", random.IntN(last+1), random.IntN(3))
				default:
					last++
					words[i] = fmt.Sprintf("p%d=1", last)
				}
			}
			s.ExpectNews("Product")
			guess := prepared(t, s, records(words...))
			got := written(t, s, guess)
			if guess.IsNews() {
				guesses++
				if got.Updated+got.Unchanged > 0 {
					wrong++
				}
			}
			want, err := s.WritePage(t.Context(), "Looked", records(words...))
			if err != nil || outcomes(got) != outcomes(want) {
				t.Fatalf("%v: %s, want %s, %v", words, outcomes(got), outcomes(want), err)
			}
			if random.IntN(3) == 0 {
				name := fmt.Sprintf("p%d", random.IntN(last+1))
				_, gotErr := s.Trash(t.Context(), "Product", name)
				_, wantErr := s.Trash(t.Context(), "Looked", name)
				if (gotErr == nil) != (wantErr == nil) {
					t.Fatalf("%s: %v, %v", name, gotErr, wantErr)
				}
			}
		}
		var guessed, looked []string
		all, err := s.Log().Events(t.Context(), eventlog.Range{Limit: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			line := fmt.Sprintf("%s %s v%d %s %s %t", e.Event, e.Name, e.Version, e.Data, e.Changed, e.Restored)
			if e.DocType == "Product" {
				guessed = append(guessed, line)
			} else {
				looked = append(looked, line)
			}
		}
		if wrong < 3 || !slices.Equal(guessed, looked) {
			t.Errorf("%d guesses, %d of them wrong; %d events, want %d", guesses, wrong, len(guessed), len(looked))
		}
	})
}

// Pages that bring the same news at the same time make one event of each document and version.
func TestNews_at_the_same_time(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		var all sync.WaitGroup
		var mu sync.Mutex
		var sum documents.PageResult
		pages := make([]documents.Page, 4)
		for i := range pages {
			s.ExpectNews("Product")
			pages[i] = prepared(t, s, records(fresh(100, "same")...))
			wantNews(t, pages[i], true, "nothing is there")
		}
		for _, p := range pages {
			all.Go(func() {
				r, err := s.WritePage(t.Context(), "Product", p)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				sum.Inserted, sum.Unchanged = sum.Inserted+r.Inserted, sum.Unchanged+r.Unchanged
			})
		}
		all.Wait()
		if n := len(logged(t, s)); n != 100 || sum.Inserted != 100 || sum.Unchanged != 300 {
			t.Errorf("%d events, %d inserted, %d unchanged", n, sum.Inserted, sum.Unchanged)
		}
	})
}

func TestNews_are_not_what_triggers_and_empty_pages_make_of_them(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		refused := records("{broken", "{broken too")
		refused.IdempotencyKey = "refused"
		for range 3 {
			written(t, s, refused)
			refused.Number++
		}
		p := prepared(t, s, records(fresh(64, "a")...))
		wantNews(t, p, false, "the pages before brought nothing")
		written(t, s, records("other=1"))

		// A trigger of the transaction that comes between reads what there is.
		s.ExpectNews("Product")
		p = prepared(t, s, records(fresh(64, "b")...))
		wantNews(t, p, true, "nothing is there")
		on(t, s, "Product", doctype.OnInsert, func(ctx context.Context, _ *documents.Write) error {
			_, err := s.Update(ctx, "Product", "other", []byte(`{"v":2}`), documents.UpdateOptions{})
			return err
		})
		if got, want := tallied(written(t, s, p)), "64 new, 0 updated, 0 unchanged, 0 twice, 0 rejected"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// What is written beside a page of news, by who hears of it, is looked up.
func TestNews_beside_others(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		written(t, s, records("other=1"))
		s.OnSeen(func(ctx context.Context, _ bun.Tx, _ string, names []string) error {
			if names[0] == "other" {
				return nil
			}
			_, err := s.Update(ctx, "Product", "other", []byte(`{"v":2}`), documents.UpdateOptions{})
			return err
		})
		s.ExpectNews("Product")
		p := prepared(t, s, records(fresh(64, "b")...))
		wantNews(t, p, true, "nothing is there")
		if got, want := tallied(written(t, s, p)), "64 new, 0 updated, 0 unchanged, 0 twice, 0 rejected"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if d, err := s.Get(t.Context(), "Product", "other"); err != nil || string(d.Record) != `{"sku":"other","v":2}` {
			t.Errorf("%s, %v", d.Record, err)
		}
	})
}
