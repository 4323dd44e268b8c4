package replay

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/migrations"
	"dochook/migrations/rows"
)

const (
	step      = 2000    // items written or deleted in one transaction: others write in between
	readBytes = 8 << 20 // of records, after which a read ends
	// patience is after how long without a sign of life a run that is being prepared counts as left behind.
	patience = 10 * time.Minute
	// undoing is how long what was begun may be taken back after the caller has gone.
	undoing = time.Minute
)

// Options of a Service; the zero value is ready for use.
type Options struct {
	Logger *slog.Logger // default: discarded
	// Changed is called after a run began or was canceled. Default: nothing.
	Changed func()
	// Keep is how long runs that have ended are remembered. Default 90 days.
	Keep time.Duration
}

// Service keeps runs and makes what couriers send of them. Its methods may be called from any goroutine.
type Service struct {
	db       *migrations.DB
	docs     *documents.Service
	webhooks *hooks.Service
	ledger   *ledger.Store
	log      *slog.Logger
	changed  func()
	keep     time.Duration
}

// New returns a Service on db; it starts nothing.
func New(db *migrations.DB, docs *documents.Service, webhooks *hooks.Service, store *ledger.Store, o Options) *Service {
	s := &Service{db: db, docs: docs, webhooks: webhooks, ledger: store, log: o.Logger, changed: o.Changed, keep: o.Keep}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.changed == nil {
		s.changed = func() {}
	}
	if s.keep <= 0 {
		s.keep = 90 * 24 * time.Hour
	}
	return s
}

// Count tells what a run would be about, and changes nothing.
func (s *Service) Count(ctx context.Context, r Request) (Preview, error) {
	sel, err := s.choose(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	return s.count(ctx, sel)
}

func (s *Service) choose(ctx context.Context, r Request) (*selection, error) {
	if r.Webhook == "" {
		return nil, errorf(CodeMandatory, "webhook", "is needed")
	}
	c, err := s.webhooks.Compiled(ctx, r.Webhook)
	if err != nil {
		return nil, err
	}
	return choose(c, r)
}

// Start makes a run of what is selected now, and returns once it goes on. Errors: conflict if the webhook is disabled or has a run that
// goes on, or if there are not as many items as expected; invalid if there are none, or more than max.
func (s *Service) Start(ctx context.Context, r Request) (Run, error) {
	sel, err := s.choose(ctx, r)
	if err != nil {
		return Run{}, err
	}
	if !bool(sel.webhook.Enabled) {
		return Run{}, errorf(CodeConflict, "webhook", "is disabled: enable it first")
	}
	p, err := s.count(ctx, sel)
	if err == nil {
		err = r.admits(p)
	}
	if err != nil {
		return Run{}, err
	}
	id, err := s.open(ctx, sel)
	if err != nil {
		return Run{}, err
	}
	total, err := s.fill(ctx, id, sel)
	if err == nil {
		p.Count = total
		err = r.admits(p)
	}
	if err == nil {
		err = s.begin(ctx, id, sel.webhook.Name, total)
	}
	if err != nil {
		s.undo(ctx, id)
		return Run{}, err
	}
	s.changed()
	return s.Get(ctx, id)
}

// admits refuses another count than was asked for.
func (r *Request) admits(p Preview) error {
	switch {
	case r.Expect != nil && *r.Expect != p.Count:
		return errorf(CodeConflict, "expect", "there are %d by now, not %d: count again", p.Count, *r.Expect)
	case p.Count == 0 && p.Expired > 0:
		return errorf(CodeInvalid, "", "there is nothing left to send: the events of all %d have left the log", p.Expired)
	case p.Count == 0:
		return errorf(CodeInvalid, "", "there is nothing to send")
	case r.Max > 0 && p.Count > r.Max:
		return errorf(CodeInvalid, "max", "there are %d, more than %d", p.Count, r.Max)
	}
	return nil
}

// open takes the webhook's only place for a run.
func (s *Service) open(ctx context.Context, sel *selection) (id string, err error) {
	filter, err := encode(sel.filter)
	if err != nil {
		return "", err
	}
	id = eventlog.NewID()
	now := s.docs.Now().UnixMicro()
	_, err = s.db.Write.ExecContext(ctx, `INSERT INTO replays (id, webhook, doctype, kind, filter, status, total, done, delivered, dead, skipped, owner, creation, modified)
		VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?, ?, ?)`,
		id, sel.webhook.Name, sel.webhook.WebhookDocType, sel.kind, filter, Preparing, doctype.UserOf(ctx).Name, now, now)
	if !migrations.IsConflict(err) {
		return id, wrap("insert run", err)
	}
	var other, kind string
	err = s.db.Read.QueryRowContext(ctx, "SELECT id, kind FROM replays WHERE webhook = ? AND status IN (?, ?)", sel.webhook.Name, Preparing, Running).Scan(&other, &kind)
	if errors.Is(err, sql.ErrNoRows) {
		return "", errorf(CodeConflict, "webhook", "had another run that has just ended: try again")
	}
	if err != nil {
		return "", wrap("find run", err)
	}
	return "", errorf(CodeConflict, "webhook", "has a %s that goes on, %s: wait for it, or cancel it", kind, other)
}

// fill writes the items in steps and returns how many there are.
func (s *Service) fill(ctx context.Context, id string, sel *selection) (total int64, err error) {
	list := make([]item, 0, step)
	err = s.each(ctx, sel, func(i item) error {
		list = append(list, i)
		if len(list) < step {
			return nil
		}
		err := s.write(ctx, id, total, list)
		total += int64(len(list))
		list = list[:0]
		return err
	})
	if err == nil {
		err = s.write(ctx, id, total, list)
	}
	return total + int64(len(list)), err
}

// write adds items behind those there are.
func (s *Service) write(ctx context.Context, id string, there int64, list []item) error {
	n := len(list)
	runs, names := make([]string, n), make([]string, n)
	seqs, positions := make([]int64, n), make([]int64, n)
	for i := range list {
		there++
		runs[i], names[i], seqs[i], positions[i] = id, list[i].name, there, list[i].pos
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.stillPreparing(tx.ExecContext(ctx, "UPDATE replays SET total = ?, modified = ? WHERE id = ? AND status = ?",
			there, s.docs.Now().UnixMicro(), id, Preparing)); err != nil {
			return err
		}
		_, err := rows.Insert(ctx, tx, "replay_items", []rows.Column{
			{Name: "run", Values: runs},
			{Name: "seq", Values: seqs},
			{Name: "pos", Values: positions},
			{Name: "name", Values: names},
		}, "")
		return err
	})
	return wrap("write items", err)
}

