package definitions

import (
	"sync"
	"time"

	"dochook/doctype"
)

// Cache holds compiled DocTypes by name. Its methods may be called from any goroutine.
type Cache struct {
	ttl    time.Duration
	mu     sync.RWMutex
	byName map[string]entry
}

type entry struct {
	def *doctype.Definition
	at  time.Time
}

// New returns an empty Cache whose entries are good for ttl.
func New(ttl time.Duration) *Cache { return &Cache{ttl: ttl, byName: map[string]entry{}} }

// Get returns the DocType of that name, nil if it is not known or too old.
func (c *Cache) Get(name string) *doctype.Definition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e, ok := c.byName[name]; ok && time.Since(e.at) < c.ttl {
		return e.def
	}
	return nil
}

// Put keeps a DocType.
func (c *Cache) Put(def *doctype.Definition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName[def.Name] = entry{def, time.Now()}
}

// Forget drops everything.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.byName)
}
