package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/server/access"
)

// Access is what a route asks of who calls it.
type Access int

// The levels; each includes the ones before it.
const (
	Public Access = iota // no credentials are looked at
	Reader
	Writer
	Admin
)

// String returns the level's name in lower case.
func (a Access) String() string {
	switch a {
	case Public:
		return "public"
	case Reader, Writer, Admin:
		return string(a.role())
	default:
		return "unknown"
	}
}

func (a Access) role() access.Role {
	switch a {
	case Public:
		return ""
	case Reader:
		return access.RoleReader
	case Writer:
		return access.RoleWriter
	case Admin:
		return access.RoleAdmin
	default:
		return "" // no role includes it
	}
}

// Authenticator knows whose token it is. A wrong token is an error with the
// code unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (access.Key, error)
}

// Principal returns the key of the request that ctx belongs to; the zero Key,
// which may do nothing, on a public route.
func Principal(ctx context.Context) access.Key {
	if in := incomingOf(ctx); in != nil {
		return in.key
	}
	return access.Key{}
}

// Check is Require for a handler whose level depends on what is asked: nil, or
// forbidden.
func Check(ctx context.Context, a Access) error {
	if a == Public {
		return nil
	}
	k := Principal(ctx)
	if k.Name == "" {
		return Errorf("forbidden", "", "this needs an API key: %s", howTo)
	}
	if !k.Role.Includes(a.role()) {
		return Errorf("forbidden", "", "this needs the role %s; the API key %s has the role %s", a, k.Name, k.Role)
	}
	return nil
}

// CheckDocType refuses, as forbidden, a key that is limited to other DocTypes.
func CheckDocType(ctx context.Context, doctype string) error {
	if k := Principal(ctx); k.Name == "" || !k.Covers(doctype) {
		return Errorf("forbidden", "", "the API key %s is limited to other DocTypes than %.100q", k.Name, doctype)
	}
	return nil
}

const howTo = "send an API key as one of: Authorization: token <key>:<secret>; Authorization: Bearer <key>:<secret>; " +
	"Basic authentication; x-api-key: <key>:<secret>"

// Require admits keys that have at least the role of the level. As in Frappe a
// request without credentials is answered 403, one with wrong ones 401.
func (r *Responder) Require(a Access) Middleware {
	return func(next Handler) Handler {
		return func(c *gin.Context) error {
			if err := r.admit(c, a); err != nil {
				return err
			}
			return next(c)
		}
	}
}

func (r *Responder) admit(c *gin.Context, a Access) error {
	if r.face != nil {
		return r.admitFace(c, a)
	}
	address := addressOf(r.remote(c))
	token, found, err := "", false, error(nil)
	if a != Public {
		token, found, err = credentials(c.Request.Header)
	}
	if err != nil || !found {
		if wait, ok := r.perAddress.take(address); !ok {
			return throttled(wait, "too many requests without an API key from this address")
		}
		if err != nil {
			return err
		}
		return Check(c.Request.Context(), a)
	}
	ctx := c.Request.Context()
	key, err := r.authenticate(ctx, address, token)
	if err != nil {
		return err
	}
	if in := incomingOf(ctx); in != nil {
		in.key = key
	}
	if wait, ok := r.perKey.take(key.Name); !ok {
		return throttled(wait, "too many requests with this API key")
	}
	return Check(ctx, a)
}

// authenticate asks for the key of a token unless the address guesses too much.
func (r *Responder) authenticate(ctx context.Context, address addressKey, token string) (access.Key, error) {
	try := r.logins.begin(address, token)
	if try.repeated {
		return access.Key{}, Errorf("unauthenticated", "", "the API key or its secret is wrong, disabled or revoked")
	}
	if !try.allowed {
		return access.Key{}, throttled(try.wait, "too many wrong API keys from this address")
	}
	key, err := r.auth.Authenticate(ctx, token)
	if err != nil && Classify(err).Code == "unauthenticated" {
		r.logins.failed(address, token)
	}
	return key, err
}

// credentials finds the token of a request. A carrier without content counts
// as absent; the first other one decides.
func credentials(h http.Header) (token string, found bool, err error) {
	for _, v := range h.Values("Authorization") {
		if token, found, err = authorization(v); found || err != nil {
			return token, found, err
		}
	}
	for _, v := range h.Values("X-Api-Key") {
		if v = strings.TrimSpace(v); v != "" {
			token, err = checkToken(v)
			return token, err == nil, err
		}
	}
	return "", false, nil
}

// authorization reads one Authorization header (RFC 9110, 11.6.2).
func authorization(v string) (token string, found bool, err error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "":
		return "", false, nil
	case "token", "bearer":
	case "basic":
		decoded, derr := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
		if derr != nil {
			return "", false, malformed("the Basic credentials are not base64")
		}
		rest = string(decoded)
		if rest == ":" { // what clients send for an empty user and password
			rest = ""
		}
	default:
		return "", false, malformed("the Authorization header has an unknown scheme")
	}
	if rest == "" {
		return "", false, nil
	}
	token, err = checkToken(rest)
	return token, err == nil, err
}

const maxToken = 1024

// checkToken refuses what cannot be key:secret before anybody looks it up.
func checkToken(s string) (string, error) {
	key, secret, _ := strings.Cut(s, ":")
	if key == "" || secret == "" || len(s) > maxToken {
		return "", malformed("the credentials are not of the form <key>:<secret>")
	}
	return s, nil
}

func malformed(what string) error {
	return Errorf("unauthenticated", "", "%s: %s", what, howTo)
}
