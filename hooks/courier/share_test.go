package courier_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dochook/doctype"
	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/courier"
	"dochook/hooks/courier/feed"
	"dochook/hooks/courier/roster"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// walkers are the names of those that run on a server.
func (h *house) walkers(prefix string) (names []string) {
	for _, s := range h.engine.States() {
		if name, ok := strings.CutPrefix(s.Walker, prefix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Servers that come get their share of the webhooks, those of one that goes are taken over, and nothing is lost, doubled or overtaken.
func TestEngine_servers_have_equal_shares(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	var servers []*house
	var told atomic.Int64
	for range 3 {
		servers = append(servers, buildWith(t, db, courier.Options{Announce: func() {
			told.Add(1)
			for _, s := range servers {
				s.engine.Review()
			}
		}}))
	}
	a := servers[0]
	a.doctype(docType)
	r := newReceiver(t, nil)
	const webhooks, docs = 7, 20
	for i := range webhooks {
		a.webhook(fmt.Sprintf("w%d", i), r.URL+fmt.Sprintf("/w%d", i), "")
	}
	rounds := 0
	shared := func(counts ...int) {
		t.Helper()
		a.until(fmt.Sprintf("the shares are %v", counts), func() bool {
			a.page(0, docs, rounds) // all the while
			rounds++
			var got []int
			for _, s := range servers {
				s.engine.Wake(nil)
				got = append(got, len(s.walkers("webhook:")))
			}
			slices.Sort(got)
			return slices.Equal(got, counts)
		})
	}
	a.start()
	shared(0, 0, 7)
	servers[1].start()
	shared(0, 3, 4)
	servers[2].start()
	shared(1, 3, 3) // a server may have 3
	a.stop()
	servers = servers[1:]
	shared(3, 4)
	all := r.wait(t, webhooks*docs*rounds)
	byPath := map[string][]arrived{}
	for _, x := range all {
		byPath[x.Path] = append(byPath[x.Path], x)
	}
	for path, list := range byPath {
		inOrder(t, list)
		if len(list) != docs*rounds {
			t.Errorf("%s had %d requests of %d", path, len(list), docs*rounds)
		}
	}
	if told.Load() == 0 {
		t.Error("nobody was told of what others let go")
	}
}

// given are runs that are going on.
type given []feed.Run

func (g given) Active(context.Context) ([]feed.Run, error) { return g, nil }

// endless are the items of a run that is never over.
type endless struct{ id string }

func (e endless) After(_ context.Context, place int64, _ int) ([]feed.Entry, error) {
	place++
	return []feed.Entry{{Place: place, Event: &doctype.Event{
		ID: fmt.Sprintf("%s-%d", e.id, place), Pos: place, DocType: "Doc", Name: e.id, Event: doctype.OnInsert, Version: 1, Data: []byte(`{}`),
	}}}, nil
}

func (e endless) At(ctx context.Context, places []int64) (out []feed.Entry, err error) {
	for _, place := range places {
		entries, _ := e.After(ctx, place-1, 1)
		out = append(out, entries...)
	}
	return out, nil
}

func (endless) Finish(context.Context) error { return nil }

// withReplays are two servers on a database with four webhooks, each with a replay that does not end.
func withReplays(t *testing.T, db *migrations.DB) (a, b *house) {
	t.Helper()
	var runs given
	for i := range 4 {
		id := eventlog.NewID()
		runs = append(runs, feed.Run{ID: id, Webhook: fmt.Sprintf("w%d", i), Total: 1 << 40, Items: endless{id}})
	}
	a, b = buildWith(t, db, courier.Options{Runs: runs}), buildWith(t, db, courier.Options{Runs: runs})
	a.doctype(docType)
	for _, run := range runs {
		a.webhook(run.Webhook, "http://127.0.0.1:1/", `,"max_per_second":5`)
		if err := a.ledger.OpenAt(t.Context(), db.Write, ledger.RunWalker(run.ID, run.Webhook), 0); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// A webhook's replay goes to the server that the webhook goes to, as they share its pace.
func TestEngine_replays_go_with_their_webhooks(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	a, b := withReplays(t, db)
	together := func(h *house, n int) bool {
		own := h.walkers(hooks.Walker(""))
		var of []string
		for _, name := range h.walkers("replay:") {
			_, webhook, _ := ledger.Run("replay:" + name)
			of = append(of, webhook)
		}
		slices.Sort(of)
		return len(own) == n && slices.Equal(own, of)
	}
	a.start()
	a.until("all run on one server", func() bool { return together(a, 4) })
	b.start()
	a.until("each has half of them", func() bool { return together(a, 2) && together(b, 2) })
}

// What is let go for a server that does not take it is taken up again, and kept. A subscriber is only where it is registered, and stays.
func TestEngine_takes_what_others_leave(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	a := build(t, db)
	a.doctype(docType)
	for i := range 4 {
		a.webhook(fmt.Sprintf("w%d", i), "http://127.0.0.1:1/", "")
	}
	if err := a.engine.Subscribe("s", courier.SubscribeOptions{}, func(context.Context, doctype.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	a.start()
	all := func(n int) func() bool {
		return func() bool { return len(a.walkers("webhook:")) == n && len(a.walkers("subscriber:")) == 1 }
	}
	a.until("all run", all(4))
	idle := roster.New(db)
	attend := func() {
		if n, err := idle.Attend(t.Context(), "idle"); err != nil || n != 2 {
			t.Fatalf("%d servers, %v", n, err)
		}
	}
	attend()
	a.until("half of them are let go", all(2))
	a.until("they are taken up again", func() bool { attend(); return all(4)() })
	for range 5 {
		attend()
		began := a.engine.Alive()
		a.engine.Review()
		a.until("another round", func() bool { return a.engine.Alive().After(began) })
		if !all(4)() {
			t.Fatalf("%v run", a.walkers(""))
		}
	}
}

// A lease that could not be given back is given back later: it must not be renewed for ever by a server that does not walk.
func TestEngine_gives_back_what_it_could_not(t *testing.T) {
	db := dbtest.New(t, dbtest.Postgres)
	a, b := withReplays(t, db)
	exec := func(query string) {
		t.Helper()
		if _, err := db.Write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	a.start()
	a.until("all run", func() bool { return len(a.walkers("replay:")) == 4 })
	exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.lease_owner = '' AND NEW.walker LIKE 'replay:%' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$`)
	exec(`CREATE TRIGGER refuse BEFORE UPDATE ON cursors FOR EACH ROW EXECUTE FUNCTION refuse()`)
	b.start()
	a.until("the webhooks are shared", func() bool {
		return len(a.walkers("webhook:")) == 2 && len(b.walkers("webhook:")) == 2 && len(a.walkers("replay:")) == 2
	})
	exec(`DROP TRIGGER refuse ON cursors`)
	b.until("the replays are there, too", func() bool { return len(b.walkers("replay:")) == 2 })
}
