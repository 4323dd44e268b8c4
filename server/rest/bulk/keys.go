package bulk

import (
	"context"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

const maxKey = 255 // bytes of an Idempotency-Key

// sep joins the parts of a key; none of them can hold it.
const sep = "\x1f"

// claims are the idempotency keys that requests to this process are using.
type claims struct {
	mu   sync.Mutex
	busy map[string]struct{}
}

// take takes a key, which two requests cannot use at the same time. Other
// keys' owners cannot see or block it.
func (s *claims) take(key string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.busy[key]; taken {
		return nil, web.Errorf("idempotency_busy", "Idempotency-Key", "another request with this Idempotency-Key is still running")
	}
	s.busy[key] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, key)
	}, nil
}

// givenKey is the key that the request names, as its caller's own; "" is none.
func givenKey(ctx context.Context, c *gin.Context) (string, error) {
	given := c.GetHeader("Idempotency-Key")
	if given == "" {
		return "", nil
	}
	if !usable(given) {
		return "", web.Errorf("invalid", "Idempotency-Key", "an Idempotency-Key is at most %d printable ASCII characters", maxKey)
	}
	return web.Principal(ctx).Name + sep + given, nil
}

func usable(key string) bool {
	return key != "" && len(key) <= maxKey && !strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
