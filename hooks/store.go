package hooks

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/hooks/sender"
	"dochook/hooks/vault"
	"dochook/migrations"
)

func quote(s string) []byte {
	out, _ := jsontext.AppendQuote(nil, s)
	return out
}

// Cursors keeps a webhook's place on the log, in the transaction that makes or
// deletes it, and what it tries again.
type Cursors interface {
	Open(ctx context.Context, tx bun.IDB, walker string) error
	Close(ctx context.Context, tx bun.IDB, walker string) error
	// Reset forgets failures and pauses and makes due what is tried again, before a webhook is enabled or told to retry. It has
	// transactions of its own.
	Reset(ctx context.Context, walker string) error
}

// Walker is the name under which a webhook walks the log.
func Walker(webhook string) string { return "webhook:" + webhook }

// Options of a Service; the zero value is ready for use.
type Options struct {
	// Now is the clock of creation and modified. Default time.Now.
	Now func() time.Time
	// Changed is called after a webhook was made, edited or deleted. Default: nothing.
	Changed func()
	// Edited is called after a webhook was edited, switched off, told to retry or deleted, before Changed. Default: nothing.
	Edited func(webhook string)
	// MasterKey is what secrets are encrypted with in the database, see package vault. Default: they are not. A wrong one is told
	// by SealSecrets, which belongs before anything else.
	MasterKey string
}

// Service keeps webhooks.
type Service struct {
	db      *migrations.DB
	urls    URLChecker
	cursors Cursors
	now     func() time.Time
	changed func()
	edited  func(webhook string)
	vault   *vault.Vault
	noVault error // why there is none, if that is not because nobody wants one
}

// New returns a Service on db; it starts nothing.
func New(db *migrations.DB, urls URLChecker, cursors Cursors, o Options) *Service {
	s := &Service{db: db, urls: urls, cursors: cursors, now: o.Now, changed: o.Changed, edited: o.Edited}
	if s.now == nil {
		s.now = time.Now
	}
	if s.changed == nil {
		s.changed = func() {}
	}
	if s.edited == nil {
		s.edited = func(string) {}
	}
	if s.vault, s.noVault = vault.New(o.MasterKey); s.noVault != nil {
		s.vault = &vault.Vault{}
	}
	return s
}

type row struct {
	name, data, secret, secretsOld string
	version                        int64
	owner                          string
	creation, modified             int64
	modifiedBy                     string
}

const columns = "name, data, secret, secrets_old, version, owner, creation, modified, modified_by"

func scan(from interface{ Scan(dest ...any) error }) (row, error) {
	var r row
	err := from.Scan(&r.name, &r.data, &r.secret, &r.secretsOld, &r.version, &r.owner, &r.creation, &r.modified, &r.modifiedBy)
	return r, wrap("read webhook", err)
}

// definition is the webhook of a row as it stands there, its secrets encrypted if they are.
func (r *row) definition() (Webhook, error) {
	w := Default()
	if err := json.Unmarshal([]byte(r.data), &w); err != nil {
		return w, wrap("stored webhook "+r.name, err)
	}
	return w, nil
}

// stored is the webhook of a row as it may be shown.
func (s *Service) stored(r *row) (Stored, error) {
	w, err := r.definition()
	if err != nil {
		return Stored{}, err
	}
	if plain, err := w.MapSecrets(s.vault.Open); err == nil { // else a headers template is masked as a whole
		w = plain
	}
	w.WebhookSecret = r.secret
	secret, _ := s.vault.Open(r.secret) // "" has no public key
	return Stored{
		Webhook: w.Masked(), Secret: r.secret != "", PublicKey: sender.PublicKey(secret), Version: r.version, Owner: r.owner,
		Creation: time.UnixMicro(r.creation).UTC(), Modified: time.UnixMicro(r.modified).UTC(), ModifiedBy: r.modifiedBy,
	}, nil
}

// compiled readies a stored webhook for sending, with its secrets.
func (s *Service) compiled(r *row) (*Compiled, error) {
	stored, err := s.stored(r)
	if err != nil {
		return nil, err
	}
	c, err := s.compile(stored.Webhook)
	if err != nil {
		return nil, err
	}
	stored.Webhook = c.Masked() // as it was normalised
	c.Stored = stored
	if !bool(c.EnableSecurity) || r.secret == "" {
		return c, nil
	}
	plain := *r
	if err := plain.mapSigning(s.vault.Open); err != nil {
		return nil, err
	}
	c.secret = plain.secret
	return c, wrap("stored webhook "+r.name, json.Unmarshal([]byte(plain.secretsOld), &c.oldSecrets))
}

// compile checks and readies a webhook with what its masks stand for.
func (s *Service) compile(w Webhook) (*Compiled, error) {
	w, err := w.Unmasked()
	if err == nil {
		w, err = w.MapSecrets(s.vault.Open)
	}
	if err != nil {
		return nil, err
	}
	return Compile(w, s.urls)
}

