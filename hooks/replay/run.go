package replay

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/listing"
	"dochook/hooks/ledger"
)

// Statuses of a run.
const (
	Preparing = "preparing" // its items are being listed
	Running   = "running"   // also while its webhook is disabled: it stands still then
	Finished  = "finished"  // every item is delivered, dead, skipped or not wanted
	Canceled  = "canceled"
)

// Run is a replay or a backfill, and how far it is.
type Run struct {
	ID      string `json:"id"`
	Webhook string `json:"webhook"`
	DocType string `json:"doctype"` // of the webhook when it began; "" = all
	Kind    string `json:"kind"`
	Filter  Filter `json:"filter"`
	Status  string `json:"status"`
	Total   int64  `json:"total"` // items
	Done    int64  `json:"done"`  // of them, those that were sent or passed over; they may still be retried
	// Deliveries of the run; a batch may have several for one item, an item that the webhook does not want has none.
	Delivered  int64      `json:"delivered"`
	Dead       int64      `json:"dead"`
	Skipped    int64      `json:"skipped"`
	Retrying   int64      `json:"retrying"` // waiting for another attempt, or behind one that does
	Owner      string     `json:"owner"`    // who started it
	Creation   time.Time  `json:"creation"`
	Modified   time.Time  `json:"modified"`
	FinishedAt *time.Time `json:"finished_at"` // also of a canceled one; nil = it goes on
}

// Open reports whether the run goes on.
func (r *Run) Open() bool { return r.Status == Preparing || r.Status == Running }

func (r *Run) walker() string { return ledger.RunWalker(r.ID, r.Webhook) }

const columns = "id, webhook, doctype, kind, filter, status, total, done, delivered, dead, skipped, owner, creation, modified, finished_at"

func scanRun(from interface{ Scan(dest ...any) error }) (Run, error) {
	var r Run
	var filter string
	var creation, modified int64
	var finished sql.NullInt64
	err := from.Scan(&r.ID, &r.Webhook, &r.DocType, &r.Kind, &filter, &r.Status, &r.Total, &r.Done, &r.Delivered, &r.Dead, &r.Skipped,
		&r.Owner, &creation, &modified, &finished)
	if err != nil {
		return r, err
	}
	r.Creation, r.Modified = time.UnixMicro(creation).UTC(), time.UnixMicro(modified).UTC()
	if finished.Valid {
		at := time.UnixMicro(finished.Int64).UTC()
		r.FinishedAt = &at
	}
	return r, json.Unmarshal([]byte(filter), &r.Filter)
}

