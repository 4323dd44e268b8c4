package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/hooks/definition"
	"dochook/hooks/sender"
	"dochook/hooks/vault"
)

// RotationOverlap is how long the secret before a rotation still signs too.
const RotationOverlap = 24 * time.Hour

type oldSecret struct {
	Secret string `json:"secret"`
	Until  int64  `json:"until"` // µs
}

// PublicKey returns what receivers check the signatures of an ed25519 secret with; "" for any other secret.
func PublicKey(secret string) string { return sender.PublicKey(secret) }

// isMask reports whether a secret is the asterisks that stand for one in answers; sent back, they keep it.
func isMask(s string) bool { return definition.IsMask(s) }

func checkSecret(secret string) error {
	if secret == "" || isMask(secret) {
		return nil
	}
	if err := sender.CheckSecret(secret); err != nil {
		return inField("webhook_secret", err)
	}
	return nil
}

// refuseSealed refuses a webhook from outside with an encrypted secret: what somebody found in the database must not be decrypted for
// whoever sends it here. What its masks stand for is not looked at.
func refuseSealed(w Webhook) error {
	refuse := func(text string) (string, error) {
		if vault.Sealed(text) {
			return "", errorf(CodeInvalid, "", "begins like an encrypted secret: write it in plain text")
		}
		return text, nil
	}
	if _, err := refuse(w.WebhookSecret); err != nil {
		return inField("webhook_secret", err)
	}
	_, err := w.MapSecrets(refuse)
	return err
}

// mapSigning applies fn to the secrets that sign.
func (r *row) mapSigning(fn func(text string) (string, error)) error {
	var err error
	if r.secret, err = fn(r.secret); err != nil {
		return inField("webhook_secret", err)
	}
	var old []oldSecret
	if err := json.Unmarshal([]byte(r.secretsOld), &old); err != nil {
		return wrap("stored webhook "+r.name, err)
	}
	for i := range old {
		if old[i].Secret, err = fn(old[i].Secret); err != nil {
			return inField("webhook_secret", err)
		}
	}
	return r.setOld(old)
}

func (r *row) setOld(old []oldSecret) error {
	if len(old) == 0 {
		r.secretsOld = "[]"
		return nil
	}
	text, err := json.Marshal(old)
	r.secretsOld = string(text)
	return wrap("encode secrets", err)
}

// mapSecrets applies fn to every secret of the row.
func (r *row) mapSecrets(fn func(text string) (string, error)) error {
	w, err := r.definition()
	if err != nil {
		return err
	}
	if w, err = w.MapSecrets(fn); err != nil {
		return err
	}
	data, err := encode(w)
	if err != nil {
		return err
	}
	r.data = string(data)
	return r.mapSigning(fn)
}

// seal encrypts what the master key has not encrypted yet.
func (s *Service) seal(r *row) error {
	if !s.vault.Enabled() {
		return nil
	}
	return r.mapSecrets(s.vault.Reseal)
}

// replaceSecret sets the secret of the row; the one before signs no more. The same again changes nothing.
func (s *Service) replaceSecret(r *row, secret string) error {
	old, err := s.vault.Open(r.secret)
	if err != nil {
		return inField("webhook_secret", err)
	}
	if secret != old {
		r.secret, r.secretsOld = secret, "[]"
	}
	return nil
}

// SealSecrets belongs between the migrations and everything else: it fails if the master key is none, if there are encrypted secrets
// that it does not open, or that nobody gave a key for, and encrypts what is there in plain text or encrypted with a former key. Errors
// carry the codes of package vault and name the setting and the webhook.
func (s *Service) SealSecrets(ctx context.Context) error {
	if s.noVault != nil {
		return s.noVault
	}
	rows, err := s.rows(ctx, "SELECT "+columns+" FROM webhooks ORDER BY name")
	if err != nil {
		return err
	}
	for i := range rows {
		opened := rows[i]
		if err := opened.mapSecrets(s.vault.Open); err != nil {
			return ofWebhook(opened.name, err)
		}
		err := s.again(ctx, func(ctx context.Context, tx bun.Tx) error { return s.sealRow(ctx, tx, rows[i].name) })
		if err != nil {
			return ofWebhook(rows[i].name, err)
		}
	}
	return nil
}

// ofWebhook says whose secret does not open.
func ofWebhook(name string, err error) error {
	own, ok := errors.AsType[*Error](err)
	if !ok {
		return wrap("encrypt secrets of webhook "+name, err)
	}
	return &Error{CodeWord: own.CodeWord, Message: "Webhook " + name + ": " + own.Error(), Err: err}
}

// sealRow encrypts the secrets of one webhook. That is no edit: its version stays.
func (s *Service) sealRow(ctx context.Context, tx bun.Tx, name string) error {
	r, err := load(ctx, tx, name)
	if doctype.CodeOf(err) == CodeNotFound {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	was := r
	if err := s.seal(&r); err != nil || r == was {
		return err
	}
	res, err := tx.ExecContext(ctx, "UPDATE webhooks SET data = ?, secret = ?, secrets_old = ? WHERE name = ? AND version = ?",
		r.data, r.secret, r.secretsOld, name, r.version)
	if err != nil {
		return wrap("encrypt secrets", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errStale)
	}
	return nil
}

// again runs fn in a transaction until nobody came in between.
func (s *Service) again(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	for try := 1; ; try++ {
		if err := s.db.InTx(ctx, fn); !errors.Is(err, errStale) || try == maxTries {
			return err
		}
	}
}

// RotateSecret gives a webhook a new secret ("" = a fresh random one, of the kind of the one before) and
// returns it, the only time it is shown. The one before goes on signing beside
// it for RotationOverlap.
func (s *Service) RotateSecret(ctx context.Context, name, secret string) (string, error) {
	switch {
	case s.noVault != nil:
		return "", s.noVault
	case isMask(secret):
		return "", errorf(CodeInvalid, "webhook_secret", "is a mask, not a secret")
	}
	if err := refuseSealed(Webhook{WebhookSecret: secret}); err != nil {
		return "", err
	}
	if err := checkSecret(secret); err != nil {
		return "", err
	}
	now, fresh := s.now(), secret
	err := s.again(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := load(ctx, tx, name)
		if err != nil {
			return err
		}
		if secret == "" {
			if fresh, err = s.freshSecret(&r); err != nil {
				return err
			}
		}
		if err := r.rotate(fresh, now); err != nil {
			return err
		}
		r.version++
		r.modified, r.modifiedBy = now.UnixMicro(), doctype.UserOf(ctx).Name
		return s.update(ctx, tx, &r)
	})
	if err != nil {
		return "", err
	}
	s.changed()
	return fresh, nil
}

// freshSecret makes a secret of the kind the webhook has.
func (s *Service) freshSecret(r *row) (string, error) {
	old, err := s.vault.Open(r.secret)
	if err != nil {
		return "", inField("webhook_secret", err)
	}
	fresh, err := sender.NewSecret(old)
	return fresh, wrap("make secret", err)
}

// rotate makes secret the one that signs, and lets the one before sign beside it for a while.
func (r *row) rotate(secret string, now time.Time) error {
	var old []oldSecret
	if err := json.Unmarshal([]byte(r.secretsOld), &old); err != nil {
		return wrap("stored webhook "+r.name, err)
	}
	if r.secret != "" {
		old = append([]oldSecret{{r.secret, now.Add(RotationOverlap).UnixMicro()}}, old...)
	}
	old = slices.DeleteFunc(old, func(o oldSecret) bool { return o.Until <= now.UnixMicro() })
	r.secret = secret
	return r.setOld(old)
}
