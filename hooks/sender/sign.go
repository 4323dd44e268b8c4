package sender

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of the headers [Sign] sets, in the canonical form of net/http.
const (
	HeaderSignature       = "Webhook-Signature"
	HeaderFrappeSignature = "X-Frappe-Webhook-Signature"
)

const secretPrefix = "whsec_"

// Sign sets the two signature headers for body; h must not be nil.
//
// Webhook-Signature is that of Standard Webhooks 1.0.0: one "v1,<base64>" for each secret, separated by one space, each
// the HMAC-SHA256 of "id.timestamp.body". The caller sends the same id as Webhook-Id and at, in Unix seconds, as
// Webhook-Timestamp. The key is what the base64 after "whsec_" decodes to, or the bytes of the secret as they stand.
//
// X-Frappe-Webhook-Signature is that of the Frappe framework: base64 of the HMAC-SHA256 of body, whose key is
// the literal text of the newest secret.
//
// Secrets stand newest first; empty ones are skipped. With none left, h is not touched.
func Sign(h http.Header, id string, at time.Time, body []byte, secrets []string) {
	head := make([]byte, 0, len(id)+22)
	head = append(head, id...)
	head = append(head, '.')
	head = strconv.AppendInt(head, at.Unix(), 10)
	head = append(head, '.')

	var sum [sha256.Size]byte
	var list []byte
	newest := ""
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		if newest == "" {
			newest = secret
		} else {
			list = append(list, ' ')
		}
		mac := hmac.New(sha256.New, signingKey(secret))
		mac.Write(head)
		mac.Write(body)
		list = append(list, "v1,"...)
		list = base64.StdEncoding.AppendEncode(list, mac.Sum(sum[:0]))
	}
	if newest == "" {
		return
	}
	h[HeaderSignature] = []string{string(list)}
	mac := hmac.New(sha256.New, []byte(newest))
	mac.Write(body)
	h[HeaderFrappeSignature] = []string{base64.StdEncoding.EncodeToString(mac.Sum(sum[:0]))}
}

// CheckSecret refuses a secret no receiver could use as it is meant: an empty one, and one that begins with "whsec_"
// but does not go on in standard base64. Its error is an [Error] with [CodeInvalid]; it never quotes the secret.
func CheckSecret(secret string) error {
	if secret == "" {
		return invalid("the secret is empty")
	}
	if text, ok := strings.CutPrefix(secret, secretPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(text); err != nil || len(key) == 0 {
			return invalid("the secret begins with whsec_ but is not base64 after it")
		}
	}
	return nil
}

// signingKey returns the v1 key. Text after "whsec_" that is not base64 counts as an ordinary secret, so that a
// request is never sent unsigned; CheckSecret keeps such secrets out.
func signingKey(secret string) []byte {
	if text, ok := strings.CutPrefix(secret, secretPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil && len(key) > 0 {
			return key
		}
	}
	return []byte(secret)
}
