package feed

import (
	"sync"

	"dochook/server/web"
)

// maxFollowers bounds the streams one process keeps open.
const maxFollowers = 200

// Broadcast wakes everybody who waits for commits. Its zero value is ready for
// use, and its methods may be called from any goroutine.
type Broadcast struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
	closed    bool
}

// Notify says that something may have been committed. It never waits: wakes that
// nobody has taken yet are one.
func (b *Broadcast) Notify() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		select {
		case l <- struct{}{}:
		default:
		}
	}
}

// Subscribe returns a channel that gets a value after each Notify, and is closed
// when the service stops; cancel gives it back. Error: throttled, if too many
// have one.
func (b *Broadcast) Subscribe() (wakes <-chan struct{}, cancel func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := make(chan struct{}, 1)
	switch {
	case b.closed:
		close(l)
		return l, func() {}, nil
	case len(b.listeners) >= maxFollowers:
		return nil, nil, web.Errorf("throttled", "", "%d streams of events are open already", maxFollowers)
	case b.listeners == nil:
		b.listeners = map[chan struct{}]struct{}{}
	}
	b.listeners[l] = struct{}{}
	return l, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, l)
	}, nil
}

// Close ends all streams, those to come included: a server that shuts down would
// wait for them.
func (b *Broadcast) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for l := range b.listeners {
		close(l)
	}
	b.listeners = nil
}
