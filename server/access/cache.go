package access

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	cacheFor  = 2 * time.Second
	cacheSize = 4096
)

// cache remembers accepted tokens by their hash, for a moment. It never holds
// a secret, and refused tokens never enter it, so guesses cannot push out the
// good ones.
type cache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]cached
}

type cached struct {
	key  Key
	from time.Time
}

func cacheID(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

func (c *cache) get(id [sha256.Size]byte, now time.Time) (Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[id]
	// A clock that was set back must not keep an entry alive.
	if age := now.Sub(e.from); !ok || age < 0 || age >= cacheFor {
		return Key{}, false
	}
	return e.key, true
}

// put remembers the key from the moment it was asked for, not answered: the
// two seconds are a promise about revocation.
func (c *cache) put(id [sha256.Size]byte, k Key, asked time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= cacheSize {
		c.entries = make(map[[sha256.Size]byte]cached)
	}
	c.entries[id] = cached{key: k, from: asked}
}

// forget drops a key that was changed by this process.
func (c *cache) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, e := range c.entries {
		if e.key.Name == name {
			delete(c.entries, id)
		}
	}
}
