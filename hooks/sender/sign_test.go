package sender

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	keyA  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	keyB1 = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyB2 = "whsec_//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="
	sigB1 = "v1,xx7MKprNhBPsJGshi+1KUczYhjK6UYC7Fhos27wGLo4="
	sigB2 = "v1,yu0Gb05PWYZCy2NFShbS0lnRi4n8E3XF4Ymka7uQ+fY="
	keyE  = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	seedE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
	pubE  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	sigE  = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	bodyB = `{"type":"invoice.on_insert","timestamp":"2026-01-02T03:04:05Z","data":{"name":"INV-0001","customer":"Zoë","total":"12.50"}}`
)

// TestSign_vectors holds the vectors of the official Standard Webhooks libraries (A, E), ours computed with two other
// implementations (B1, B2, D), and Frappe's computed with Python's hmac.
func TestSign_vectors(t *testing.T) {
	tests := []struct {
		name    string
		secrets []string
		id      string
		at      int64
		body    string
		want    string
		frappe  string
	}{
		{
			name: "A", secrets: []string{keyA}, id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1614265330,
			body: `{"test": 2432232314}`, want: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		{name: "B1", secrets: []string{keyB1}, id: "msg_2b8f0c1e9d7a4c35", at: 1767323045, body: bodyB, want: sigB1},
		{name: "B2", secrets: []string{keyB2}, id: "msg_2b8f0c1e9d7a4c35", at: 1767323045, body: bodyB, want: sigB2},
		{
			name: "rotation, newest first", secrets: []string{keyB1, keyB2}, id: "msg_2b8f0c1e9d7a4c35", at: 1767323045,
			body: bodyB, want: sigB1 + " " + sigB2,
		},
		{
			name: "empty secrets are skipped", secrets: []string{"", keyB1, ""}, id: "msg_2b8f0c1e9d7a4c35", at: 1767323045,
			body: bodyB, want: sigB1,
		},
		{
			name: "D, empty body", secrets: []string{keyB1}, id: "msg_empty", at: 1767323045,
			want: "v1,GUfOV4pyK9fh2S6eI5SeKeD3SoJWTesOVeN57mLLARc=",
		},
		{
			name: "Frappe, empty object", secrets: []string{"secret"}, id: "x", at: 1, body: `{}`,
			frappe: "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM=",
		},
		{
			name: "Frappe, escapes, newest secret", secrets: []string{"secret", "older"}, id: "x", at: 1,
			body:   `{"id": "QTN-0001", "total": 100.5, "n": null, "u": "Z\u00fcrich \u6771\u4eac"}`,
			frappe: "xLD5QRhYwfRI/MMdRxOYnsctZWAlG8lEgenEgHDKIQM=",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("X-Frappe-Webhook-Signature", "of somebody else")
			Sign(h, tt.id, time.Unix(tt.at, 999), []byte(tt.body), tt.secrets)
			if got := h.Get("Webhook-Signature"); tt.want != "" && got != tt.want {
				t.Errorf("Webhook-Signature\n got %s\nwant %s", got, tt.want)
			}
			if got := h.Get("X-Frappe-Webhook-Signature"); tt.frappe != "" && got != tt.frappe {
				t.Errorf("X-Frappe-Webhook-Signature\n got %s\nwant %s", got, tt.frappe)
			}
			if len(h) != 2 || len(h.Values("X-Frappe-Webhook-Signature")) != 1 {
				t.Errorf("headers: %v", h)
			}
		})
	}
}