func load(ctx context.Context, db bun.IDB, name string) (row, error) {
	r, err := scan(db.QueryRowContext(ctx, "SELECT "+columns+" FROM webhooks WHERE name = ?", name))
	if errors.Is(err, sql.ErrNoRows) {
		return r, errorf(CodeNotFound, "", "Webhook %s not found", name)
	}
	return r, err
}

// Get returns a webhook; not_found if there is none.
func (s *Service) Get(ctx context.Context, name string) (Stored, error) {
	r, err := load(ctx, s.db.Read, name)
	if err != nil {
		return Stored{}, err
	}
	return s.stored(&r)
}

// Compiled returns a webhook ready to send, with its secrets.
func (s *Service) Compiled(ctx context.Context, name string) (*Compiled, error) {
	r, err := load(ctx, s.db.Read, name)
	if err != nil {
		return nil, err
	}
	return s.compiled(&r)
}

// CompileDraft readies a webhook that is not stored, for a preview: one made over a stored webhook has the secrets of that.
func (s *Service) CompileDraft(w Webhook) (*Compiled, error) {
	given := w.WebhookSecret
	if err := refuseSealed(w); err != nil {
		return nil, err
	}
	c, err := s.compile(w)
	if err != nil || !bool(c.EnableSecurity) {
		return c, err
	}
	if given == "" || isMask(given) {
		if given, err = s.vault.Open(w.Signs()); err != nil {
			return nil, inField("webhook_secret", err)
		}
	}
	c.secret = given
	return c, nil
}

// Insert stores a new webhook. It starts at the log's end: what happens from
// now on. Code conflict if the name is taken.
func (s *Service) Insert(ctx context.Context, data []byte) (Stored, error) {
	w, err := Parse(Default(), data)
	if err != nil {
		return Stored{}, err
	}
	if isMask(w.WebhookSecret) {
		return Stored{}, errorf(CodeInvalid, "webhook_secret", "is a mask, not a secret")
	}
	if err := scraperDocType(ctx, s.db.Read, &w); err != nil {
		return Stored{}, err
	}
	return s.put(ctx, w, func(ctx context.Context, tx bun.Tx, r *row) error {
		if err := checkDocType(ctx, tx, w.WebhookDocType); err != nil {
			return err
		}
		if _, err := load(ctx, tx, w.Name); doctype.CodeOf(err) != CodeNotFound {
			if err != nil {
				return err
			}
			return errorf(CodeConflict, "name", "Webhook %s already exists", w.Name)
		}
		r.owner, r.creation, r.secret, r.secretsOld = r.modifiedBy, r.modified, w.WebhookSecret, "[]"
		r.version = r.modified // not 1: one of that name that was deleted must not look the same
		if err := checkSigned(w, r.secret); err != nil {
			return err
		}
		return s.store(ctx, tx, r)
	})
}

// store inserts the row, with its place at the log's end.
func (s *Service) store(ctx context.Context, tx bun.Tx, r *row) error {
	if err := s.seal(r); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO webhooks ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.name, r.data, r.secret, r.secretsOld, r.version, r.owner, r.creation, r.modified, r.modifiedBy)
	if migrations.IsConflict(err) { // somebody was quicker
		return errorf(CodeConflict, "name", "Webhook %s already exists", r.name)
	}
	if err != nil {
		return wrap("insert webhook", err)
	}
	return s.cursors.Open(ctx, tx, Walker(r.name))
}

// Update merges members into a stored webhook. What was not rendered yet is
// sent by the new definition. A masked or absent secret stays; "" removes it.
func (s *Service) Update(ctx context.Context, name string, data []byte) (Stored, error) {
	return s.Edit(ctx, name, func(*Stored) ([]byte, error) { return data, nil })
}

// Edit is Update with members that depend on what is stored: edit is asked
// again when somebody else changed the webhook meanwhile.
func (s *Service) Edit(ctx context.Context, name string, edit func(was *Stored) ([]byte, error)) (Stored, error) {
	for try := 1; ; try++ {
		stored, err := s.updateOnce(ctx, name, edit)
		if !errors.Is(err, errStale) || try == maxTries {
			return stored, err
		}
	}
}

// errStale: somebody changed the webhook since it was read.
var errStale = errors.New("the webhook changed meanwhile")

const maxTries = 20