func load(ctx context.Context, db bun.IDB, id string) (Run, error) {
	r, err := scanRun(db.QueryRowContext(ctx, "SELECT "+columns+" FROM replays WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, errorf(CodeNotFound, "", "there is no replay or backfill %.60q", id)
	}
	return r, wrap("read run", err)
}

// measure adds to a run that goes on how far it is.
func (s *Service) measure(ctx context.Context, r *Run) error {
	if r.Status != Running {
		return nil
	}
	t, err := s.ledger.Tally(ctx, s.db.Read, r.walker())
	r.Delivered, r.Dead, r.Skipped, r.Retrying = t.Delivered, t.Dead, t.Skipped, t.Retrying
	if t.Open {
		r.Done = t.Pos
	}
	return wrap("measure run", err)
}

// Get returns a run; not_found if there is none.
func (s *Service) Get(ctx context.Context, id string) (Run, error) {
	r, err := load(ctx, s.db.Read, id)
	if err == nil {
		err = s.measure(ctx, &r)
	}
	return r, err
}

// List returns the last runs of a webhook, newest first; "" is any webhook.
func (s *Service) List(ctx context.Context, webhook string, limit int) ([]Run, error) {
	where, args := "", []any{limit}
	if webhook != "" {
		where, args = "WHERE webhook = ? ", []any{webhook, limit}
	}
	out := []Run{}
	err := listing.Query(ctx, s.db.Read, func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		out = append(out, r)
		return err
	}, "SELECT "+columns+" FROM replays "+where+"ORDER BY creation DESC, id DESC LIMIT ?", args...)
	if err != nil {
		return nil, wrap("list runs", err)
	}
	for i := range out {
		if err := s.measure(ctx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Cancel ends a run: what was not sent yet is not going to be, and what waits for another attempt is dead. A run that was canceled
// before stays as it is; one that has finished is a conflict.
func (s *Service) Cancel(ctx context.Context, id string) (Run, error) {
	r, err := load(ctx, s.db.Read, id)
	if err != nil {
		return r, err
	}
	ended, err := s.end(ctx, &r, Canceled)
	if err != nil {
		return r, err
	}
	if r, err = load(ctx, s.db.Read, id); err != nil {
		return r, err
	}
	if r.Status == Finished {
		return r, errorf(CodeConflict, "", "the %s has finished", r.Kind)
	}
	if ended {
		s.changed()
	}
	if err := s.clear(ctx, id); err != nil { // it is canceled all the same
		s.log.Warn("items of a canceled run stay for a while", "run", id, "error", err)
	}
	return r, nil
}

// end gives an open run its last status and closes its cursor; ended is false, and nothing done, if it was not open any more.
func (s *Service) end(ctx context.Context, r *Run, status string) (ended bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.docs.Now().UnixMicro()
		res, err := tx.ExecContext(ctx, "UPDATE replays SET status = ?, modified = ?, finished_at = ? WHERE id = ? AND status IN (?, ?)",
			status, now, now, r.ID, Preparing, Running)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		ended = true
		return closeRun(ctx, tx, s.ledger, r)
	})
	return ended && err == nil, wrap("end run", err)
}

// closeRun closes the cursor of a run and keeps what it came to.
func closeRun(ctx context.Context, tx bun.IDB, store *ledger.Store, r *Run) error {
	before, err := store.Tally(ctx, tx, r.walker())
	if err != nil {
		return err
	}
	if err := store.CloseRun(ctx, tx, r.walker()); err != nil {
		return err
	}
	t, err := store.Tally(ctx, tx, r.walker()) // what was to be retried is dead now
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE replays SET done = ?, delivered = ?, dead = ?, skipped = ? WHERE id = ?", before.Pos, t.Delivered, t.Dead, t.Skipped, r.ID)
	return err
}

// Sweep ends what nobody is going to end, and removes what is no longer needed: runs that were left while they were prepared or whose
// webhook is gone, items of runs that have ended, and runs that ended long ago. Several processes may do it at once.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.docs.Now()
	lost, err := s.ids(ctx, `SELECT id FROM replays r WHERE status = ? AND modified < ?
		OR status IN (?, ?) AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.name = r.webhook)`,
		Preparing, now.Add(-patience).UnixMicro(), Preparing, Running)
	if err != nil {
		return err
	}
	for _, id := range lost {
		if _, err := s.Cancel(ctx, id); err != nil && doctype.CodeOf(err) != CodeConflict { // it has finished meanwhile
			return err
		}
	}
	ended, err := s.ids(ctx, "SELECT id FROM replays r WHERE status IN (?, ?) AND EXISTS (SELECT 1 FROM replay_items i WHERE i.run = r.id)", Finished, Canceled)
	if err != nil {
		return err
	}
	for _, id := range ended {
		if err := s.clear(ctx, id); err != nil {
			return err
		}
	}
	_, err = s.db.Write.ExecContext(ctx, `DELETE FROM replays WHERE status IN (?, ?) AND finished_at < ?
		AND NOT EXISTS (SELECT 1 FROM replay_items i WHERE i.run = replays.id)`, Finished, Canceled, now.Add(-s.keep).UnixMicro())
	return wrap("delete runs", err)
}

func (s *Service) ids(ctx context.Context, text string, args ...any) ([]string, error) {
	var out []string
	err := listing.Query(ctx, s.db.Read, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		out = append(out, id)
		return err
	}, text, args...)
	return out, wrap("find runs", err)
}
