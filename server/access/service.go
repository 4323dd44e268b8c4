package access

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"dochook/migrations"
)

// Options of a Service; the zero value is ready to use.
type Options struct {
	// Now is the clock of creation, modified and the cache; nil means time.Now.
	Now func() time.Time
	// Logger is told of every made, changed and revoked key, by name; nil
	// discards.
	Logger *slog.Logger
}

// Service keeps the API keys of one database.
type Service struct {
	db    *migrations.DB
	now   func() time.Time
	log   *slog.Logger
	cache cache
}

// New returns a Service on a migrated database. It starts nothing.
func New(db *migrations.DB, o Options) *Service {
	s := &Service{db: db, now: o.Now, log: o.Logger}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Create stores a new key and returns it as stored, together with its secret,
// which nobody can ask for again. An empty name is generated. Errors: invalid,
// mandatory, name, conflict (the name is taken), unavailable.
func (s *Service) Create(ctx context.Context, k Key) (created Key, secret string, err error) {
	if err := k.check(); err != nil {
		return Key{}, "", err
	}
	secret = newSecret()
	err = s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		created, err = s.insert(ctx, tx, k, secret)
		return err
	})
	if err != nil {
		return Key{}, "", err
	}
	s.log.InfoContext(ctx, "API key made", "key", created.Name, "role", created.Role, "by", created.ModifiedBy)
	return created, secret, nil
}

// Get returns one key. Errors: not_found, unavailable.
func (s *Service) Get(ctx context.Context, name string) (Key, error) {
	r, err := find(ctx, s.db.Read, name)
	if err != nil {
		return Key{}, err
	}
	return r.key()
}

// List returns all keys, ordered by name. Errors: unavailable.
func (s *Service) List(ctx context.Context) ([]Key, error) {
	return list(ctx, s.db.Read)
}

// Update changes a key and returns it as stored. The last enabled admin key
// can neither be disabled nor lose its role. Errors: not_found, invalid,
// mandatory, unavailable.
func (s *Service) Update(ctx context.Context, name string, p Patch) (Key, error) {
	var k Key
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		old, err := getTx(ctx, tx, name)
		if err != nil {
			return err
		}
		k = old
		if err := p.apply(&k); err != nil {
			return err
		}
		k.setDefaultOwner()
		if err := guardLastAdmin(ctx, tx, old, k.Enabled && k.Role == RoleAdmin); err != nil {
			return err
		}
		k.Modified, k.ModifiedBy = s.stamp(), orAdmin(p.ModifiedBy)
		if !k.Enabled {
			if err := endSessions(ctx, tx, name); err != nil {
				return err
			}
		}
		return save(ctx, tx, k)
	})
	if err != nil {
		return Key{}, err
	}
	s.cache.forget(name)
	s.log.InfoContext(ctx, "API key changed", "key", name, "role", k.Role, "enabled", k.Enabled, "by", k.ModifiedBy)
	return k, nil
}

// Revoke deletes a key. Requests with it are refused at once by this process
// and within two seconds by others. The last enabled admin key is kept.
// Errors: not_found, invalid, unavailable.
func (s *Service) Revoke(ctx context.Context, name string) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		old, err := getTx(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := guardLastAdmin(ctx, tx, old, false); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, name); err != nil {
			return err
		}
		return exec(ctx, tx, "revoke", "DELETE FROM api_keys WHERE name = ?", name)
	})
	if err != nil {
		return err
	}
	s.cache.forget(name)
	s.log.InfoContext(ctx, "API key revoked", "key", name)
	return nil
}

