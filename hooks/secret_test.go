package hooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/hooks/vault"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

const (
	keyOne = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyTwo = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

	private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	public  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

	secretive = `{"name":"s","webhook_doctype":"Doc","format":"template","webhook_json":"{}","events":["on_insert"],"request_url":"https://x.example/",
		"enable_security":1,"webhook_secret":"sesame-signs","webhook_headers":[{"key":"Authorization","value":"Bearer sesame-header"},{"key":"X-Shop","value":"shoes"}],
		"headers_template":"{\"X-Token\":\"sesame-template\"}"}`
)

// keyed is another process on the database, with a master key.
func keyed(t *testing.T, db *migrations.DB, masterKey string) *hooks.Service {
	t.Helper()
	guard, err := sender.NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	return hooks.New(db, guard, ledger.New(db), hooks.Options{MasterKey: masterKey})
}

func insert(t *testing.T, s *hooks.Service, text string) hooks.Stored {
	t.Helper()
	w, err := s.Insert(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// columns are the texts of a webhook's row.
func columns(t *testing.T, db *migrations.DB, name string) string {
	t.Helper()
	var data, secret, old string
	if err := db.Read.QueryRowContext(t.Context(), "SELECT data, secret, secrets_old FROM webhooks WHERE name = ?", name).Scan(&data, &secret, &old); err != nil {
		t.Fatal(err)
	}
	return data + "\n" + secret + "\n" + old
}

// sends is what a webhook signs with and the headers of its requests.
func sends(t *testing.T, s *hooks.Service, name string) string {
	t.Helper()
	c, err := s.Compiled(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Render(&doctype.Event{DocType: "Doc", Name: "a", Event: "on_insert", Data: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s %s", c.Secrets(c.Modified), r.Header.Get("Authorization"), r.Header.Get("X-Shop"), r.Header.Get("X-Token"))
}

const sent = "[sesame-signs] Bearer sesame-header shoes sesame-template"

// TestService_secrets_are_encrypted_at_rest whichever way they come in, and sent as they were given.
func TestService_secrets_are_encrypted_at_rest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		service(t, db)
		s := keyed(t, db, keyOne)
		insert(t, s, secretive)
		hidden := func(what string) {
			t.Helper()
			text := columns(t, db, "s")
			if strings.Contains(text, "sesame") || !strings.Contains(text, "shoes") || strings.Count(text, "sealed:v1:") < 3 {
				t.Errorf("%s: %s", what, text)
			}
		}
		hidden("insert")
		if got := sends(t, s, "s"); got != sent {
			t.Errorf("sends %s", got)
		}
		if _, err := s.Update(t.Context(), "s", []byte(`{"webhook_headers":[{"key":"Authorization","value":"Bearer sesame-other"},{"key":"X-Shop","value":"shoes"}],"webhook_secret":"sesame-other"}`)); err != nil {
			t.Fatal(err)
		}
		hidden("update")
		if got := sends(t, s, "s"); got != "[sesame-other] Bearer sesame-other shoes sesame-template" {
			t.Errorf("sends %s", got)
		}
		if _, err := s.RotateSecret(t.Context(), "s", "sesame-rotated"); err != nil {
			t.Fatal(err)
		}
		hidden("rotation")
		if got := sends(t, s, "s"); got != "[sesame-rotated sesame-other] Bearer sesame-other shoes sesame-template" {
			t.Errorf("sends %s", got)
		}
		w, err := s.Get(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if off, err := s.SwitchOff(t.Context(), "s", w.Version, "gone"); !off || err != nil {
			t.Fatal(off, err)
		}
		hidden("switched off")
		if got := sends(t, s, "s"); got != "[sesame-rotated sesame-other] Bearer sesame-other shoes sesame-template" {
			t.Errorf("switched off, it would send %s", got)
		}
		err = db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			return s.InsertInline(ctx, tx, "j1", "Doc", []byte(`{"url":"https://x.example/","headers":{"x-api-key":"sesame-inline"}}`))
		})
		if err != nil {
			t.Fatal(err)
		}
		if text := columns(t, db, "job-j1"); strings.Contains(text, "sesame") || !strings.Contains(text, "sealed:v1:") {
			t.Errorf("inline: %s", text)
		}
	})
}

// TestService_SealSecrets encrypts what was there before there was a key, and anew with a new key, which is no edit.
func TestService_SealSecrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		plain := service(t, db)
		insert(t, plain, secretive)
		if _, err := plain.RotateSecret(t.Context(), "s", "sesame-new"); err != nil {
			t.Fatal(err)
		}
		before, err := plain.Get(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		if text := columns(t, db, "s"); strings.Count(text, "sesame-") != 4 {
			t.Fatalf("without a key: %s", text)
		}
		for _, key := range []string{"", keyOne, keyOne, keyTwo + "," + keyOne, keyTwo} {
			s := keyed(t, db, key)
			if err := s.SealSecrets(t.Context()); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			if text := columns(t, db, "s"); key != "" && strings.Contains(text, "sesame") {
				t.Errorf("%s: %s", key, text)
			}
			if got := sends(t, s, "s"); got != "[sesame-new sesame-signs] Bearer sesame-header shoes sesame-template" {
				t.Errorf("%s: sends %s", key, got)
			}
			if now, err := s.Get(t.Context(), "s"); err != nil || now.Version != before.Version || !now.Modified.Equal(before.Modified) {
				t.Errorf("%s: version %d after %d, %v", key, now.Version, before.Version, err)
			}
		}
	})
}

