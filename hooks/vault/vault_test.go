package vault_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"dochook/hooks/vault"
)

const (
	hexKey     = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	base64Key  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	otherKey   = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="
	passphrase = "correct horse battery staple"
)

func open(tb testing.TB, setting string) *vault.Vault {
	tb.Helper()
	v, err := vault.New(setting)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func code(err error) string {
	own, ok := errors.AsType[*vault.Error](err)
	if !ok {
		return ""
	}
	return own.Code()
}

func TestNew_reads_keys(t *testing.T) {
	for _, tt := range []struct {
		setting string
		ok      bool
	}{
		{"", true},
		{" \n", true},
		{hexKey, true},
		{base64Key, true},
		{strings.TrimRight(base64Key, "="), true},
		{" " + otherKey + "\n", true},
		{passphrase, true},
		{hexKey + "," + passphrase, true},
		{"sixteen letters!", true},
		{"fifteen letters", false},
		{"ⓕⓘⓕⓣⓔⓔⓝ ⓛⓔⓣⓣⓔⓡⓢ", false}, // more bytes than characters
		{hexKey + ",", false},
		{",", false},
		{hexKey + ",short", false},
	} {
		_, err := vault.New(tt.setting)
		if tt.ok != (err == nil) {
			t.Errorf("%q: %v", tt.setting, err)
		}
		if err != nil && (code(err) != vault.CodeInvalid || !strings.Contains(err.Error(), vault.Setting) || strings.Contains(err.Error(), "letters")) {
			t.Errorf("%q: %q of code %q", tt.setting, err, code(err))
		}
	}
}

// TestVault_seals_and_opens with every spelling of one key, and keeps it from others.
func TestVault_seals_and_opens(t *testing.T) {
	sealed, err := open(t, hexKey).Seal("sesame")
	if err != nil || !vault.Sealed(sealed) || strings.Contains(sealed, "sesame") {
		t.Fatalf("%q, %v", sealed, err)
	}
	if again, err := open(t, hexKey).Seal("sesame"); err != nil || again == sealed {
		t.Errorf("the same text looks the same when it is sealed twice: %v", err)
	}
	for _, setting := range []string{hexKey, base64Key, otherKey + ", " + base64Key, passphrase + "," + hexKey} {
		if got, err := open(t, setting).Open(sealed); err != nil || got != "sesame" {
			t.Errorf("%q: %q, %v", setting, got, err)
		}
	}
	for setting, want := range map[string]string{"": vault.CodeMissingKey, otherKey: vault.CodeWrongKey, passphrase: vault.CodeWrongKey} {
		_, err := open(t, setting).Open(sealed)
		if code(err) != want || !strings.Contains(err.Error(), vault.Setting) {
			t.Errorf("%q: %v", setting, err)
		}
	}
}

// TestVault_opens_what_was_sealed_before: the format stays, whatever becomes of this package.
func TestVault_opens_what_was_sealed_before(t *testing.T) {
	for _, tt := range []struct{ setting, sealed string }{
		{hexKey, "sealed:v1:b6c1b2c1:8dSs0PNg5+o1embNSRD7Eks/IVS3FFaCUCMVQDS6H+FTWawGJ0clIK/nZr19G+11LROljSc="},
		{passphrase, "sealed:v1:4475616c:o3gGNPMpl3hTPBTyUSrIXMcQL7opjhvDt8mSx7A4W07j7db5EVSxOORHuR1O/VdFNSqHHPk="},
	} {
		if got, err := open(t, tt.setting).Open(tt.sealed); err != nil || got != "Zoë's secret" {
			t.Errorf("%q: %q, %v", tt.setting, got, err)
		}
	}
}

func TestVault_without_a_key_leaves_texts_alone(t *testing.T) {
	v := open(t, "")
	for name, fn := range map[string]func(string) (string, error){"Seal": v.Seal, "Open": v.Open, "Reseal": v.Reseal} {
		if got, err := fn("sesame"); err != nil || got != "sesame" || v.Enabled() {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := v.Reseal("sealed:v1:x:y"); err != nil || got != "sealed:v1:x:y" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVault_an_empty_text_stays_empty(t *testing.T) {
	if got, err := open(t, hexKey).Reseal(""); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVault_a_changed_text_does_not_open(t *testing.T) {
	v := open(t, hexKey)
	sealed, err := v.Seal("sesame")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndexByte(sealed, ':') + 1
	head, box := sealed[:at], sealed[at:]
	raw, err := base64.StdEncoding.DecodeString(box)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		if _, err := v.Open(head + base64.StdEncoding.EncodeToString(raw)); code(err) != vault.CodeDamaged {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		raw[i] ^= 1
	}
	for _, text := range []string{head, head + "!", sealed[:len(sealed)-4], strings.TrimSuffix(head, ":"), "sealed:v1:"} {
		if _, err := v.Open(text); code(err) != vault.CodeDamaged {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestVault_replaces_a_key(t *testing.T) {
	old, both := open(t, otherKey), open(t, base64Key+","+otherKey)
	sealed, err := old.Seal("sesame")
	if err != nil {
		t.Fatal(err)
	}
	anew, err := both.Reseal(sealed)
	if err != nil || anew == sealed {
		t.Fatalf("%q, %v", anew, err)
	}
	if got, err := open(t, base64Key).Open(anew); err != nil || got != "sesame" {
		t.Errorf("with the new key alone: %q, %v", got, err)
	}
	if again, err := both.Reseal(anew); err != nil || again != anew {
		t.Errorf("sealed anew without need: %v", err)
	}
	if _, err := old.Reseal(anew); code(err) != vault.CodeWrongKey {
		t.Errorf("with the old key alone: %v", err)
	}
}

// FuzzVault: whatever is sealed comes back, and whatever looks sealed never panics.
func FuzzVault(f *testing.F) {
	f.Add("sesame")
	f.Add("sealed:v1:00000000:" + hex.EncodeToString([]byte("x")))
	v := open(f, hexKey)
	f.Fuzz(func(t *testing.T, text string) {
		sealed, err := v.Seal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Open(sealed); err != nil || got != text {
			t.Fatalf("%q became %q, %v", text, got, err)
		}
		if got, err := v.Open("sealed:v1:" + text); err == nil {
			t.Fatalf("%q opened as %q", text, got)
		}
	})
}
