package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const (
	nameLength   = 15 // as Frappe's api_key
	secretBytes  = 20 // 160 bits, 32 characters
	minSecret    = 16 // of a secret an operator chose
	maxTokenSize = 1024
)

// newName returns a fresh key part: 15 lower-case base32 characters.
func newName() string {
	return strings.ToLower(rand.Text())[:nameLength]
}

// newSecret returns 32 lower-case base32 characters of 160 random bits.
func newSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// splitToken cuts a token at its first colon; the secret may hold further ones.
func splitToken(token string) (name, secret string, ok bool) {
	name, secret, ok = strings.Cut(token, ":")
	return name, secret, ok && len(token) <= maxTokenSize && validName(name) && secret != ""
}

func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
