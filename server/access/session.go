package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"
)

const (
	// SessionTime is how long a session lasts after it was last used, to within sessionStep.
	SessionTime = 12 * time.Hour
	// sessionStep spares most requests a write.
	sessionStep = 5 * time.Minute
)

// OpenSession begins a session of an enabled key and returns its id, which only
// the browser keeps: 26 random characters. Errors: unauthenticated (the key is
// gone or disabled), unavailable.
func (s *Service) OpenSession(ctx context.Context, name string) (id string, err error) {
	id = rand.Text()
	now := s.stamp()
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := find(ctx, tx, name)
		if isNotFound(err) {
			return noSession()
		}
		if err != nil {
			return err
		}
		if k, err := r.key(); err != nil {
			return err
		} else if !k.Enabled {
			return noSession()
		}
		if err := exec(ctx, tx, "forget sessions", "DELETE FROM sessions WHERE expires <= ?", now.UnixMicro()); err != nil {
			return err
		}
		return exec(ctx, tx, "open a session", "INSERT INTO sessions (id, key_name, key_hash, created, expires) VALUES (?, ?, ?, ?, ?)",
			sessionHash(id), name, r.Hash, now.UnixMicro(), now.Add(SessionTime).UnixMicro())
	})
	var coded *Error
	if err != nil && !errors.As(err, &coded) {
		err = foreign("open a session", err)
	}
	if err != nil {
		return "", err
	}
	s.log.InfoContext(ctx, "session opened", "key", name)
	return id, nil
}

// Session returns the key that a session belongs to, as it is now, and prolongs
// the session. It ends at once when the key is revoked, disabled or given
// another secret. Errors: unauthenticated, unavailable.
func (s *Service) Session(ctx context.Context, id string) (Key, error) {
	if id == "" || len(id) > maxOwner {
		return Key{}, noSession()
	}
	now := s.stamp()
	var r row
	var expires int64
	err := s.db.Read.NewRaw(`SELECT k.name, k.data, k.hash, k.owner, k.creation, k.modified, k.modified_by, s.expires FROM sessions s
		JOIN api_keys k ON k.name = s.key_name AND k.hash = s.key_hash WHERE s.id = ? AND s.expires > ?`, sessionHash(id), now.UnixMicro()).
		Scan(ctx, &r.Name, &r.Data, &r.Hash, &r.Owner, &r.Creation, &r.Modified, &r.ModifiedBy, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Key{}, noSession()
	}
	if err != nil {
		return Key{}, foreign("read a session", err)
	}
	k, err := r.key()
	if err != nil {
		return Key{}, err
	}
	if !k.Enabled {
		return Key{}, noSession()
	}
	if until := now.Add(SessionTime).UnixMicro(); until-expires >= sessionStep.Microseconds() {
		if _, err := s.db.Write.NewRaw("UPDATE sessions SET expires = ? WHERE id = ?", until, sessionHash(id)).Exec(ctx); err != nil {
			return Key{}, foreign("prolong a session", err)
		}
	}
	return k, nil
}

// CloseSession ends a session; one that is over already is no error. Errors:
// unavailable.
func (s *Service) CloseSession(ctx context.Context, id string) error {
	if _, err := s.db.Write.NewRaw("DELETE FROM sessions WHERE id = ?", sessionHash(id)).Exec(ctx); err != nil {
		return foreign("close a session", err)
	}
	return nil
}

// endSessions ends all sessions of a key that may no longer be used, so that
// they do not come back with it.
func endSessions(ctx context.Context, tx bun.Tx, key string) error {
	return exec(ctx, tx, "end sessions", "DELETE FROM sessions WHERE key_name = ?", key)
}

func sessionHash(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

func noSession() *Error {
	return refuse("unauthenticated", "", "you are not signed in, or no longer")
}
