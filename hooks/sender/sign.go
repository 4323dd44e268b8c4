package sender

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Names of the headers [Sign] sets, in the canonical form of net/http.
const (
	HeaderSignature       = "Webhook-Signature"
	HeaderFrappeSignature = "X-Frappe-Webhook-Signature"
)

// How Standard Webhooks marks keys: a symmetric one, and the two halves of a pair.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Sign sets the two signature headers for body; h must not be nil.
//
// Webhook-Signature is that of Standard Webhooks 1.0.0: one signature of "id.timestamp.body" for each secret, separated by one
// space. The caller sends the same id as Webhook-Id and at, in Unix seconds, as Webhook-Timestamp. A secret that begins with
// "whsk_" is an ed25519 private key in base64, of 64 bytes or the seed's 32, and makes "v1a,<base64>". Any other makes "v1,<base64>" by
// HMAC-SHA256; its key is what the base64 after "whsec_" decodes to, or the bytes of the secret as they stand.
//
// X-Frappe-Webhook-Signature is that of the Frappe framework: base64 of the HMAC-SHA256 of body, whose key is
// the literal text of the newest secret that is not an ed25519 key. Without one there is no such header.
//
// Secrets stand newest first; empty ones are skipped. With none left, h is not touched.
func Sign(h http.Header, id string, at time.Time, body []byte, secrets []string) {
	new(Signer).Sign(h, id, at, body, secrets)
}

// Signer signs as [Sign] does and keeps what it worked out from the secrets, which is half of the work for a small body. The zero value
// is ready; it may be used by many goroutines.
type Signer struct {
	macs sync.Map // key → *sync.Pool of hash.Hash
}

// Sign is [Sign].
func (s *Signer) Sign(h http.Header, id string, at time.Time, body []byte, secrets []string) {
	head := make([]byte, 0, len(id)+22)
	head = append(head, id...)
	head = append(head, '.')
	head = strconv.AppendInt(head, at.Unix(), 10)
	head = append(head, '.')

	var sum [sha256.Size]byte
	var list []byte
	symmetric := "" // the newest
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		if list != nil {
			list = append(list, ' ')
		}
		if private := privateKey(secret); private != nil {
			message := append(slices.Clip(head), body...)
			list = append(list, "v1a,"...)
			list = base64.StdEncoding.AppendEncode(list, ed25519.Sign(private, message))
			continue
		}
		if symmetric == "" {
			symmetric = secret
		}
		list = append(list, "v1,"...)
		list = base64.StdEncoding.AppendEncode(list, s.mac(sum[:0], signingKey(secret), head, body))
	}
	if list == nil {
		return
	}
	h[HeaderSignature] = []string{string(list)}
	if symmetric == "" {
		delete(h, HeaderFrappeSignature)
		return
	}
	h[HeaderFrappeSignature] = []string{base64.StdEncoding.EncodeToString(s.mac(sum[:0], []byte(symmetric), body))}
}

// mac appends the HMAC-SHA256 of the parts under a key.
func (s *Signer) mac(to, key []byte, parts ...[]byte) []byte {
	kept, ok := s.macs.Load(string(key))
	if !ok {
		key = slices.Clone(key)
		kept, _ = s.macs.LoadOrStore(string(key), &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	pool, _ := kept.(*sync.Pool)
	mac, _ := pool.Get().(hash.Hash)
	defer pool.Put(mac)
	mac.Reset()
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(to)
}

// CheckSecret refuses a secret no receiver could use as it is meant: an empty one, one that begins with "whsec_"
// but does not go on in standard base64, one that begins with "whsk_" but is no ed25519 private key, and a public key.
// Its error is an [Error] with [CodeInvalid]; it never quotes the secret.
func CheckSecret(secret string) error {
	if secret == "" {
		return invalid("the secret is empty")
	}
	if text, ok := strings.CutPrefix(secret, secretPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(text); err != nil || len(key) == 0 {
			return invalid("the secret begins with whsec_ but is not base64 after it")
		}
	}
	if strings.HasPrefix(secret, publicPrefix) {
		return invalid("the secret begins with whpk_: that is the public half of a key, and the private one signs")
	}
	if !strings.HasPrefix(secret, privatePrefix) {
		return nil
	}
	private := privateKey(secret)
	switch {
	case private == nil:
		return invalid("the secret begins with whsk_ but is not base64 of an ed25519 private key (64 bytes, or the 32 of its seed) after it")
	case !private.Equal(ed25519.NewKeyFromSeed(private.Seed())):
		return invalid("the secret begins with whsk_, and the two halves of its private key do not belong together")
	}
	return nil
}

// PublicKey returns what receivers check the signatures of an ed25519 secret with, "whpk_" and base64; "" for any other secret.
func PublicKey(secret string) string {
	private := privateKey(secret)
	if private == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(private[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// NewSecret makes a random secret of the kind of another: an ed25519 key for one of these, else a symmetric one of 32 bytes.
func NewSecret(like string) (string, error) {
	if privateKey(like) != nil {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return privatePrefix + base64.StdEncoding.EncodeToString(private), err
	}
	random := make([]byte, 32)
	_, err := rand.Read(random)
	return secretPrefix + base64.StdEncoding.EncodeToString(random), err
}

// privateKey returns the key in an ed25519 secret; nil if it is none.
func privateKey(secret string) ed25519.PrivateKey {
	text, ok := strings.CutPrefix(secret, privatePrefix)
	if !ok {
		return nil
	}
	switch key, err := base64.StdEncoding.DecodeString(text); {
	case err == nil && len(key) == ed25519.PrivateKeySize:
		return key
	case err == nil && len(key) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(key)
	default:
		return nil
	}
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
