package hooks

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
)

// SetEnabled switches a webhook on or off. Off, it stands still on the log.
func (s *Service) SetEnabled(ctx context.Context, name string, on bool) (Stored, error) {
	if on {
		return s.Update(ctx, name, []byte(`{"enabled":1}`))
	}
	return s.Update(ctx, name, []byte(`{"enabled":0}`))
}

// Retry makes an enabled webhook try at once what waits for its next attempt, that of its replays too; its failures and its pause are
// forgotten, but what an attempt in flight brings counts. A disabled one is a conflict: enabling it does the same.
func (s *Service) Retry(ctx context.Context, name string) (Stored, error) {
	was, err := s.Get(ctx, name)
	if err != nil {
		return Stored{}, err
	}
	if !bool(was.Enabled) {
		return Stored{}, errRetryDisabled()
	}
	if err := s.cursors.Reset(ctx, Walker(name)); err != nil {
		return Stored{}, err
	}
	var r row
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Whoever walks it begins anew, on any server.
		_, err := tx.ExecContext(ctx, "UPDATE webhooks SET version = version + 1 WHERE name = ?", name)
		if err == nil {
			r, err = load(ctx, tx, name)
		}
		return wrap("retry", err)
	})
	if err != nil {
		return Stored{}, err
	}
	s.edited(name)
	s.changed()
	now, err := s.stored(&r)
	if err == nil && !bool(now.Enabled) { // somebody was quicker
		err = errRetryDisabled()
	}
	return now, err
}

func errRetryDisabled() error {
	return errorf(CodeConflict, "", "the webhook is disabled: enable it, and what waits is tried at once")
}

// SwitchOff disables a webhook, and keeps why, if it is still of the given version: what an
// endpoint said of one definition is no reason to disable another. It reports
// whether it did.
func (s *Service) SwitchOff(ctx context.Context, name string, version int64, reason string) (bool, error) {
	off := false
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := load(ctx, tx, name)
		if err != nil || r.version != version {
			return err
		}
		w, err := r.definition()
		if err != nil {
			return err
		}
		w.Enabled, w.DisabledReason, w.DisabledAt = false, reason, s.now().UTC().Format(time.RFC3339)
		data, err := encode(w)
		if err != nil {
			return err
		}
		r.data, r.version = string(data), r.version+1
		r.modified, r.modifiedBy = s.now().UnixMicro(), doctype.Administrator
		off = true
		return s.update(ctx, tx, &r)
	})
	if err != nil || !off {
		return false, err
	}
	s.edited(name)
	s.changed()
	return true, nil
}