// TestService_the_wrong_key_is_told_at_start with a message for who set it, and nothing is overwritten.
func TestService_the_wrong_key_is_told_at_start(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		service(t, db)
		insert(t, keyed(t, db, keyOne), secretive)
		before := columns(t, db, "s")
		for key, code := range map[string]string{"": vault.CodeMissingKey, keyTwo: vault.CodeWrongKey, "short": vault.CodeInvalid} {
			s := keyed(t, db, key)
			err := s.SealSecrets(t.Context())
			if doctype.CodeOf(err) != code || !strings.Contains(err.Error(), "DOCHOOK_MASTER_KEY") || code != vault.CodeInvalid && !strings.Contains(err.Error(), "Webhook s") {
				t.Errorf("%q: %v", key, err)
			}
			// What can be shown without the key is shown, and what it is needed for is refused.
			w, err := s.Get(t.Context(), "s")
			if err != nil || w.WebhookHeaders[0].Value != "********" || !w.Secret {
				t.Errorf("%q: %+v, %v", key, w, err)
			}
			_, compiled := s.Compiled(t.Context(), "s")
			_, edited := s.Update(t.Context(), "s", []byte(`{"timeout":7}`))
			_, replaced := s.Update(t.Context(), "s", []byte(`{"webhook_headers":[],"headers_template":"","webhook_secret":"x"}`))
			_, rotated := s.RotateSecret(t.Context(), "s", "")
			for what, err := range map[string]error{"compiled": compiled, "edited": edited, "replaced": replaced, "rotated": rotated} {
				if err == nil || !strings.Contains(err.Error(), "DOCHOOK_MASTER_KEY") {
					t.Errorf("%q: %s: %v", key, what, err)
				}
			}
			_, broken, err := s.Active(t.Context())
			if err != nil || broken["s"] == nil || broken["w"] != nil {
				t.Errorf("%q: broken %v, %v", key, broken, err)
			}
		}
		if after := columns(t, db, "s"); after != before {
			t.Errorf("was\n%s\nis\n%s", before, after)
		}
	})
}

// TestService_takes_no_encrypted_text: it would be decrypted for whoever found it in the database.
func TestService_takes_no_encrypted_text(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		service(t, db)
		v, err := vault.New(keyOne)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := v.Seal("sesame")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"", keyOne} {
			s := keyed(t, db, key)
			for field, members := range map[string]string{
				"webhook_secret":           `"webhook_secret":"` + sealed + `"`,
				"webhook_headers[0].value": `"webhook_headers":[{"key":"Cookie","value":"` + sealed + `"}]`,
				"headers_template":         `"format":"template","webhook_json":"{}","headers_template":"` + sealed + `"`,
				"client_key":               `"client_key":"` + sealed + `"`,
			} {
				_, err := s.Update(t.Context(), "w", []byte("{"+members+"}"))
				own, _ := errors.AsType[*hooks.Error](err)
				if own == nil || own.Field != field || !strings.Contains(own.Message, "encrypted") {
					t.Errorf("%s: %v", field, err)
				}
			}
			if _, err := s.RotateSecret(t.Context(), "w", sealed); doctype.CodeOf(err) != hooks.CodeInvalid {
				t.Errorf("rotated: %v", err)
			}
		}
	})
}

