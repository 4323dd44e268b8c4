package doctype

import "context"

// Administrator is the user on whose behalf writes without a caller happen.
const Administrator = "Administrator"

// User is who writes: the id of the API key used, its owner's name, and how
// many webhooks in a row led to the call (0 for a call of its own accord).
type User struct {
	KeyID string
	Name  string
	Hops  int64
}

type userKey struct{}

// WithUser returns a ctx whose writes are done on behalf of u.
func WithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// UserOf is who writes under ctx: Administrator unless WithUser said otherwise.
func UserOf(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	if u.Name == "" {
		u.Name = Administrator
	}
	return u
}
