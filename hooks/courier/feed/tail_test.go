package feed_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/hooks/courier/feed"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// house is a service whose commits a tail is told of, and another that writes to the same log behind its back.
type house struct {
	t           *testing.T
	docs, other *documents.Service
	tail        feed.Tail
}

func open(t *testing.T, db *migrations.DB) *house {
	t.Helper()
	h := &house{t: t, other: documents.New(db, documents.Options{})}
	h.docs = documents.New(db, documents.Options{Logged: h.tail.Add})
	for _, name := range []string{"One", "Two"} {
		d, err := doctype.ParseDocType([]byte(`{"name":"` + name + `","autoname":"field:id"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.docs.InsertDocType(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// page writes n records of a DocType whose names begin with a word: "One/a".
func page(t *testing.T, s *documents.Service, where string, n, version int) {
	t.Helper()
	p := documents.Page{}
	docType, word, _ := strings.Cut(where, "/")
	for i := range n {
		p.Records = append(p.Records, documents.Record{Line: i + 1, Data: fmt.Appendf(nil, `{"id":"%s%d","v":%d,"text":%q}`, word, i, version, strings.Repeat("x", version*10))})
	}
	if _, err := s.WritePage(t.Context(), docType, p); err != nil {
		t.Fatal(err)
	}
}

// walk reads the whole log by a feed from a place on.
func (h *house) walk(l *feed.Log, place int64, limit int) (out []feed.Entry) {
	h.t.Helper()
	for {
		b, err := l.After(h.t.Context(), place, limit)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, b.Entries...)
		if b.Upto == place {
			return out
		}
		place = b.Upto
	}
}

// same compares what a walker with the tail gets to see with what one without gets to see.
func (h *house) same(limit int) {
	h.t.Helper()
	log := h.docs.Log()
	for _, w := range []feed.Wanted{{}, {DocType: "One"}, {DocType: "Two"}, {DocType: "None"}, {JobEvents: true}, {DocType: "One", Bare: true}} {
		all := h.walk(feed.OfLog(log, nil, feed.Wanted{}), 0, limit)
		places := []int64{0}
		if len(all) > 0 {
			places = append(places, all[len(all)/2].Place, all[len(all)-1].Place)
		}
		for _, place := range places {
			h.tail.Doubt()
			got, want := h.walk(feed.OfLog(log, &h.tail, w), place, limit), h.walk(feed.OfLog(log, nil, w), place, limit)
			if len(got) != len(want) {
				var there, missing []int64
				for _, e := range got {
					there = append(there, e.Place)
				}
				for _, e := range want {
					if !slices.Contains(there, e.Place) {
						missing = append(missing, e.Place)
					}
				}
				h.t.Fatalf("%+v from %d: %d entries, not %d; without %v", w, place, len(got), len(want), missing)
			}
			for i := range got {
				if w.Bare { // an empty record and none are the same
					got[i].Event.Data, want[i].Event.Data = append([]byte{}, got[i].Event.Data...), append([]byte{}, want[i].Event.Data...)
				}
				if !reflect.DeepEqual(got[i], want[i]) {
					h.t.Fatalf("%+v from %d: entry %d is\n%+v, not\n%+v", w, place, i, got[i], want[i])
				}
			}
		}
	}
}

func TestTail_is_what_the_log_is(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		h.same(10)
		page(t, h.docs, "One/a", 40, 1)
		h.same(7)
		page(t, h.docs, "Two/ü", 3, 1)
		page(t, h.docs, "One/a", 40, 2)
		if _, err := h.docs.Trash(t.Context(), "One", "a3"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.docs.Restore(t.Context(), "One", "a3"); err != nil {
			t.Fatal(err)
		}
		h.same(500)
		for i := range 8 { // others write in between
			page(t, h.other, "One/b", 2, i+1)
			h.same(500)
			page(t, h.docs, "Two/c", 2, i+1)
			h.same(3)
		}
	})
}

// The log is longer than what is kept of it, and at last a commit is longer, too.
func TestTail_keeps_the_end(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		h.tail.Most = 100_000
		for i := range 9 {
			page(t, h.docs, "One/a", 60, i+1)
		}
		h.same(50)
		page(t, h.docs, "One/a", 600, 10)
		h.same(500)
		page(t, h.docs, "One/a", 1, 11)
		h.same(500)
	})
}

// Commits are told of by the goroutines that made them, in any order.
func TestTail_of_many_writers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		var writers sync.WaitGroup
		for w := range 6 {
			writers.Go(func() {
				for i := range 12 {
					s := h.docs
					if (5*w+7*i)%6 == 0 {
						s = h.other
					}
					page(t, s, fmt.Sprintf("%s/w%d-", []string{"One", "Two"}[w%2], w), 1+(w+i)%4, i+1)
				}
			})
		}
		writers.Wait()
		h.same(20)
	})
}

// What is served from memory is not read.
func TestTail_spares_the_database(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		page(t, h.docs, "One/a", 5, 1)
		head, err := h.docs.Log().Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l := feed.OfLog(h.docs.Log(), &h.tail, feed.Wanted{DocType: "One"})
		if _, err := l.After(t.Context(), head, 10); err != nil { // the database is asked, and said to be at its end
			t.Fatal(err)
		}
		page(t, h.docs, "One/a", 5, 2)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := l.After(t.Context(), head, 10)
		if err != nil || len(b.Entries) != 5 || b.Upto != head+5 {
			t.Fatalf("%+v %v", b, err)
		}
	})
}

// all reads with a walker of its own all there is behind a place.
func (h *house) all(w feed.Wanted, place int64) []feed.Entry {
	h.t.Helper()
	return h.walk(feed.OfLog(h.docs.Log(), &h.tail, w), place, 5)
}

// What others wrote is read by one walker for all of this process that want the same.
func TestTail_reads_for_all(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		for _, s := range []*documents.Service{h.other, h.docs, h.other, h.docs, h.other} {
			page(t, s, fmt.Sprintf("One/%d-", len(h.all(feed.Wanted{}, 0))), 4, 1)
			h.tail.Doubt()
		}
		one := feed.Wanted{DocType: "One"}
		whole, of := h.all(feed.Wanted{}, 0), h.all(one, 0)
		if len(whole) != 20 || len(of) != 20 {
			t.Fatalf("%d and %d entries", len(whole), len(of))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, w := range []feed.Wanted{{}, one} {
			for i, place := range []int64{0, whole[0].Place, whole[9].Place, whole[19].Place} {
				if n := len(h.all(w, place)); n != []int{20, 19, 10, 0}[i] {
					t.Errorf("%+v: %d entries behind %d", w, n, place)
				}
			}
		}
	})
}

// Walkers of different kinds read while many write, each from its own place on, and miss nothing.
func TestTail_of_many_readers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		h.tail.Most = 60_000
		const pages, each = 40, 3
		wanted := []feed.Wanted{{}, {DocType: "One"}, {DocType: "One"}, {DocType: "Two"}, {DocType: "Two", Bare: true}, {DocType: "One"}}
		got := make([][]int64, len(wanted))
		var writers, readers sync.WaitGroup
		for w, s := range []*documents.Service{h.docs, h.other, h.docs} {
			writers.Go(func() {
				for i := range pages {
					page(t, s, fmt.Sprintf("%s/w%d-%d-", []string{"One", "Two"}[i%2], w, i), each, 1)
					h.tail.Doubt()
				}
			})
		}
		written := make(chan struct{})
		for i, w := range wanted {
			readers.Go(func() {
				l, place := feed.OfLog(h.docs.Log(), &h.tail, w), int64(0)
				for over := false; ; {
					b, err := l.After(t.Context(), place, 3+i)
					if err != nil {
						t.Error(err)
						return
					}
					for _, e := range b.Entries {
						got[i] = append(got[i], e.Place)
					}
					if b.Upto == place && over {
						return
					}
					if place = b.Upto; !over {
						select {
						case <-written:
							over = true
						default:
						}
					}
				}
			})
		}
		writers.Wait()
		h.tail.Doubt()
		close(written)
		readers.Wait()
		for i, w := range wanted {
			var want []int64
			for _, e := range h.walk(feed.OfLog(h.docs.Log(), nil, w), 0, 500) {
				want = append(want, e.Place)
			}
			if !slices.Equal(got[i], want) {
				t.Errorf("%+v: %d entries, not %d", w, len(got[i]), len(want))
			}
		}
	})
}

// Who waits for a reading that fails reads by himself.
func TestTail_reader_that_fails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		page(t, h.other, "One/a", 9, 1)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				ctx := t.Context()
				if i%2 == 0 {
					ctx = gone
				}
				b, err := feed.OfLog(h.docs.Log(), &h.tail, feed.Wanted{DocType: "One"}).After(ctx, 0, 10)
				if i%2 == 1 && (err != nil || len(b.Entries) != 9) {
					t.Errorf("%d entries, %v", len(b.Entries), err)
				}
			})
		}
		all.Wait()
	})
}

// A position that this process wrote comes again: another database stands behind the address, and nothing that was known of the first holds.
func TestTail_positions_that_come_again(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		log := h.docs.Log()
		h.tail.Add([]doctype.Event{{ID: "x", Pos: 1, DocType: "One", Version: 1}, {ID: "y", Pos: 2, DocType: "One", Version: 1}})
		if b, err := feed.OfLog(log, &h.tail, feed.Wanted{}).After(t.Context(), 0, 9); err != nil || len(b.Entries) != 2 {
			t.Fatalf("%+v %v", b, err)
		}
		page(t, h.docs, "One/a", 1, 1)
		page(t, h.docs, "One/b", 5, 1)
		h.same(9)
	})
}

// A commit that is larger than what is kept is not taken for nothing.
func TestTail_of_a_commit_beyond_its_bound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		h.tail.Most = 20_000
		page(t, h.docs, "One/a", 5, 1)
		l := feed.OfLog(h.docs.Log(), &h.tail, feed.Wanted{DocType: "One"})
		head, err := h.docs.Log().Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := l.After(t.Context(), head, 10); err != nil || b.Upto != head {
			t.Fatalf("%+v %v", b, err)
		}
		page(t, h.docs, "One/b", 100, 1)
		if b, err := l.After(t.Context(), head, 10); err != nil || len(b.Entries) != 10 {
			t.Errorf("%+v %v", b, err)
		}
	})
}

// What others have read of a backlog is not taken for its end: who walks by what a batch says about more sees all of it.
func TestTail_of_a_backlog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		h := open(t, db)
		for i := range 20 {
			page(t, h.other, []string{"One/a", "Two/a"}[i%2], 100, i+1)
		}
		h.tail.Doubt()
		all := feed.OfLog(h.docs.Log(), &h.tail, feed.Wanted{})
		place := int64(0)
		for range 3 { // one walker is ahead of the others, and not at the end
			b, err := all.After(t.Context(), place, 300)
			if err != nil || !b.Full {
				t.Fatalf("%+v %v", b, err)
			}
			place = b.Upto
		}
		for _, w := range []feed.Wanted{{}, {DocType: "One"}, {DocType: "Two", Bare: true}, {DocType: "One"}} {
			l, n, from := feed.OfLog(h.docs.Log(), &h.tail, w), 0, int64(0)
			for more := true; more; {
				b, err := l.After(t.Context(), from, 170)
				if err != nil {
					t.Fatal(err)
				}
				n, from, more = n+len(b.Entries), b.Upto, b.Full
			}
			if want := map[string]int{"": 2000, "One": 1000, "Two": 1000}[w.DocType]; n != want {
				t.Errorf("%+v: %d entries of %d", w, n, want)
			}
		}
	})
}
