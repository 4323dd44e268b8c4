package feed_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/rest/feed"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// add appends events to the log in one transaction.
func add(t *testing.T, db *migrations.DB, events ...doctype.Event) {
	t.Helper()
	for i := range events {
		e := &events[i]
		e.ID, e.At, e.Creation = eventlog.NewID(), time.Now(), time.Now()
		if e.Data == nil {
			e.Data = []byte(`{}`)
		}
	}
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		return eventlog.New(db).Append(ctx, tx, events)
	})
	if err != nil {
		t.Error(err) // not Fatal: writers have goroutines of their own
	}
}

func document(docType, name, job string) doctype.Event {
	return doctype.Event{DocType: docType, Name: name, Event: doctype.OnInsert, Version: 1, Job: job}
}

func ofJob(docType, event, job string) doctype.Event {
	return doctype.Event{DocType: docType, Name: job, Event: event, Job: job}
}

// TestReader reads with every filter, in steps of every size: it is always the
// same events.
func TestReader(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		add(t, db, document("A", "a1", ""), ofJob("A", doctype.JobStarted, "j"), document("A", "a2", "j"), document("A", "a3", "k"))
		add(t, db, ofJob("A", doctype.JobData, "j"), ofJob("B", doctype.JobStarted, "k"), ofJob("B", doctype.JobData, "k"), document("B", "b1", "j"))
		add(t, db, document("A", "a4", "j"), document("A", "a5", "j"), document("A", "a6", "j"), ofJob("A", doctype.JobFinished, "j"), document("A", "a7", ""))
		for _, tc := range []struct{ docType, job, want string }{
			{"", "", "a1 job.started a2 a3 job.data job.started job.data b1 a4 a5 a6 job.finished a7"},
			{"A", "", "a1 job.started a2 a3 job.data a4 a5 a6 job.finished a7"},
			{"", "j", "job.started a2 job.data b1 a4 a5 a6 job.finished"},
			{"A", "j", "job.started a2 job.data a4 a5 a6 job.finished"},
			{"B", "j", "b1"},
			{"", "k", "a3 job.started job.data"},
			{"A", "none", ""},
			{"C", "", ""},
		} {
			for limit := 1; limit < 15; limit++ {
				r := feed.Reader{Log: eventlog.New(db), DocType: tc.docType, Job: tc.job}
				var got []string
				var last int64
				for {
					events, err := r.Next(t.Context(), limit)
					if err != nil {
						t.Fatal(err)
					}
					if len(events) == 0 {
						break
					}
					if len(events) > limit {
						t.Fatalf("%d events at once, not %d", len(events), limit)
					}
					for _, e := range events {
						if e.Pos <= last {
							t.Errorf("position %d after %d", e.Pos, last)
						}
						last = e.Pos
						if doctype.IsJobEvent(e.Event) {
							got = append(got, e.Event)
							continue
						}
						got = append(got, e.Name)
					}
				}
				if text := strings.Join(got, " "); text != tc.want {
					t.Errorf("%q of job %q by %d: got %s, want %s", tc.docType, tc.job, limit, text, tc.want)
				}
			}
		}
	})
}

// TestBroadcast: a wake is never lost, and never waits for anybody.
func TestBroadcast(t *testing.T) {
	var b feed.Broadcast
	b.Notify() // to nobody
	one, cancelOne, err := b.Subscribe()
	if err != nil {
		t.Fatal(err)
	}
	two, cancelTwo, err := b.Subscribe()
	if err != nil {
		t.Fatal(err)
	}
	b.Notify()
	b.Notify()
	<-one
	<-two
	cancelTwo()
	b.Notify()
	<-one
	select {
	case <-two:
		t.Error("who has gone is woken")
	default:
	}
	b.Close()
	if _, open := <-one; open {
		t.Error("the channel is open after the end")
	}
	cancelOne()
	late, cancelLate, err := b.Subscribe()
	if err != nil {
		t.Fatal(err)
	}
	if _, open := <-late; open {
		t.Error("the channel of a late one is open")
	}
	cancelLate()
	b.Notify()
	b.Close()
}

func TestBroadcast_refuses_too_many(t *testing.T) {
	var b feed.Broadcast
	var cancels []func()
	for {
		_, cancel, err := b.Subscribe()
		var coded interface{ Code() string }
		if errors.As(err, &coded) && coded.Code() == "throttled" {
			break
		}
		if err != nil || len(cancels) > 10_000 {
			t.Fatalf("%d streams, %v", len(cancels), err)
		}
		cancels = append(cancels, cancel)
	}
	cancels[0]()
	if _, _, err := b.Subscribe(); err != nil {
		t.Errorf("a place that was given back is not free: %v", err)
	}
}