// begin lets a run go.
func (s *Service) begin(ctx context.Context, id, webhook string, total int64) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.stillPreparing(tx.ExecContext(ctx, "UPDATE replays SET status = ?, total = ?, modified = ? WHERE id = ? AND status = ?",
			Running, total, s.docs.Now().UnixMicro(), id, Preparing)); err != nil {
			return err
		}
		return s.ledger.OpenAt(ctx, tx, ledger.RunWalker(id, webhook), 0)
	})
	return wrap("begin run", err)
}

// stillPreparing is the error of a run that was canceled before it began.
func (s *Service) stillPreparing(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return errorf(CodeConflict, "", "the run was canceled before it began")
	}
	return err
}

// undo takes back what was prepared; what cannot be is swept away later. A run that goes on all the same, because only the news of it
// got lost, or that somebody canceled, stays.
func (s *Service) undo(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
	defer cancel()
	res, err := s.db.Write.ExecContext(ctx, "UPDATE replays SET status = ?, finished_at = creation WHERE id = ? AND status = ?", Canceled, id, Preparing)
	var n int64
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err == nil && n > 0 {
		err = s.clear(ctx, id)
	}
	if err == nil && n > 0 {
		_, err = s.db.Write.ExecContext(ctx, "DELETE FROM replays WHERE id = ?", id)
	}
	if err != nil {
		s.log.Warn("cannot take back a run yet", "run", id, "error", err)
	}
}

// clear deletes the items of a run in steps.
func (s *Service) clear(ctx context.Context, id string) error {
	for {
		res, err := s.db.Write.ExecContext(ctx, `DELETE FROM replay_items WHERE run = ? AND seq < (SELECT min(seq) FROM replay_items WHERE run = ?) + ?`, id, id, step)
		if err != nil {
			return wrap("delete items", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return wrap("delete items", err)
		}
	}
}
