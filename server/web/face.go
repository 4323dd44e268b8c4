package web

import (
	"github.com/gin-gonic/gin"

	"dochook/server/access"
)

// Face is how a part of the service that is not the JSON API meets its callers:
// how it knows them, and how it tells them of a problem. Both are called within
// Handle, so that limits, panics and log lines are as everywhere.
type Face struct {
	// Admit finds the key of a request for which the route needs one. An error
	// with the code unauthenticated counts as a request without credentials.
	// It may replace the request's context.
	Admit func(c *gin.Context) (access.Key, error)
	// Answer writes the problem; its error is that of writing to the client.
	Answer func(c *gin.Context, p Problem) error
}

// Face returns a Responder that meets callers in another way. It shares the
// limits with r.
func (r *Responder) Face(f Face) *Responder {
	with := *r
	with.face = &f
	return &with
}

// admitFace is admit of a Face.
func (r *Responder) admitFace(c *gin.Context, a Access) error {
	if a == Public {
		return r.guest(c, "too many requests from this address")
	}
	key, err := r.face.Admit(c)
	if err != nil {
		if Classify(err).Code == "unauthenticated" {
			if terr := r.guest(c, "too many requests without a session from this address"); terr != nil {
				return terr
			}
		}
		return err
	}
	ctx := c.Request.Context()
	if in := incomingOf(ctx); in != nil {
		in.key = key
	}
	if wait, ok := r.perKey.take(key.Name); !ok {
		return throttled(wait, "too many requests with this API key")
	}
	return Check(ctx, a)
}

// guest counts a request without credentials.
func (r *Responder) guest(c *gin.Context, message string) error {
	if wait, ok := r.perAddress.take(addressOf(r.remote(c))); !ok {
		return throttled(wait, message)
	}
	return nil
}

// Login asks for the key of a token that a person typed. Wrong ones are counted
// by address and all together, much more narrowly than those of programs.
// Errors: unauthenticated, throttled, unavailable.
func (r *Responder) Login(c *gin.Context, token string) (access.Key, error) {
	token, err := checkToken(token)
	if err != nil {
		return access.Key{}, Errorf("unauthenticated", "token", "a token is of the form key:secret")
	}
	address := addressOf(r.remote(c))
	try := r.typed.begin(address, token)
	if try.repeated {
		return access.Key{}, wrongToken()
	}
	if !try.allowed {
		return access.Key{}, throttled(try.wait, "too many wrong tokens from this address, try again later")
	}
	if wait, ok := r.allTyped.peek(everybody); !ok {
		return access.Key{}, throttled(wait, "too many wrong tokens, try again later")
	}
	key, err := r.auth.Authenticate(c.Request.Context(), token)
	if err == nil {
		return key, nil
	}
	if Classify(err).Code != "unauthenticated" {
		return access.Key{}, err
	}
	r.typed.failed(address, token)
	r.allTyped.take(everybody)
	return access.Key{}, wrongToken()
}

func wrongToken() error {
	return Errorf("unauthenticated", "token", "the token is wrong, disabled or revoked")
}
