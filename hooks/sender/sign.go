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
	"sync/atomic"
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
	keys atomic.Pointer[[]*key]
}

// key is a secret and what was worked out from it.
type key struct {
	secret  string
	private ed25519.PrivateKey // nil: the secret is symmetric
	states  sync.Pool          // of *state
}

// state is what one signature is made in.
type state struct {
	standard, frappe hash.Hash
	sum              [sha256.Size]byte
	text             []byte
}

// keptKeys is more than a webhook's secrets are, with those that are being replaced.
const keptKeys = 16

// keyOf finds the key of a secret, or makes it.
func (s *Signer) keyOf(secret string) *key {
	kept := s.keys.Load()
	if kept != nil {
		for _, k := range *kept {
			if k.secret == secret {
				return k
			}
		}
	}
	k := &key{secret: secret, private: privateKey(secret)}
	k.states.New = func() any {
		return &state{standard: hmac.New(sha256.New, signingKey(secret)), frappe: hmac.New(sha256.New, []byte(secret))}
	}
	list := []*key{k}
	if kept != nil && len(*kept) < keptKeys {
		list = append(list, *kept...)
	}
	s.keys.CompareAndSwap(kept, &list) // whoever came in between keeps his
	return k
}

// Sign is [Sign].
func (s *Signer) Sign(h http.Header, id string, at time.Time, body []byte, secrets []string) {
	var room [128]byte
	head := append(append(room[:0], id...), '.')
	head = append(strconv.AppendInt(head, at.Unix(), 10), '.')

	list, frappe := "", ""
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		k := s.keyOf(secret)
		var one string
		if k.private != nil {
			one = "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, slices.Concat(head, body)))
		} else {
			st, _ := k.states.Get().(*state)
			one = st.sign(st.standard, "v1,", head, body)
			if frappe == "" { // of the newest
				frappe = st.sign(st.frappe, "", nil, body)
			}
			k.states.Put(st)
		}
		if list != "" {
			list += " "
		}
		list += one
	}
	if list == "" {
		return
	}
	h[HeaderSignature] = []string{list}
	if frappe == "" {
		delete(h, HeaderFrappeSignature)
		return
	}
	h[HeaderFrappeSignature] = []string{frappe}
}

// sign is the HMAC of head and body in base64, behind a word.
func (st *state) sign(mac hash.Hash, word string, head, body []byte) string {
	mac.Reset()
	st.text = append(st.text[:0], head...) // what is handed to an interface would be copied to the heap
	mac.Write(st.text)
	mac.Write(body)
	st.text = append(st.text[:0], word...)
	st.text = base64.StdEncoding.AppendEncode(st.text, mac.Sum(st.sum[:0]))
	return string(st.text)
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