// EnsureToken makes sure that the operator's token works with role admin: it
// makes the key, or renews its secret, role and enabled where they differ.
// A token that already works is left as it is. Errors: invalid (not
// key:secret, or a secret shorter than 16 characters), unavailable.
func (s *Service) EnsureToken(ctx context.Context, token string) error {
	name, secret, ok := splitToken(token)
	if !ok {
		return refuse("invalid", "token", "the admin token must be key:secret, the key of the characters A-Z a-z 0-9 . _ -")
	}
	if len(secret) < minSecret {
		return refuse("invalid", "token", "the secret of the admin token must have at least %d characters", minSecret)
	}
	changed := false
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := find(ctx, tx, name)
		if isNotFound(err) {
			changed = true
			_, err = s.insert(ctx, tx, Key{Name: name, Role: RoleAdmin, Enabled: true, Description: "DOCHOOK_ADMIN_TOKEN"}, secret)
			return err
		}
		if err != nil {
			return err
		}
		k, err := r.key()
		if err != nil {
			return err
		}
		sum := hashSecret(secret)
		if subtle.ConstantTimeCompare(sum, r.Hash) == 1 && k.Role == RoleAdmin && k.Enabled {
			return nil
		}
		changed = true
		k.Role, k.Enabled, k.DocTypes = RoleAdmin, true, nil
		k.Modified, k.ModifiedBy = s.stamp(), adminOwner
		if err := save(ctx, tx, k); err != nil {
			return err
		}
		return exec(ctx, tx, "renew the admin token", "UPDATE api_keys SET hash = ? WHERE name = ?", sum, name)
	})
	if err != nil {
		return err
	}
	if changed {
		s.cache.forget(name)
		s.log.InfoContext(ctx, "admin token stored", "key", name)
	}
	return nil
}

// EnsureFirst makes an admin key when there is no key at all, and returns its
// token key:secret, which is shown once. Of several processes that start at
// the same time, one makes it. Errors: unavailable.
func (s *Service) EnsureFirst(ctx context.Context) (token string, created bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		keys, err := list(ctx, tx)
		if err != nil || len(keys) > 0 {
			return err
		}
		secret := newSecret()
		k, err := s.insert(ctx, tx, Key{Role: RoleAdmin, Enabled: true, Description: "made at the first start"}, secret)
		token, created = k.Name+":"+secret, err == nil
		return err
	})
	if err != nil {
		return "", false, err
	}
	if !created {
		return "", false, nil
	}
	return token, true, nil
}

// Authenticate returns the enabled key a token belongs to. The answer may be
// up to two seconds old; its DocTypes must not be changed. Errors:
// unauthenticated, unavailable.
func (s *Service) Authenticate(ctx context.Context, token string) (Key, error) {
	name, secret, ok := splitToken(token)
	if !ok {
		return Key{}, refuse("unauthenticated", "", "the token is not of the form key:secret")
	}
	asked := s.now()
	id := cacheID(token)
	if k, ok := s.cache.get(id, asked); ok {
		return k, nil
	}
	sum := hashSecret(secret)
	r, err := find(ctx, s.db.Read, name)
	known := !isNotFound(err)
	if known && err != nil {
		return Key{}, err
	}
	if !known {
		// The comparison below has to cost what it costs for a known key.
		r.Hash = make([]byte, len(sum))
	}
	if same := subtle.ConstantTimeCompare(sum, r.Hash) == 1; !same || !known {
		return Key{}, refuse("unauthenticated", "", "the API key or its secret is wrong, or the key was revoked")
	}
	k, err := r.key()
	if err != nil {
		return Key{}, err
	}
	if !k.Enabled {
		return Key{}, refuse("unauthenticated", "", "this API key is disabled")
	}
	s.cache.put(id, k, asked)
	return k, nil
}

// write runs fn in a transaction that no other change of the keys overlaps:
// the rules "one first key" and "one admin stays" look at the whole table.
func (s *Service) write(ctx context.Context, fn func(context.Context, bun.Tx) error) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if s.db.Postgres() {
			if err := exec(ctx, tx, "lock", "LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE"); err != nil {
				return err
			}
		}
		return fn(ctx, tx)
	})
	var coded *Error
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return foreign("write", err)
}

