package sender

import (
	"math"
	"testing"
	"time"
)

func TestPolicy_standard_schedule(t *testing.T) {
	want := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	failed := Attempt{Status: 500, Reason: ReasonStatus}
	var total time.Duration
	for i, w := range want {
		got, again := Policy{}.Next(i+1, failed, 0.5)
		if !again || got.Round(time.Millisecond) != w {
			t.Errorf("after attempt %d: %v, %v; want %v", i+1, got, again, w)
		}
		total += got.Round(time.Millisecond)
	}
	if got, again := (Policy{}).Next(10, failed, 0.5); again || got != 0 {
		t.Errorf("after attempt 10: %v, %v", got, again)
	}
	if want := 75*time.Hour + 35*time.Minute + 5*time.Second; total != want {
		t.Errorf("total %v, want %v", total, want)
	}
}

func TestPolicy_Next(t *testing.T) {
	short := Policy{Attempts: 5, Schedule: []time.Duration{10 * time.Second, 100 * time.Second}}
	const h = time.Hour
	tests := []struct {
		name     string
		policy   Policy
		attempts int
		attempt  Attempt
		random   float64
		want     time.Duration
		again    bool
	}{
		{"lowest jitter", short, 1, Attempt{Reason: ReasonReset}, 0, 8 * time.Second, true},
		{"highest jitter", short, 1, Attempt{Reason: ReasonReset}, 1, 12 * time.Second, true},
		{"second", short, 2, Attempt{Reason: ReasonDNS}, 0.5, 100 * time.Second, true},
		{"the last repeats", short, 4, Attempt{Reason: ReasonTLS}, 0.5, 100 * time.Second, true},
		{"exhausted", short, 5, Attempt{Reason: ReasonTLS}, 0.5, 0, false},
		{"far beyond", short, math.MaxInt, Attempt{Reason: ReasonTLS}, 0.5, 0, false},
		{"attempts below one", short, -3, Attempt{Reason: ReasonTLS}, 0.5, 10 * time.Second, true},
		{"three attempts", Policy{Attempts: 3}, 3, Attempt{Reason: ReasonTLS}, 0.5, 0, false},
		{"delivered", short, 1, Attempt{Status: 204}, 0.5, 0, false},
		{"gone", short, 1, Attempt{Status: 410, Reason: ReasonGone}, 0.5, 0, false},
		{"too large", short, 1, Attempt{Status: 413, Reason: ReasonTooLarge}, 0.5, 0, false},
		{"invalid URL", short, 1, Attempt{Reason: ReasonInvalidURL}, 0.5, 0, false},
		{"blocked may be allowed later", short, 1, Attempt{Reason: ReasonBlocked}, 0.5, 10 * time.Second, true},
		{"redirect", short, 1, Attempt{Status: 302, Reason: ReasonRedirect}, 0.5, 10 * time.Second, true},
		{"zero attempt", short, 1, Attempt{}, 0.5, 10 * time.Second, true},
		{"Retry-After longer", short, 1, Attempt{Status: 429, Reason: ReasonThrottled, RetryAfter: h}, 0.5, h, true},
		{"Retry-After shorter", short, 1, Attempt{Status: 503, Reason: ReasonStatus, RetryAfter: time.Second}, 0.5, 10 * time.Second, true},
		{"Retry-After too long", short, 1, Attempt{Status: 503, Reason: ReasonStatus, RetryAfter: 99 * h}, 0.5, 24 * h, true},
		{"Retry-After on 500", short, 1, Attempt{Status: 500, Reason: ReasonStatus, RetryAfter: h}, 0.5, 10 * time.Second, true},
		{"no more with Retry-After", short, 5, Attempt{Status: 429, Reason: ReasonThrottled, RetryAfter: h}, 0.5, 0, false},
		{"negative step", Policy{Schedule: []time.Duration{-h}}, 1, Attempt{Reason: ReasonReset}, 0.5, 0, true},
		{"NaN", short, 1, Attempt{Reason: ReasonReset}, math.NaN(), 8 * time.Second, true},
		{"endless step", Policy{Schedule: []time.Duration{math.MaxInt64}}, 1, Attempt{Reason: ReasonReset}, 1, math.MaxInt64, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, again := tt.policy.Next(tt.attempts, tt.attempt, tt.random)
			if (got-tt.want).Abs() > time.Microsecond || again != tt.again {
				t.Errorf("got %v, %v; want %v, %v", got, again, tt.want, tt.again)
			}
		})
	}
}

func FuzzPolicy_Next(f *testing.F) {
	f.Add(10, int64(5e9), int64(3e11), 1, 429, int64(1e12), 0.5)
	f.Add(0, int64(math.MaxInt64), int64(math.MinInt64), -1, 503, int64(math.MaxInt64), 0.99)
	f.Fuzz(func(t *testing.T, limit int, first, last int64, attempts, status int, after int64, random float64) {
		p := Policy{Attempts: limit, Schedule: []time.Duration{time.Duration(first), time.Duration(last)}}
		a := Attempt{Status: status, Reason: ReasonStatus, RetryAfter: time.Duration(after)}
		delay, again := p.Next(attempts, a, random)
		if limit <= 0 {
			limit = 10
		}
		if again != (attempts < limit) {
			t.Fatalf("again = %v after %d of %d", again, attempts, limit)
		}
		if delay < 0 || !again && delay != 0 {
			t.Fatalf("delay %v, again %v", delay, again)
		}
		step := max(time.Duration(first), 0)
		if attempts > 1 {
			step = max(time.Duration(last), 0)
		}
		if again && float64(delay) < float64(step)*0.79 {
			t.Fatalf("delay %v is sooner than the schedule's %v", delay, step)
		}
		if float64(delay) > max(float64(step)*1.21, float64(24*time.Hour)) {
			t.Fatalf("delay %v is longer than both the schedule's %v and 24 h", delay, step)
		}
	})
}

func TestAttempt_Class(t *testing.T) {
	tests := []struct {
		a    Attempt
		want Class
		word string
	}{
		{Attempt{}, Retry, "retry"},
		{Attempt{Status: 200}, Delivered, "delivered"},
		{Attempt{Status: 299}, Delivered, "delivered"},
		{Attempt{Status: 302, Reason: ReasonRedirect}, Retry, "retry"},
		{Attempt{Status: 410, Reason: ReasonGone}, Gone, "gone"},
		{Attempt{Status: 413, Reason: ReasonTooLarge}, Final, "final"},
		{Attempt{Reason: ReasonInvalidRequest}, Final, "final"},
		{Attempt{Reason: ReasonCanceled}, Retry, "retry"},
	}
	for _, tt := range tests {
		if got := tt.a.Class(); got != tt.want || got.String() != tt.word {
			t.Errorf("%+v: class %v, want %v", tt.a, got, tt.want)
		}
	}
}
