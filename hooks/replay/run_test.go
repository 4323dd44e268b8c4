package replay_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/hooks/ledger"
	"dochook/hooks/replay"
)

// items is how many of them there are, of all runs.
func (h *house) items() int64 { return h.number("SELECT count(*) FROM replay_items") }

func (h *house) threeDead() replay.Request {
	h.Helper()
	h.webhook("w", mapped)
	for _, name := range []string{"A", "B", "C"} {
		h.put(name, 1)
	}
	h.tried("11 dead", "12 dead", "13 dead")
	return replay.Request{Webhook: "w"}
}

func TestStart_one_run_of_a_webhook_at_a_time(t *testing.T) {
	each(t, func(h *house) {
		r := h.threeDead()
		h.webhook("other", mapped)
		const many = 8
		var wg sync.WaitGroup
		var mu sync.Mutex
		var started []replay.Run
		var refused []error
		for i := range many {
			wg.Go(func() {
				mine := r
				if i%2 > 0 {
					mine.Kind = replay.Backfill
				}
				run, err := h.runs.Start(h.Context(), mine)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					refused = append(refused, err)
				} else {
					started = append(started, run)
				}
			})
		}
		wg.Wait()
		if len(started) != 1 || started[0].Total != 3 || h.items() != 3 || h.number("SELECT count(*) FROM replays") != 1 {
			h.Fatalf("%d began, %d items", len(started), h.items())
		}
		for _, err := range refused {
			h.refused(err, "conflict", started[0].Kind+" that goes on, "+started[0].ID)
		}
		h.begin(replay.Request{Webhook: "other", Kind: replay.Backfill})
		_, err := h.runs.Cancel(h.Context(), started[0].ID)
		h.no(err)
		second := h.begin(r)
		list, err := h.runs.List(h.Context(), "w", 10)
		if err != nil || len(list) != 2 || list[0].ID != second.ID || list[1].Status != replay.Canceled {
			h.Errorf("%+v, %v", list, err)
		}
		if list, err = h.runs.List(h.Context(), "", 2); err != nil || len(list) != 2 || list[0].ID != second.ID || list[1].Webhook != "other" {
			h.Errorf("%+v, %v", list, err)
		}
	})
}

func TestRun_shows_its_progress_and_finishes(t *testing.T) {
	each(t, func(h *house) {
		ctx := doctype.WithUser(h.Context(), doctype.User{Name: "Ada", KeyID: "k"})
		run, err := h.runs.Start(ctx, h.threeDead())
		h.no(err)
		items := h.active(run.ID).Items
		h.settle(run, 2, ledger.Delivered, ledger.Retrying)
		if got := h.get(run.ID); got.Status != replay.Running || got.Done != 2 || got.Total != 3 || got.Delivered != 1 || got.Retrying != 1 || got.Dead != 0 || got.Owner != "Ada" {
			h.Errorf("%+v", got)
		}
		h.refused(items.Finish(h.Context()), "conflict", "2 of 3")
		h.settle(run, 3)
		h.refused(items.Finish(h.Context()), "conflict", "1 deliveries wait")
		h.exec("DELETE FROM retries")
		h.settle(run, 3, ledger.Delivered, ledger.Dead, ledger.Skipped)
		h.no(items.Finish(h.Context()))
		h.no(items.Finish(h.Context())) // as after a crash
		h.exec("DELETE FROM deliveries")
		got := h.get(run.ID)
		if got.Status != replay.Finished || got.Done != 3 || got.Delivered != 1 || got.Dead != 1 || got.Skipped != 1 || got.Retrying != 0 || got.FinishedAt == nil || got.Open() {
			h.Errorf("%+v", got)
		}
		if h.items() != 0 || h.number("SELECT count(*) FROM cursors WHERE walker LIKE 'replay:%'") != 0 {
			h.Error("items or the cursor are left")
		}
		_, err = h.runs.Cancel(h.Context(), run.ID)
		h.refused(err, "conflict", "has finished")
		if list, err := h.runs.Active(h.Context()); err != nil || len(list) != 0 {
			h.Errorf("%v, %v", list, err)
		}
	})
}

