package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/nacl/secretbox"
)

// Setting is the environment variable that operators know the master key by.
const Setting = "DOCHOOK_MASTER_KEY"

const (
	prefix    = "sealed:v1:"
	keyBytes  = 32
	nonceSize = 24

	minPassphrase = 16 // characters

	salt          = "dochook vault v1"
	argonPasses   = 3
	argonMemory   = 64 << 10 // KiB
	argonParallel = 4
)

// Vault seals and opens texts. It is immutable and safe for concurrent use.
type Vault struct {
	keys []key // the first seals
}

type key struct {
	id     string
	secret [keyBytes]byte
}

// New returns a Vault with the master keys in a setting, see the package comment. Without any ("") it leaves texts as they are and
// opens no sealed one. Stretching a passphrase takes some tens of milliseconds. Error: [CodeInvalid].
func New(setting string) (*Vault, error) {
	v := &Vault{}
	if strings.TrimSpace(setting) == "" {
		return v, nil
	}
	for i, text := range strings.Split(setting, ",") {
		secret, err := parseKey(strings.TrimSpace(text))
		if err != nil {
			if i > 0 {
				err.Message += " (key " + string(rune('1'+min(i, 8))) + ")"
			}
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("dochook vault key id\x00"), secret[:]...))
		k := key{hex.EncodeToString(sum[:4]), secret}
		if !slices.ContainsFunc(v.keys, func(o key) bool { return o.id == k.id }) {
			v.keys = append(v.keys, k)
		}
	}
	return v, nil
}

func parseKey(text string) (secret [keyBytes]byte, _ *Error) {
	if text == "" {
		return secret, errorf(CodeInvalid, "%s: a key is empty", Setting)
	}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(text); err == nil && len(b) == keyBytes {
			copy(secret[:], b)
			return secret, nil
		}
	}
	if utf8.RuneCountInString(text) < minPassphrase {
		return secret, errorf(CodeInvalid, "%s: a key is 32 bytes in base64 or hexadecimal (openssl rand -base64 32), or a passphrase of at least %d characters", Setting, minPassphrase)
	}
	copy(secret[:], argon2.IDKey([]byte(text), []byte(salt), argonPasses, argonMemory, argonParallel, keyBytes))
	return secret, nil
}

// Enabled reports whether there is a master key.
func (v *Vault) Enabled() bool { return len(v.keys) > 0 }

// Sealed reports whether a text is, by its beginning, a sealed one.
func Sealed(text string) bool { return strings.HasPrefix(text, prefix) }

// Seal seals a text, differently each time. An empty text stays empty, and without a master key any text stays as it is.
func (v *Vault) Seal(text string) (string, error) {
	if text == "" || !v.Enabled() {
		return text, nil
	}
	var nonce [nonceSize]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", err
	}
	k := &v.keys[0]
	box := secretbox.Seal(nonce[:], []byte(text), &nonce, &k.secret)
	return prefix + k.id + ":" + base64.StdEncoding.EncodeToString(box), nil
}

// Open returns what was sealed; a text that is not sealed comes back as it is. Errors: [CodeMissingKey], [CodeWrongKey], [CodeDamaged].
func (v *Vault) Open(text string) (string, error) {
	if !Sealed(text) {
		return text, nil
	}
	if !v.Enabled() {
		return "", errorf(CodeMissingKey, "is encrypted, and %s is not set", Setting)
	}
	id, box, ok := strings.Cut(text[len(prefix):], ":")
	i := slices.IndexFunc(v.keys, func(k key) bool { return k.id == id })
	if ok && i < 0 {
		return "", errorf(CodeWrongKey, "is encrypted with a key that %s does not hold", Setting)
	}
	sealed, err := base64.StdEncoding.DecodeString(box)
	if !ok || err != nil || len(sealed) < nonceSize {
		return "", errorf(CodeDamaged, "is encrypted, and damaged")
	}
	plain, ok := secretbox.Open(nil, sealed[nonceSize:], (*[nonceSize]byte)(sealed), &v.keys[i].secret)
	if !ok {
		return "", errorf(CodeDamaged, "is encrypted, and damaged")
	}
	return string(plain), nil
}

// Reseal returns a text as the first key seals it: a plain one sealed, one sealed with another key sealed anew, any other as it is.
// It fails for what Open fails for; without a master key every text stays as it is.
func (v *Vault) Reseal(text string) (string, error) {
	if !v.Enabled() {
		return text, nil
	}
	plain, err := v.Open(text)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(text, prefix+v.keys[0].id+":") {
		return text, nil
	}
	return v.Seal(plain)
}