func (s *Service) insert(ctx context.Context, tx bun.Tx, k Key, secret string) (Key, error) {
	if k.Name == "" {
		k.Name = newName()
	}
	k.setDefaultOwner()
	k.Creation = s.stamp()
	k.Modified, k.ModifiedBy = k.Creation, orAdmin(k.ModifiedBy)
	data, err := json.Marshal(k.record())
	if err != nil {
		return Key{}, fmt.Errorf("access: encode: %w", err)
	}
	_, err = tx.NewRaw("INSERT INTO api_keys (name, data, hash, owner, creation, modified, modified_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
		k.Name, string(data), hashSecret(secret), k.Owner, k.Creation.UnixMicro(), k.Modified.UnixMicro(), k.ModifiedBy).Exec(ctx)
	if migrations.IsConflict(err) {
		return Key{}, refuse("conflict", "name", "there is an API Key %q already", k.Name)
	}
	if err != nil {
		return Key{}, foreign("insert", err)
	}
	return k, nil
}

// stamp is now in the resolution the table keeps.
func (s *Service) stamp() time.Time {
	return s.now().UTC().Truncate(time.Microsecond)
}

// guardLastAdmin refuses a change of old that leaves no enabled admin key.
func guardLastAdmin(ctx context.Context, tx bun.Tx, old Key, stays bool) error {
	if stays || !old.Enabled || old.Role != RoleAdmin {
		return nil
	}
	keys, err := list(ctx, tx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Name != old.Name && k.Enabled && k.Role == RoleAdmin {
			return nil
		}
	}
	return refuse("invalid", "", "%s is the last enabled admin key: make another one first", old.Name)
}

// row is a row of api_keys.
type row struct {
	Name       string
	Data       string
	Hash       []byte
	Owner      string
	Creation   int64
	Modified   int64
	ModifiedBy string
}

const columns = "name, data, hash, owner, creation, modified, modified_by"

func (r row) key() (Key, error) {
	var own record
	if err := json.Unmarshal([]byte(r.Data), &own); err != nil {
		return Key{}, fmt.Errorf("access: row %s: %w", r.Name, err)
	}
	return Key{
		Name: r.Name, Owner: r.Owner, Description: own.Description, Role: own.Role,
		DocTypes: own.DocTypes, Enabled: own.Enabled == 1,
		Creation: time.UnixMicro(r.Creation).UTC(), Modified: time.UnixMicro(r.Modified).UTC(),
		ModifiedBy: r.ModifiedBy,
	}, nil
}

func find(ctx context.Context, db bun.IDB, name string) (row, error) {
	if !validName(name) {
		return row{}, notFound(name)
	}
	var r row
	err := db.NewRaw("SELECT "+columns+" FROM api_keys WHERE name = ?", name).
		Scan(ctx, &r.Name, &r.Data, &r.Hash, &r.Owner, &r.Creation, &r.Modified, &r.ModifiedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, notFound(name)
	}
	if err != nil {
		return row{}, foreign("read", err)
	}
	return r, nil
}

func getTx(ctx context.Context, tx bun.Tx, name string) (Key, error) {
	r, err := find(ctx, tx, name)
	if err != nil {
		return Key{}, err
	}
	return r.key()
}

func list(ctx context.Context, db bun.IDB) ([]Key, error) {
	var rows []row
	if err := db.NewRaw("SELECT "+columns+" FROM api_keys ORDER BY name").Scan(ctx, &rows); err != nil {
		return nil, foreign("list", err)
	}
	keys := make([]Key, 0, len(rows))
	for _, r := range rows {
		k, err := r.key()
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// save writes everything of a key but its hash.
func save(ctx context.Context, tx bun.Tx, k Key) error {
	data, err := json.Marshal(k.record())
	if err != nil {
		return fmt.Errorf("access: encode: %w", err)
	}
	return exec(ctx, tx, "save", "UPDATE api_keys SET data = ?, owner = ?, modified = ?, modified_by = ? WHERE name = ?",
		string(data), k.Owner, k.Modified.UnixMicro(), k.ModifiedBy, k.Name)
}

func exec(ctx context.Context, tx bun.Tx, doing, query string, args ...any) error {
	if _, err := tx.NewRaw(query, args...).Exec(ctx); err != nil {
		return foreign(doing, err)
	}
	return nil
}

func notFound(name string) *Error {
	return refuse("not_found", "", "there is no API Key %.60q", name)
}

func isNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.CodeWord == "not_found"
}

func orAdmin(user string) string {
	if user == "" {
		return adminOwner
	}
	return user
}