// screen is where a stream is written to in these tests.
type screen struct {
	io.Writer

	flushed int
}

func (s *screen) Flush() { s.flushed++ }

// TestStream_spells events as the format wants them: a record's own line ends
// must not end the event.
func TestStream_spells(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	first, second := document("A", "x\ny", ""), ofJob("A", doctype.JobStarted, "j")
	first.Data = []byte("{\r\n \"n\":\r2500.0,\n\"id: 7\": \"\\n\"}")
	add(t, db, first, second)
	events, err := eventlog.New(db).Events(t.Context(), eventlog.Range{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	var b feed.Broadcast
	wakes, _, err := b.Subscribe()
	if err != nil {
		t.Fatal(err)
	}
	b.Close() // it catches up, and ends
	var text bytes.Buffer
	out := &screen{Writer: &text}
	if err := feed.NewStream(feed.Reader{Log: eventlog.New(db)}, wakes, out, feed.Options{}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	unfolded := strings.NewReplacer("\r\n", "\ndata: \ndata: ", "\r", "\ndata: ", "\n", "\ndata: ").Replace(string(events[0].AppendJSON(nil)))
	want := fmt.Sprintf("retry: 1000\nid: 0\n\nid: %d\nevent: on_insert\ndata: %s\n\nid: %d\nevent: job.started\ndata: %s\n\n",
		events[0].Pos, unfolded, events[1].Pos, events[1].AppendJSON(nil))
	if text.String() != want || out.flushed != 2 {
		t.Errorf("%d flushes of\n%q\nwant\n%q", out.flushed, text.String(), want)
	}
}

// TestStream_keeps_alive writes comments while nothing happens, until the client
// may no longer read.
func TestStream_keeps_alive(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	var b feed.Broadcast
	wakes, cancel, err := b.Subscribe()
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	asked := 0
	var text bytes.Buffer
	err = feed.NewStream(feed.Reader{Log: eventlog.New(db)}, wakes, &screen{Writer: &text}, feed.Options{
		KeepAlive: time.Millisecond,
		Allowed:   func(context.Context) bool { asked++; return asked < 4 },
	}).Run(t.Context())
	if want := "retry: 1000\nid: 0\n\n" + strings.Repeat(":\n\n", 3); err != nil || text.String() != want {
		t.Errorf("%v, %q, want %q", err, text.String(), want)
	}
}

// TestStream_ends when the client cannot be written to, or has gone.
func TestStream_ends(t *testing.T) {
	db := dbtest.New(t, dbtest.SQLite)
	add(t, db, document("A", "x", ""))
	r, w := io.Pipe()
	broken := errors.New("broken")
	if err := r.CloseWithError(broken); err != nil {
		t.Fatal(err)
	}
	if err := feed.NewStream(feed.Reader{Log: eventlog.New(db)}, nil, &screen{Writer: w}, feed.Options{}).Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := feed.NewStream(feed.Reader{Log: eventlog.New(db)}, nil, &screen{Writer: io.Discard}, feed.Options{}).Run(ctx); err != nil {
		t.Errorf("error %v", err)
	}
}

// TestStream_follows many writers: every event once, in order, and the last ones
// without a look at the clock.
func TestStream_follows(t *testing.T) {
	const writers, each = 3, 40
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		var b feed.Broadcast
		wakes, unsubscribe, err := b.Subscribe()
		if err != nil {
			t.Fatal(err)
		}
		defer unsubscribe()
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- feed.NewStream(feed.Reader{Log: eventlog.New(db)}, wakes, &screen{Writer: w}, feed.Options{}).Run(ctx)
			_ = w.Close() // never fails
		}()
		var running sync.WaitGroup
		for i := range writers {
			running.Go(func() {
				for k := range each {
					add(t, db, document("A", fmt.Sprintf("%d-%d", i, k), ""))
					b.Notify()
				}
			})
		}
		var got []string
		lines := bufio.NewScanner(r)
		for len(got) < writers*each && lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok && id != "0" {
				got = append(got, id)
			}
		}
		running.Wait()
		cancel()
		go func() { _, _ = io.Copy(io.Discard, r) }() // a write may be on its way
		if err := <-done; err != nil {
			t.Error(err)
		}
		events, err := eventlog.New(db).Events(t.Context(), eventlog.Range{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range events {
			want = append(want, fmt.Sprint(events[i].Pos))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