const (
	idE   = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	bodyE = `{"test": 2432232314}`
	sigAE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// TestSign_ed25519: alone it leaves no Frappe signature, which is a symmetric secret's, be it the older one.
func TestSign_ed25519(t *testing.T) {
	frappeA := http.Header{}
	Sign(frappeA, idE, time.Unix(1614265330, 0), []byte(bodyE), []string{keyA})
	for _, tt := range []struct {
		name, want, frappe string
		secrets            []string
	}{
		{"E", sigE, "", []string{keyE}},
		{"the seed alone", sigE, "", []string{seedE}},
		{"rotated from symmetric", sigE + " " + sigAE, frappeA.Get(HeaderFrappeSignature), []string{keyE, keyA}},
		{"rotated to symmetric", sigAE + " " + sigE, frappeA.Get(HeaderFrappeSignature), []string{keyA, keyE}},
		{"two of them", sigE + " " + sigE, "", []string{keyE, "", seedE}},
	} {
		h := http.Header{HeaderFrappeSignature: {"of somebody else"}}
		Sign(h, idE, time.Unix(1614265330, 0), []byte(bodyE), tt.secrets)
		if got := h.Get(HeaderSignature); got != tt.want {
			t.Errorf("%s: Webhook-Signature\n got %s\nwant %s", tt.name, got, tt.want)
		}
		if got := h.Get(HeaderFrappeSignature); got != tt.frappe {
			t.Errorf("%s: X-Frappe-Webhook-Signature %q, want %q", tt.name, got, tt.frappe)
		}
	}
}

func TestPublicKey(t *testing.T) {
	for secret, want := range map[string]string{keyE: pubE, seedE: pubE, keyA: "", "secret": "", "whsk_AAECAwQ=": ""} {
		if got := PublicKey(secret); got != want {
			t.Errorf("PublicKey(%q) = %q", secret, got)
		}
	}
}

// TestNewSecret: a fresh one is of the same kind, usable, and verified by its public key.
func TestNewSecret(t *testing.T) {
	for like, prefix := range map[string]string{"": secretPrefix, "secret": secretPrefix, keyA: secretPrefix, keyE: privatePrefix, seedE: privatePrefix} {
		one, err := NewSecret(like)
		if err != nil {
			t.Fatal(err)
		}
		other, err := NewSecret(like)
		if err != nil || one == other || !strings.HasPrefix(one, prefix) || CheckSecret(one) != nil {
			t.Errorf("like %q: %q and %q, %v", like, one, other, err)
		}
		if prefix == secretPrefix {
			continue
		}
		h := http.Header{}
		Sign(h, "id", time.Unix(7, 0), []byte("x"), []string{one})
		public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(PublicKey(one), publicPrefix))
		if err != nil || len(public) != ed25519.PublicKeySize {
			t.Fatalf("public key %q, %v", PublicKey(one), err)
		}
		signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get(HeaderSignature), "v1a,"))
		if err != nil || !ed25519.Verify(public, []byte("id."+strconv.Itoa(7)+".x"), signature) {
			t.Errorf("the public key does not verify %q, %v", h.Get(HeaderSignature), err)
		}
	}
}

func TestSign_without_secret_sets_nothing(t *testing.T) {
	h := http.Header{}
	Sign(h, "id", time.Unix(1, 0), []byte("x"), nil)
	Sign(h, "id", time.Unix(1, 0), []byte("x"), []string{""})
	if len(h) != 0 {
		t.Errorf("headers: %v", h)
	}
}

// A plain secret and a whsec_ one of the same bytes are the same v1 key, but not the same Frappe key.
func TestSign_key_of_a_plain_secret(t *testing.T) {
	sign := func(secret string) http.Header {
		h := http.Header{}
		Sign(h, "id", time.Unix(1, 0), []byte("x"), []string{secret})
		return h
	}
	plain, encoded := sign("hello world"), sign("whsec_aGVsbG8gd29ybGQ=")
	if plain.Get(HeaderSignature) != encoded.Get(HeaderSignature) {
		t.Error("v1 differs")
	}
	if plain.Get(HeaderFrappeSignature) == encoded.Get(HeaderFrappeSignature) {
		t.Error("the Frappe signature ignores the literal text")
	}
	if got := sign("whsec_***").Get(HeaderSignature); got == "" {
		t.Error("a secret that is not base64 left the request unsigned")
	}
}

func TestCheckSecret(t *testing.T) {
	for secret, ok := range map[string]bool{
		keyA: true, "secret": true, "": false, "whsec_": false, "whsec_%%%%": false, "whsec_AAECAwQ": false,
		keyE: true, seedE: true, "whsk_": false, "whsk_%%%%": false, "whsk_AAECAwQF": false,
		strings.Replace(keyE, "fVKIDij", "fVKIDik", 1): false, pubE: false,
	} {
		err := CheckSecret(secret)
		if (err == nil) != ok {
			t.Errorf("CheckSecret(%q) = %v", secret, err)
		}
		if err != nil && len(secret) > 6 && strings.Contains(err.Error(), secret[6:]) {
			t.Errorf("the error quotes the secret: %v", err)
		}
	}
}

// TestSigner: what it keeps changes no signature, whoever else signs meanwhile.
func TestSigner(t *testing.T) {
	var s Signer
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 50 {
				secrets := [][]string{{keyB1, keyB2}, {"secret"}, {keyE, keyA}}[(i+k)%3]
				body := []byte(strings.Repeat("x", k))
				got, want := http.Header{}, http.Header{}
				s.Sign(got, "id", time.Unix(int64(k), 0), body, secrets)
				Sign(want, "id", time.Unix(int64(k), 0), body, secrets)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%v, want %v", got, want)
					return
				}
			}
		})
	}
	all.Wait()
}