// TestService_answers_are_masked and can be sent back.
func TestService_answers_are_masked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		for _, key := range []string{"", keyOne} {
			if key == "" {
				service(t, db)
			}
			s := keyed(t, db, key)
			answers := []hooks.Stored{insert(t, s, secretive)}
			got, err := s.Get(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			back, err := json.Marshal(got.Webhook)
			if err != nil {
				t.Fatal(err)
			}
			updated, err := s.Update(t.Context(), "s", back)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range append(answers, got, updated) {
				text, err := json.Marshal(w)
				if err != nil || strings.Contains(string(text), "sesame") || strings.Contains(string(text), "sealed") || strings.Count(string(text), "********") != 2 {
					t.Errorf("%s, %v", text, err)
				}
			}
			if got := sends(t, s, "s"); got != sent {
				t.Errorf("after what was shown came back it sends %s", got)
			}
			// A draft over the stored webhook is sent with its secrets; one over nothing cannot have any.
			draft, err := hooks.Parse(got.Webhook, []byte(`{"description":"draft"}`))
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.CompileDraft(draft)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := c.Render(&doctype.Event{DocType: "Doc", Event: "on_insert", Data: []byte(`{}`)}); err != nil || r.Header.Get("Authorization") != "Bearer sesame-header" || fmt.Sprint(c.Secrets(time.Now())) != "[sesame-signs]" {
				t.Errorf("draft: %v, %v", r.Header, err)
			}
			if draft, err = hooks.Parse(hooks.Default(), back); err == nil {
				_, err = s.CompileDraft(draft)
			}
			if own, ok := errors.AsType[*hooks.Error](err); !ok || own.Field != "webhook_headers[0].value" {
				t.Errorf("a draft of masks: %v", err)
			}
			if err := s.Delete(t.Context(), "s"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestService_rotation_by_the_clock: each secret signs beside its successors for 24 h from its own rotation on, newest first.
func TestService_rotation_by_the_clock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		service(t, db)
		start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		now := start
		guard, err := sender.NewGuard(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := hooks.New(db, guard, ledger.New(db), hooks.Options{Now: func() time.Time { return now }, MasterKey: keyOne})
		if _, err := s.Update(t.Context(), "w", []byte(`{"enable_security":1,"webhook_secret":"first"}`)); err != nil {
			t.Fatal(err)
		}
		rotate := func(at time.Duration, secret string) {
			t.Helper()
			now = start.Add(at)
			if _, err := s.RotateSecret(t.Context(), "w", secret); err != nil {
				t.Fatal(err)
			}
		}
		signs := func(at time.Duration, want ...string) {
			t.Helper()
			c, err := s.Compiled(t.Context(), "w")
			if err != nil {
				t.Fatal(err)
			}
			got := c.Secrets(start.Add(at))
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after %s %q sign, want %q", at, got, want)
			}
			h := http.Header{}
			sender.Sign(h, "id", start.Add(at), []byte("x"), got)
			kinds := ""
			for signature := range strings.FieldsSeq(h.Get(sender.HeaderSignature)) {
				kind, _, _ := strings.Cut(signature, ",")
				kinds += kind + " "
			}
			wanted := ""
			for _, secret := range want {
				wanted += map[bool]string{true: "v1a ", false: "v1 "}[strings.HasPrefix(secret, "whsk_")]
			}
			if kinds != wanted {
				t.Errorf("after %s the signatures are %q, want %q", at, kinds, wanted)
			}
		}
		signs(0, "first")
		rotate(time.Hour, private)
		signs(time.Hour, private, "first")
		rotate(2*time.Hour, "third")
		signs(2*time.Hour, "third", private, "first")
		signs(25*time.Hour-time.Microsecond, "third", private, "first")
		signs(25*time.Hour, "third", private)
		signs(26*time.Hour, "third")
		rotate(25*time.Hour+time.Minute, "fourth")
		signs(25*time.Hour+time.Minute, "fourth", "third", private)
		now = start.Add(26 * time.Hour)
		if _, err := s.Update(t.Context(), "w", []byte(`{"webhook_secret":"fifth"}`)); err != nil {
			t.Fatal(err)
		}
		signs(26*time.Hour, "fifth") // a secret that is set, not rotated, signs alone
	})
}

// TestService_ed25519 shows the public key, and a rotation makes a new pair.
func TestService_ed25519(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		service(t, db)
		s := keyed(t, db, keyOne)
		w, err := s.Update(t.Context(), "w", []byte(`{"enable_security":1,"webhook_secret":"`+private+`"}`))
		if err != nil || w.PublicKey != public {
			t.Fatalf("public key %q, %v", w.PublicKey, err)
		}
		fresh, err := s.RotateSecret(t.Context(), "w", "")
		if err != nil || !strings.HasPrefix(fresh, "whsk_") || fresh == private || hooks.PublicKey(fresh) == public {
			t.Errorf("rotated to a secret with the public key %q, %v", hooks.PublicKey(fresh), err)
		}
		w, err = s.Get(t.Context(), "w")
		if err != nil || w.PublicKey != hooks.PublicKey(fresh) || w.PublicKey == "" {
			t.Errorf("public key %q, %v", w.PublicKey, err)
		}
		for _, bad := range []string{"whsk_AAAA", "whsk_", public, "whsec_#"} {
			_, err := s.Update(t.Context(), "w", []byte(`{"webhook_secret":"`+bad+`"}`))
			if own, ok := errors.AsType[*hooks.Error](err); !ok || own.Field != "webhook_secret" || own.Code() != hooks.CodeInvalid || strings.Contains(own.Error(), "AAAA") {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if w, err = s.Update(t.Context(), "w", []byte(`{"webhook_secret":"symmetric"}`)); err != nil || w.PublicKey != "" {
			t.Errorf("public key %q, %v", w.PublicKey, err)
		}
	})
}

// TestService_no_filter_asks_for_secrets: who may ask whether a secret begins with a letter can spell it out.
func TestService_no_filter_asks_for_secrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := service(t, db)
		for _, member := range []string{"webhook_secret", "webhook_headers", "headers_template", "client_key"} {
			q := query.Query{Filters: []query.Filter{query.NewFilter(member, query.Equal, "x")}, Limit: 1}
			if _, err := s.List(t.Context(), q); doctype.CodeOf(err) != "invalid" {
				t.Errorf("%s: %v", member, err)
			}
		}
		if _, err := s.List(t.Context(), query.Query{Filters: []query.Filter{query.NewFilter("request_url", query.Equal, "x")}, Limit: 1}); err != nil {
			t.Error(err)
		}
	})
}
