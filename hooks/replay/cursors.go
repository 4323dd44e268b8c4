package replay

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype/listing"
	"dochook/hooks"
	"dochook/hooks/ledger"
)

// Cursors keep the places of webhooks in the ledger, and cancel the runs of a webhook in the transaction that deletes it: another
// webhook of that name would go on with them.
type Cursors struct{ *ledger.Store }

// Close forgets a walker and, if it is a webhook's, its runs.
func (c Cursors) Close(ctx context.Context, tx bun.IDB, walker string) error {
	webhook, ok := strings.CutPrefix(walker, hooks.Walker(""))
	if !ok {
		return c.Store.Close(ctx, tx, walker)
	}
	if err := c.lock(ctx, tx, walker, webhook); err != nil {
		return err
	}
	if err := c.Store.Close(ctx, tx, walker); err != nil {
		return err
	}
	now := time.Now().UnixMicro()
	var open []Run
	err := listing.Query(ctx, tx, func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		open = append(open, r)
		return err
	}, "UPDATE replays SET status = ?, modified = ?, finished_at = ? WHERE webhook = ? AND status IN (?, ?) RETURNING "+columns,
		Canceled, now, now, webhook, Preparing, Running)
	for i := range open {
		if err == nil {
			err = closeRun(ctx, tx, c.Store, &open[i])
		}
	}
	return wrap("cancel runs", err)
}

// Reset is [ledger.Store.Reset] for a walker and, if it is a webhook's, for those of its runs.
func (c Cursors) Reset(ctx context.Context, walker string) error {
	walkers := []string{walker}
	if webhook, ok := strings.CutPrefix(walker, hooks.Walker("")); ok {
		runs, err := c.RunWalkers(ctx, webhook)
		if err != nil {
			return err
		}
		walkers = append(walkers, runs...)
	}
	for _, w := range walkers {
		if err := c.Store.Reset(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// lock locks the cursors of a webhook and of its runs, before the first of them is changed.
func (c Cursors) lock(ctx context.Context, tx bun.IDB, walker, webhook string) error {
	walkers := []string{walker}
	err := listing.Query(ctx, tx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		walkers = append(walkers, ledger.RunWalker(id, webhook))
		return err
	}, "SELECT id FROM replays WHERE webhook = ? AND status IN (?, ?)", webhook, Preparing, Running)
	if err != nil {
		return wrap("cancel runs", err)
	}
	return c.Lock(ctx, tx, walkers)
}
