package ledger

import (
	"context"
	"time"
)

// FlushAll writes batches as they are written when they come together.
func (s *Store) FlushAll(ctx context.Context, leases []Lease, batches []Batch) []error {
	parts := make([]part, len(leases))
	for i := range parts {
		parts[i] = part{leases[i], batches[i]}
	}
	errs, _ := s.flushAll(ctx, parts)
	return errs
}

// Limit sets how long a transaction for several walkers may take.
func (s *Store) Limit(d time.Duration) { s.limit = d }