// TestFinish_goes_on_where_it_broke_off: some items are deleted, and the run is not closed.
func TestFinish_goes_on_where_it_broke_off(t *testing.T) {
	each(t, func(h *house) {
		run := h.begin(h.threeDead())
		h.settle(run, 3)
		h.exec("DELETE FROM replay_items WHERE seq < 3")
		r := h.active(run.ID)
		if left, err := r.Items.After(h.Context(), 3, 10); err != nil || len(left) != 0 {
			h.Errorf("%v, %v", left, err)
		}
		h.no(r.Items.Finish(h.Context()))
		if got := h.get(run.ID); got.Status != replay.Finished || h.items() != 0 {
			h.Errorf("%+v", got)
		}
	})
}

func TestCancel_in_the_middle(t *testing.T) {
	each(t, func(h *house) {
		run := h.begin(h.threeDead())
		items := h.active(run.ID).Items
		h.settle(run, 2, ledger.Delivered, ledger.Retrying)
		lease, ok, err := h.ledger.Claim(h.Context(), ledger.RunWalker(run.ID, "w"), "courier", time.Minute)
		if err != nil || !ok {
			h.Fatal(ok, err)
		}
		for range 2 { // the second time it stays as it is
			got, err := h.runs.Cancel(h.Context(), run.ID)
			if err != nil || got.Status != replay.Canceled || got.Done != 2 || got.Delivered != 1 || got.Dead != 1 || got.Retrying != 0 || got.FinishedAt == nil {
				h.Errorf("%+v, %v", got, err)
			}
		}
		if h.items() != 0 || h.number("SELECT count(*) FROM retries") != 0 {
			h.Error("items or retries are left")
		}
		if err := h.ledger.Flush(h.Context(), lease, ledger.Batch{Pos: 3}); err == nil {
			h.Error("its courier may still write")
		}
		h.no(items.Finish(h.Context())) // of a courier that has not heard yet
		if got := h.get(run.ID); got.Status != replay.Canceled || got.Done != 2 {
			h.Errorf("%+v", got)
		}
		_, err = h.runs.Cancel(h.Context(), "nobody")
		h.refused(err, "not_found", "nobody")
		_, err = h.runs.Get(h.Context(), "nobody")
		h.refused(err, "not_found", "nobody")
	})
}

// TestStart_given_up in the middle of its items leaves nothing behind.
func TestStart_given_up(t *testing.T) {
	each(t, func(h *house) {
		h.webhook("w", mapped)
		records := make([]string, 5000) // for three steps
		for i := range records {
			records[i] = fmt.Sprintf(`{"id":"d%d"}`, i)
		}
		_, err := h.docs.WritePage(h.Context(), "Doc", page(records...))
		h.no(err)
		ctx, cancel := context.WithCancel(h.Context())
		defer cancel()
		asked := 0 // once for the run, once for each step
		h.mu.Lock()
		h.asked = func() {
			if asked++; asked == 3 {
				cancel()
			}
		}
		h.mu.Unlock()
		if run, err := h.runs.Start(ctx, replay.Request{Webhook: "w", Kind: replay.Backfill}); err == nil {
			h.Errorf("it began: %+v", run)
		}
		if asked < 3 {
			h.Errorf("it was given up before its second step")
		}
		if h.items() != 0 || h.number("SELECT count(*) FROM replays") != 0 || h.number("SELECT count(*) FROM cursors") != 1 {
			h.Error("something is left")
		}
		if run := h.begin(replay.Request{Webhook: "w", Kind: replay.Backfill}); run.Total != 5000 {
			h.Errorf("%+v", run)
		}
	})
}

