package web

import (
	"crypto/sha256"
	"math"
	"net/netip"
	"sync"
	"time"
)

// Rate is a token bucket: Burst requests at once, refilled with PerSecond. The
// zero value means the default of where it stands; PerSecond below zero means
// no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (r Rate) or(def Rate) Rate {
	if r.PerSecond == 0 {
		return def
	}
	r.Burst = max(r.Burst, 1)
	return r
}

func throttled(wait time.Duration, message string) error {
	return &Error{CodeWord: "throttled", Message: message, retry: wait}
}

// bucket is the state of one Rate; the zero value is full.
type bucket struct {
	used float64 // tokens missing
	last time.Time
}

// left refills the bucket and returns how many tokens it holds.
func (b *bucket) left(r Rate, now time.Time) float64 {
	if passed := now.Sub(b.last).Seconds(); passed > 0 {
		b.used = max(b.used-passed*r.PerSecond, 0)
		b.last = now
	}
	return float64(r.Burst) - b.used
}

// wait is how long until there is one token.
func wait(left float64, r Rate) time.Duration {
	seconds := (1 - left) / r.PerSecond
	return time.Duration(math.Min(seconds, 3600) * float64(time.Second))
}

// recent is a map that forgets: when it is full, what was not asked for since
// the last time it was full goes. It needs no goroutine and holds at most
// 2×recentSize entries.
type recent[K comparable, V any] struct {
	young, old map[K]*V
}

const recentSize = 8192

// peek returns the entry of k, or nil.
func (m *recent[K, V]) peek(k K) *V {
	if v, ok := m.young[k]; ok {
		return v
	}
	return m.old[k]
}

// get returns the entry of k, made if need be.
func (m *recent[K, V]) get(k K) *V {
	if v, ok := m.young[k]; ok {
		return v
	}
	v, ok := m.old[k]
	if !ok {
		v = new(V)
	}
	if len(m.young) >= recentSize || m.young == nil {
		m.old, m.young = m.young, make(map[K]*V)
	}
	m.young[k] = v
	return v
}

// limiter is a Rate for each K.
type limiter[K comparable] struct {
	rate Rate
	now  func() time.Time

	mu      sync.Mutex
	buckets recent[K, bucket]
}

func newLimiter[K comparable](r Rate, now func() time.Time) *limiter[K] {
	return &limiter[K]{rate: r, now: now}
}

// take takes a token, or says how long to wait for one.
func (l *limiter[K]) take(k K) (time.Duration, bool) {
	if l.rate.PerSecond < 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets.get(k)
	left := b.left(l.rate, l.now())
	if left < 1 {
		return wait(left, l.rate), false
	}
	b.used++
	return 0, true
}

// peek is take that leaves the token where it is.
func (l *limiter[K]) peek(k K) (time.Duration, bool) {
	if l.rate.PerSecond < 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := l.buckets.get(k).left(l.rate, l.now()); left < 1 {
		return wait(left, l.rate), false
	}
	return 0, true
}

// everybody is counted together.
var everybody = struct{}{}

// addressKey is what addresses are counted by: an IPv4 address, or the /64 an
// IPv6 address lies in, since one host may use all of it.
type addressKey netip.Addr

func addressOf(remote string) addressKey {
	a, err := netip.ParseAddr(remote)
	if err != nil {
		return addressKey{} // all unknown ones together
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	return addressKey(a)
}

// logins counts wrong tokens per address.
type logins struct {
	rate Rate
	now  func() time.Time

	mu    sync.Mutex
	hosts recent[addressKey, host]
}

const (
	rememberBad = 2 * time.Second // as long as a good token is remembered
	badPerHost  = 8
)

// host is what one address did wrong lately. Tokens are kept as hashes.
type host struct {
	bucket

	bad  [badPerHost]badToken
	next int
}

type badToken struct {
	sum [sha256.Size]byte
	at  time.Time
}

func newLogins(r Rate, now func() time.Time) *logins {
	return &logins{rate: r, now: now}
}

type attempt struct {
	allowed  bool
	repeated bool // this very token was refused a moment ago
	wait     time.Duration
}

// begin says whether a token from the address may be looked at.
func (l *logins) begin(a addressKey, token string) attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, now := l.hosts.peek(a), l.now()
	if h == nil { // the usual case: nothing wrong ever came from there
		return attempt{allowed: true}
	}
	sum := sha256.Sum256([]byte(token))
	for i := range h.bad {
		if h.bad[i].sum == sum && now.Sub(h.bad[i].at) < rememberBad {
			return attempt{repeated: true}
		}
	}
	if l.rate.PerSecond < 0 {
		return attempt{allowed: true}
	}
	left := h.left(l.rate, now)
	if left < 1 {
		return attempt{wait: wait(left, l.rate)}
	}
	return attempt{allowed: true}
}

// failed counts a wrong token.
func (l *logins) failed(a addressKey, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, now := l.hosts.get(a), l.now()
	h.bad[h.next] = badToken{sum: sha256.Sum256([]byte(token)), at: now}
	h.next = (h.next + 1) % badPerHost
	if l.rate.PerSecond > 0 {
		h.left(l.rate, now)
		h.used++
	}
}