func (s *Service) updateOnce(ctx context.Context, name string, edit func(was *Stored) ([]byte, error)) (Stored, error) {
	was, err := s.Get(ctx, name)
	if err != nil {
		return Stored{}, err
	}
	data, err := edit(&was)
	if err != nil {
		return Stored{}, err
	}
	w, err := Parse(was.Webhook, data)
	if err != nil {
		return Stored{}, err
	}
	if w.Name != name {
		return Stored{}, errorf("immutable", "name", "a webhook cannot be renamed")
	}
	if err := scraperDocType(ctx, s.db.Read, &w); err != nil {
		return Stored{}, err
	}
	var given struct {
		Secret *string `json:"webhook_secret"`
	}
	_ = json.Unmarshal(data, &given) // Parse has read it
	if bool(w.Enabled) && !bool(was.Enabled) {
		if err := s.cursors.Reset(ctx, Walker(name)); err != nil {
			return Stored{}, err
		}
	}
	return s.put(ctx, w, func(ctx context.Context, tx bun.Tx, r *row) error {
		old, err := load(ctx, tx, name)
		if err == nil && old.version != was.Version {
			err = errStale
		}
		if err != nil {
			return err
		}
		if w.Format != was.Format && (w.Batched() || was.Batched()) {
			if err := checkSettled(ctx, tx, &was.Webhook); err != nil {
				return err
			}
		}
		if w.WebhookDocType != was.WebhookDocType {
			if err := checkDocType(ctx, tx, w.WebhookDocType); err != nil {
				return err
			}
		}
		*r = row{name, r.data, old.secret, old.secretsOld, old.version + 1, old.owner, old.creation, r.modified, r.modifiedBy}
		if given.Secret != nil && !isMask(*given.Secret) {
			if err := s.replaceSecret(r, *given.Secret); err != nil {
				return err
			}
		}
		if err := checkSigned(w, r.secret); err != nil {
			return err
		}
		return s.update(ctx, tx, r)
	})
}

// update stores the row if it was of the version before until now.
func (s *Service) update(ctx context.Context, tx bun.Tx, r *row) error {
	if err := s.seal(r); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, "UPDATE webhooks SET data = ?, secret = ?, secrets_old = ?, version = ?, modified = ?, modified_by = ? WHERE name = ? AND version = ?",
		r.data, r.secret, r.secretsOld, r.version, r.modified, r.modifiedBy, r.name, r.version-1)
	if err != nil {
		return wrap("update webhook", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errStale)
	}
	return nil
}

// put compiles w and runs write in a transaction with the row it makes.
func (s *Service) put(ctx context.Context, w Webhook, write func(ctx context.Context, tx bun.Tx, r *row) error) (Stored, error) {
	r, err := s.newRow(ctx, w)
	if err != nil {
		return Stored{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return write(ctx, tx, &r) })
	if err != nil {
		return Stored{}, err
	}
	s.edited(w.Name)
	s.changed()
	return s.stored(&r)
}

// newRow compiles a webhook and makes the row of it.
func (s *Service) newRow(ctx context.Context, w Webhook) (row, error) {
	if s.noVault != nil {
		return row{}, s.noVault
	}
	if err := refuseSealed(w); err != nil {
		return row{}, err
	}
	c, err := s.compile(w)
	if err != nil {
		return row{}, err
	}
	w = c.Webhook
	w.WebhookSecret = ""
	data, err := encode(w)
	return row{name: w.Name, data: string(data), modified: s.now().UnixMicro(), modifiedBy: doctype.UserOf(ctx).Name}, err
}

func encode(w Webhook) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(w); err != nil {
		return nil, wrap("encode webhook", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// checkSettled refuses to make batches of single events, or the other way, while some of them wait: an entry of the log that was cut
// one way cannot go on in another.
func checkSettled(ctx context.Context, tx bun.Tx, was *Webhook) error {
	restrict, args := "", []any{Walker(was.Name), Walker(was.Name)}
	if was.WebhookDocType != "" {
		restrict, args = " AND e.doctype = ?", append(args, was.WebhookDocType)
	}
	var n int
	err := tx.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM (SELECT 1 FROM retries WHERE walker = ? LIMIT 1) AS r) + "+
		"(SELECT count(*) FROM (SELECT 1 FROM events e, cursors c WHERE c.walker = ? AND e.pos > c.pos"+restrict+" LIMIT 1) AS e)", args...).Scan(&n)
	if err == nil && n > 0 {
		return errorf(CodeConflict, "format", "cannot change while deliveries wait: try again when there are none, or make another webhook")
	}
	return wrap("look for what waits", err)
}

// checkDocType refuses a webhook that could never fire.
func checkDocType(ctx context.Context, tx bun.Tx, name string) error {
	if name == "" { // all of them, for job events
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM doctypes WHERE name = ?", name).Scan(&n); err != nil {
		return wrap("look for the DocType", err)
	}
	if n == 0 {
		return errorf(CodeLink, "webhook_doctype", "there is no DocType %q", name)
	}
	return nil
}

func checkSigned(w Webhook, secret string) error {
	if bool(w.EnableSecurity) && secret == "" {
		return errorf(CodeMandatory, "webhook_secret", "is needed to sign requests")
	}
	return nil
}

// Delete removes a webhook and its place on the log.
func (s *Service) Delete(ctx context.Context, name string) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := load(ctx, tx, name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM webhooks WHERE name = ?", name); err != nil {
			return wrap("delete webhook", err)
		}
		return s.cursors.Close(ctx, tx, Walker(name))
	})
	if err == nil {
		s.edited(name)
		s.changed()
	}
	return err
}
