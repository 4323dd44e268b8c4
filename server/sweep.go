package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"dochook/doctype"
	"dochook/hooks"
)

const (
	sweepDelay  = 5 * time.Second
	expireEvery = 6 // sweeps
)

// sweep ends jobs that nobody feeds any more and removes the webhooks of jobs that are over, until ctx ends. Several processes may
// do it at once.
func (a *App) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepDelay)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.SweepInline(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("cannot remove webhooks of ended jobs", "error", err)
		}
		if n%expireEvery == 0 {
			if err := a.Replays.Sweep(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("cannot sweep replays", "error", err)
			}
		}
		if n%expireEvery != 0 && a.config.JobIdle > expireEvery*sweepDelay {
			continue
		}
		expired, err := a.Jobs.Expire(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Warn("cannot end idle jobs", "error", err)
		}
		if expired > 0 {
			a.log.Info("idle jobs failed", "jobs", expired)
		}
	}
}

// SweepInline removes the webhooks that jobs brought along, of those jobs that have ended and all of whose deliveries are over.
func (a *App) SweepInline(ctx context.Context) error {
	inline, err := a.Webhooks.Inline(ctx)
	if err != nil || len(inline) == 0 {
		return err
	}
	ended, err := a.Jobs.Ended(ctx, slices.Sorted(maps.Keys(inline)))
	if err != nil || len(ended) == 0 {
		return err
	}
	lags, err := a.Ledger.Lags(ctx)
	if err != nil {
		return err
	}
	var failed error
	for job, last := range ended {
		webhook := inline[job]
		for _, l := range lags {
			// One that was switched off stands still for ever: nobody enables what nobody sees.
			over := !bool(webhook.Enabled) || l.Pos >= last && l.Retries == 0
			if l.Walker != hooks.Walker(webhook.Name) || !over {
				continue
			}
			if err := a.Webhooks.Delete(ctx, webhook.Name); err != nil && doctype.CodeOf(err) != doctype.CodeNotFound {
				failed = errors.Join(failed, err) // the others go all the same
			}
		}
	}
	return failed
}
