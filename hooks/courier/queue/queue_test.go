package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

type item struct {
	order string
	place int64
}

func (i item) Order() string { return i.order }
func (i item) Place() int64  { return i.place }

func TestWindow_is_settled_up_to_the_first_gap(t *testing.T) {
	w := Window{Read: 10}
	slots := []*Slot{w.Push(11), w.Push(13), w.Push(17)}
	w.Read = 20
	for _, c := range []struct {
		done int
		low  int64
		size int
	}{{1, 10, 3}, {0, 16, 1}, {2, 20, 0}} {
		slots[c.done].Done = true
		if low := w.Low(); low != c.low || w.Size() != c.size {
			t.Errorf("after slot %d: settled up to %d with %d open, want %d and %d", c.done, low, w.Size(), c.low, c.size)
		}
	}
}

// TestChains_keep_each_order lets random failures happen and holds what comes out of each chain against the order it went in.
func TestChains_keep_each_order(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
		var c Chains[item]
		want, got := map[string][]int64{}, map[string][]int64{}
		in, now := 0, int64(0)
		for place := int64(1); place <= 200 || c.Held() > 0; place++ {
			now += r.Int64N(10)
			if place <= 200 {
				it := item{fmt.Sprint(r.IntN(7)), place}
				if ch := c.Of(it.order); ch != nil {
					c.Behind(ch, it)
				} else {
					c.Hold(it, now+r.Int64N(50))
				}
				want[it.order] = append(want[it.order], place)
				in++
			}
			if due, ok := c.First(); !ok || due > now {
				if c.AnyDue(now) || c.Next(now) != nil {
					t.Fatal("something is due before its time")
				}
				continue
			}
			ch := c.Next(now)
			does := r.IntN(3)
			if place > 200 {
				does = 2
			}
			switch does {
			case 0: // fails again
				c.Later(ch, now+r.Int64N(50))
			case 1: // comes in parts
				c.Replace(ch, []item{ch.Head, ch.Head}, now+r.Int64N(50))
				in++
			default:
				got[ch.Head.order] = append(got[ch.Head.order], ch.Head.place)
				c.Settle(ch)
				in--
			}
			if c.Held() != in {
				t.Fatalf("seed %d: %d held, want %d", seed, c.Held(), in)
			}
		}
		for order := range want {
			if !slices.Equal(slices.Compact(got[order]), want[order]) || c.Of(order) != nil {
				t.Fatalf("seed %d: order %s came out as %v, went in as %v", seed, order, got[order], want[order])
			}
		}
	}
}
