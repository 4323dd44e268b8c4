package webhooks

import (
	"context"
	"time"

	"dochook/hooks"
	"dochook/server/panel/standing"
)

const (
	failureTime = 3 * 24 * time.Hour
	maxFailures = 500
)

// standings are how the webhooks stand, in their order, with failures of the last days.
func (p *Pages) standings(ctx context.Context, stored []hooks.Stored) ([]standing.Webhook, error) {
	now := p.now()
	failures, err := p.activity.Failures(ctx, now.Add(-failureTime), maxFailures)
	if err != nil {
		return nil, err
	}
	return standing.All(ctx, p.set, stored, failures, now)
}
