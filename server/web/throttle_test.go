package web

import (
	"net/netip"
	"testing"
	"time"
)

// TestRecentIsBounded fills the map far beyond its size: what is asked for
// stays, what is not goes.
func TestRecentIsBounded(t *testing.T) {
	var m recent[int, bucket]
	m.get(-1).used = 7
	for i := range 10 * recentSize {
		m.get(i)
		if i%100 == 0 && m.get(-1).used != 7 {
			t.Fatalf("forgot the busy entry after %d others", i)
		}
		if n := len(m.young) + len(m.old); n > 2*recentSize+1 {
			t.Fatalf("%d entries", n)
		}
	}
	if m.peek(0) != nil || m.peek(10*recentSize-1) == nil {
		t.Error("an idle entry stayed, or a fresh one went")
	}
}

func TestBucket(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := newLimiter[string](Rate{PerSecond: 2, Burst: 4}, func() time.Time { return now })
	takes := func(n int) (took int) {
		for range n {
			if _, ok := l.take("k"); ok {
				took++
			}
		}
		return took
	}
	for _, step := range []struct {
		pass time.Duration
		want int
	}{
		{0, 4},
		{0, 0},
		{499 * time.Millisecond, 0},
		{time.Millisecond, 1},
		{-time.Hour, 0}, // a clock set back gives nothing
		{time.Hour + time.Second, 2},
		{time.Hour, 4}, // never more than the burst
	} {
		now = now.Add(step.pass)
		if got := takes(10); got != step.want {
			t.Errorf("after %v: %d, want %d", step.pass, got, step.want)
		}
	}
	if w, ok := l.take("k"); ok || w != 500*time.Millisecond {
		t.Errorf("wait %v", w)
	}
}

func TestAddressOf(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1",
		"::ffff:192.0.2.1":   "192.0.2.1",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::",
		"fe80::1%eth0":       "fe80::",
		"":                   "invalid IP",
		"@":                  "invalid IP",
		"not an address:123": "invalid IP",
	} {
		if got := netip.Addr(addressOf(in)).String(); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
