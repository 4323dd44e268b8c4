package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/migrations"
)

// Codes of a page whose key was used before; the errors are of type [*doctype.Error].
const (
	CodeMismatch = "idempotency_mismatch"
	CodeBusy     = "idempotency_busy"
)

// Life is how long an answer is kept.
const Life = 24 * time.Hour

// Page is one page under a key.
type Page struct {
	Key    string
	Number int
	Hash   []byte // of all that must be the same when it comes again
}

// Answer returns the stored answer to the page, nil if it is new. Another body under the key is CodeMismatch.
func Answer(ctx context.Context, tx bun.Tx, now time.Time, p Page) ([]byte, error) {
	var hash []byte
	var answer string
	err := tx.QueryRowContext(ctx, "SELECT hash, answer FROM idempotency WHERE key = ? AND page = ? AND at > ?",
		p.Key, p.Number, now.Add(-Life).UnixMicro()).Scan(&hash, &answer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up idempotency key: %w", err)
	case !bytes.Equal(hash, p.Hash):
		return nil, doctype.Errorf(CodeMismatch, "Idempotency-Key", "page %d under this key had another body", p.Number)
	}
	return []byte(answer), nil
}

// Remember records the answer to a page. A page that another transaction is writing is CodeBusy.
func Remember(ctx context.Context, tx bun.Tx, now time.Time, p Page, answer []byte) error {
	expired := now.Add(-Life).UnixMicro()
	// A bounded step of tidying with each use.
	_, err := tx.ExecContext(ctx, "DELETE FROM idempotency WHERE (key, page) IN (SELECT key, page FROM idempotency WHERE at <= ? LIMIT 100) OR (key = ? AND page = ? AND at <= ?)",
		expired, p.Key, p.Number, expired)
	if err != nil {
		return fmt.Errorf("tidy idempotency records: %w", err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO idempotency (key, page, hash, answer, at) VALUES (?, ?, ?, ?, ?)",
		p.Key, p.Number, p.Hash, string(answer), now.UnixMicro())
	if migrations.IsConflict(err) {
		return doctype.Errorf(CodeBusy, "Idempotency-Key", "page %d under this key is being written by another request", p.Number)
	}
	if err != nil {
		return fmt.Errorf("record idempotency key: %w", err)
	}
	return nil
}

// Hash is made of all that must be the same when a page comes again.
type Hash struct{ of hash.Hash }

// NewHash begins with what the records of a page have in common.
func NewHash(common ...string) Hash {
	h := Hash{sha256.New()}
	for _, text := range common {
		_, _ = h.of.Write([]byte(text + "\x00"))
	}
	return h
}

// Add adds one record.
func (h Hash) Add(key string, trash bool, data []byte) {
	_, _ = h.of.Write([]byte(key + "\x00"))
	if trash {
		_, _ = h.of.Write([]byte("trash\x00"))
	}
	_, _ = h.of.Write(data)
	_, _ = h.of.Write([]byte{'\n'})
}

// Sum ends it.
func (h Hash) Sum() []byte { return h.of.Sum(nil)[:16] }
