package courier_test

import (
	"errors"
	"fmt"
	"testing"

	"dochook/doctype/eventlog"
	"dochook/hooks/ledger"
	"dochook/migrations/dbtest"
)

func TestEngine_two_servers_share_the_work_and_one_takes_over(t *testing.T) {
	db := dbtest.New(t, "postgres")
	a, b := build(t, db), build(t, db)
	a.doctype(docType)
	r := newReceiver(t, nil)
	for i := range 6 {
		a.webhook(fmt.Sprintf("w%d", i), r.URL+fmt.Sprintf("/w%d", i), "")
	}
	a.start()
	b.start()
	for n := range 5 {
		a.page(0, 50, n)
		b.engine.Wake(nil)
	}
	all := r.wait(t, 6*50*5)
	a.until("all recorded", func() bool { return a.count(ledger.Delivered) == int64(len(all)) })
	a.stop()
	b.page(0, 50, 5)
	all = append(all, r.wait(t, 6*50)...)
	b.until("all recorded", func() bool { return b.count(ledger.Delivered) == int64(len(all)) })
	byPath := map[string][]arrived{}
	for _, x := range all {
		byPath[x.Path] = append(byPath[x.Path], x)
	}
	for _, list := range byPath {
		inOrder(t, list)
	}
	if len(all) != len(r.byID) {
		t.Errorf("%d requests, %d different deliveries", len(all), len(r.byID))
	}
}

func TestEngine_survives_a_database_restart_under_load(t *testing.T) {
	for _, mode := range []string{"fast", "immediate"} {
		t.Run(mode, func(t *testing.T) {
			cluster := dbtest.StartCluster(t)
			db := dbtest.Open(t, cluster.Database(t))
			h := build(t, db)
			h.doctype(docType)
			r := newReceiver(t, nil)
			h.webhook("w", r.URL, "")
			h.start()
			// A write that was answered with an error may or may not have happened; one that was acknowledged must arrive.
			const docs, rounds = 40, 60
			acknowledged := map[string]int{}
			restarted := make(chan struct{})
			for n := range rounds {
				if n == rounds/3 {
					go func() {
						defer close(restarted)
						if err := errors.Join(cluster.Stop(mode), cluster.Start()); err != nil {
							t.Error(err)
						}
					}()
				}
				for i := range docs {
					name := fmt.Sprintf("d%d", i)
					if _, err := h.docs.Put(t.Context(), "Doc", fmt.Appendf(nil, `{"id":%q,"n":%d}`, name, n)); err == nil {
						acknowledged[name] = n
					}
				}
			}
			<-restarted
			h.until("writes work again", func() bool {
				_, err := h.docs.Put(t.Context(), "Doc", []byte(`{"id":"last","n":1}`))
				return err == nil
			})
			h.until("everything delivered", func() bool {
				lags, err := h.ledger.Lags(t.Context())
				return err == nil && len(lags) == 1 && lags[0].Events == 0 && lags[0].Retries == 0
			})
			r.mu.Lock()
			defer r.mu.Unlock()
			inOrder(t, r.all)
			latest := map[string]int{}
			for _, a := range r.all {
				latest[a.Name] = max(latest[a.Name], a.N)
			}
			for name, n := range acknowledged {
				if latest[name] < n {
					t.Errorf("%s: %d was acknowledged, the last to arrive is %d", name, n, latest[name])
				}
			}
			events, err := h.docs.Log().Events(t.Context(), eventlog.Range{Limit: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.byID) != len(events) {
				t.Errorf("%d events, %d different deliveries", len(events), len(r.byID))
			}
		})
	}
}
