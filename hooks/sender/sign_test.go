package sender

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	keyA  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	keyB1 = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyB2 = "whsec_//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="
	sigB1 = "v1,xx7MKprNhBPsJGshi+1KUczYhjK6UYC7Fhos27wGLo4="
	sigB2 = "v1,yu0Gb05PWYZCy2NFShbS0lnRi4n8E3XF4Ymka7uQ+fY="
	bodyB = `{"type":"invoice.on_insert","timestamp":"2026-01-02T03:04:05Z","data":{"name":"INV-0001","customer":"Zoë","total":"12.50"}}`
)

// TestSign_vectors holds the vector of the official Standard Webhooks libraries (A), ours computed with two other
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