func TestSweep(t *testing.T) {
	each(t, func(h *house) {
		r := h.threeDead()
		h.no(h.runs.Sweep(h.Context()))
		run := h.begin(r)
		h.no(h.runs.Sweep(h.Context()))
		if got := h.get(run.ID); got.Status != replay.Running || h.items() != 3 {
			h.Fatalf("%+v", got)
		}

		// Left while it was prepared: it holds the webhook's place for a while.
		h.exec("UPDATE replays SET status = ?", replay.Preparing)
		h.exec("DELETE FROM cursors WHERE walker LIKE 'replay:%'")
		h.no(h.runs.Sweep(h.Context()))
		_, err := h.runs.Start(h.Context(), r)
		h.refused(err, "conflict", run.ID)
		h.exec("UPDATE replays SET modified = ?", time.Now().Add(-11*time.Minute).UnixMicro())
		h.no(h.runs.Sweep(h.Context()))
		if got := h.get(run.ID); got.Status != replay.Canceled || h.items() != 0 {
			h.Errorf("%+v", got)
		}

		// Items of a run that has ended, and a run that ended long ago.
		run = h.begin(r)
		h.exec("UPDATE replays SET status = ?, finished_at = ? WHERE id = ?", replay.Finished, time.Now().Add(-89*24*time.Hour).UnixMicro(), run.ID)
		h.no(h.runs.Sweep(h.Context()))
		if got := h.get(run.ID); got.Status != replay.Finished || h.items() != 0 {
			h.Errorf("%+v", got)
		}
		h.exec("UPDATE replays SET finished_at = ? WHERE id = ?", time.Now().Add(-91*24*time.Hour).UnixMicro(), run.ID)
		h.no(h.runs.Sweep(h.Context()))
		_, err = h.runs.Get(h.Context(), run.ID)
		h.refused(err, "not_found", run.ID)

		// A webhook that went without a word.
		run = h.begin(r)
		h.exec("DELETE FROM webhooks WHERE name = 'w'")
		h.no(h.runs.Sweep(h.Context()))
		if got := h.get(run.ID); got.Status != replay.Canceled || h.items() != 0 {
			h.Errorf("%+v", got)
		}
	})
}

// TestCursors_cancel_the_runs_of_a_deleted_webhook, so that the next one of that name does not go on with them.
func TestCursors_cancel_the_runs_of_a_deleted_webhook(t *testing.T) {
	each(t, func(h *house) {
		run := h.begin(h.threeDead())
		h.webhook("v", mapped)
		other := h.begin(replay.Request{Webhook: "v", Kind: replay.Backfill})
		h.settle(run, 2, ledger.Delivered, ledger.Retrying)
		h.no(h.hooks.Delete(h.Context(), "w"))
		if got := h.get(run.ID); got.Status != replay.Canceled || got.Done != 2 || got.Dead != 1 || got.FinishedAt == nil {
			h.Errorf("%+v", got)
		}
		if got := h.get(other.ID); got.Status != replay.Running {
			h.Errorf("%+v", got)
		}
		h.no(h.runs.Sweep(h.Context()))
		if n := h.items(); n != 3 {
			h.Errorf("%d items, not those of the other run alone", n)
		}
	})
}

// TestCursors_lock_in_the_order_of_names, as who renews leases does: else each could wait for the other, and the deletion be given up.
func TestCursors_lock_in_the_order_of_names(t *testing.T) {
	each(t, func(h *house) {
		if !h.db.Postgres() {
			return // there is one writer
		}
		run := h.begin(h.threeDead())
		lock := "SELECT walker FROM cursors WHERE walker = ? FOR UPDATE NOWAIT"
		deleted := make(chan error, 1)
		h.no(h.db.InTx(h.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, lock, ledger.RunWalker(run.ID, "w"))
			h.no(err)
			go func() { deleted <- h.hooks.Delete(h.Context(), "w") }()
			for waiting := 0; waiting == 0; {
				h.no(h.db.Read.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting))
			}
			_, err = tx.ExecContext(ctx, lock, "webhook:w")
			return err
		}))
		h.no(<-deleted)
		if got := h.get(run.ID); got.Status != replay.Canceled {
			h.Errorf("%+v", got)
		}
	})
}
