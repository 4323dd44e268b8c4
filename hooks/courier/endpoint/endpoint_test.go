package endpoint

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestBreaker_opens_probes_and_ramps(t *testing.T) {
	const most = 16
	b := NewBreaker(0, 0)
	for i := range breakAfter {
		if got := b.Limit(noon, most); got != most {
			t.Fatalf("after %d failures %d may be out", i, got)
		}
		b.Failure(1, noon)
	}
	if b.State() != Open || b.Limit(noon, most) != 0 {
		t.Fatalf("%s after %d failures, %d may be out", b.State(), breakAfter, b.Limit(noon, most))
	}
	b.Failure(2, noon) // it was out when the breaker opened
	now := noon
	for i, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		if got := b.ProbeAt().Sub(now); got != want {
			t.Fatalf("probe %d after %s, want %s", i, got, want)
		}
		now = b.ProbeAt()
		if b.Limit(now, most) != 1 {
			t.Fatalf("no probe may go out at its time")
		}
		b.Began()
		if b.State() != HalfOpen || b.Limit(now, most) != 1 {
			t.Fatalf("%s while the probe is out", b.State())
		}
		b.Failure(3, now)
	}
	now = b.ProbeAt()
	b.Began()
	b.Void() // a record that the condition left out: the next may go at once
	if b.State() != Open || b.Limit(now, most) != 1 {
		t.Fatalf("%s after a probe that was none", b.State())
	}
	b.Began()
	b.Success(most)
	var limits []int
	for n := 0; b.State() == Ramping; n++ {
		if got := b.Limit(now, most); len(limits) == 0 || limits[len(limits)-1] != got {
			limits = append(limits, got)
		}
		if n == 3 { // it takes less than was thought
			b.Failure(4, now)
			continue
		}
		b.Success(most)
	}
	want := []int{2, 4, 2, 4, 8}
	if len(limits) != len(want) {
		t.Fatalf("ramp %v, want %v", limits, want)
	}
	for i := range want {
		if limits[i] != want[i] {
			t.Fatalf("ramp %v, want %v", limits, want)
		}
	}
	if b.State() != Closed || b.Limit(now, most) != most {
		t.Errorf("%s at the end", b.State())
	}
}

func TestBreaker_switches_off_by_count_and_time(t *testing.T) {
	day := (24 * time.Hour).Microseconds()
	for _, c := range []struct {
		failures int64
		days     int64
		off      bool
	}{{98, 6, false}, {99, 6, true}, {500, 4, false}, {99, 5, true}} {
		b := NewBreaker(c.failures, 1)
		if got := b.Failure(1+c.days*day, noon); got != c.off {
			t.Errorf("%d failures and one more in %d days: off %v", c.failures, c.days, got)
		}
	}
	b := NewBreaker(99, 1)
	b.Success(8)
	if b.Failure(1+9*day, noon) {
		t.Error("switched off after a success")
	}
}

func TestBreaker_every_state_leads_back(t *testing.T) {
	reach := map[State]bool{Closed: true}
	for range transitions {
		for _, tr := range transitions {
			if reach[tr.From] {
				reach[tr.To] = true
			}
		}
	}
	for _, s := range []State{Closed, Open, HalfOpen, Ramping} {
		if !reach[s] {
			t.Errorf("%s cannot be reached", s)
		}
		out := false
		for _, tr := range transitions {
			out = out || tr.From == s
		}
		if !out {
			t.Errorf("%s is a dead end", s)
		}
	}
}

func TestPace(t *testing.T) {
	p := NewPace(20)
	now, taken := noon, 0
	for range 10_000 { // of a millisecond
		if ok, _ := p.Take(now, false); ok {
			taken++
		}
		now = now.Add(time.Millisecond)
	}
	if taken < 200 || taken > 202 {
		t.Errorf("%d in ten seconds, of 20 a second", taken)
	}
	p = NewPace(2)
	if ok, _ := p.Take(noon, false); !ok {
		t.Error("the first must wait")
	}
	ok, wait := p.Take(noon, false)
	if ok || wait != 500*time.Millisecond {
		t.Errorf("%v, to wait %s", ok, wait)
	}
	if ok, _ := p.Take(noon.Add(wait), false); !ok {
		t.Error("still none after the wait")
	}
	p = NewPace(100)
	live, replay := 0, 0
	for now, i := noon, 0; i < 10_000; i++ {
		if ok, _ := p.Take(now, false); ok {
			live++
		}
		if ok, _ := p.Take(now, true); ok {
			replay++
		}
		now = now.Add(time.Millisecond)
	}
	if live < 1000 || replay > 20 {
		t.Errorf("%d live and %d replayed in ten seconds of 100 a second", live, replay)
	}
	if ok, _ := NewPace(0).Take(noon, true); !ok {
		t.Error("no pace holds something up")
	}
}
