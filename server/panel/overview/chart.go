package overview

import (
	"slices"
	"time"

	"dochook/hooks/activity"
)

// The drawing, in its own units. It is stretched to the room there is; its labels
// are text beside it.
const chartWidth, chartHeight = 720, 120

// chart is a drawing of minutes: a bar for each, what was delivered below and what
// failed above.
type chart struct {
	Width, Height int
	Top           int64 // what the full height stands for
	Bars          []bar
	Lines         []float64         // their heights
	Minutes       []activity.Minute // those in which something happened, newest first
}

type bar struct {
	X, Width              float64
	Good, GoodTop         float64 // height and upper end
	Bad, BadTop           float64
	At                    time.Time
	Delivered, FailedThen int64
}

// newChart draws the minutes and adds them up.
func newChart(minutes []activity.Minute) (chart, activity.Minute) {
	var sum activity.Minute
	var most int64
	for _, m := range minutes {
		sum.Delivered += m.Delivered
		sum.Retrying += m.Retrying
		sum.Dead += m.Dead
		sum.Skipped += m.Skipped
		most = max(most, m.Delivered+m.Failed())
	}
	top := roundUp(most)
	c := chart{Width: chartWidth, Height: chartHeight, Top: top, Lines: []float64{0.5, chartHeight / 2, chartHeight - 0.5}}
	step := chartWidth / float64(max(len(minutes), 1))
	height := func(n int64) float64 { return float64(n) * chartHeight / float64(top) }
	for i, m := range minutes {
		b := bar{X: float64(i)*step + 1, Width: step - 2, At: m.At, Delivered: m.Delivered, FailedThen: m.Failed()}
		b.Good, b.Bad = height(m.Delivered), height(m.Failed())
		b.GoodTop = chartHeight - b.Good
		b.BadTop = b.GoodTop - b.Bad
		c.Bars = append(c.Bars, b)
	}
	for _, m := range slices.Backward(minutes) {
		if m.Delivered+m.Failed()+m.Skipped > 0 {
			c.Minutes = append(c.Minutes, m)
		}
	}
	return c, sum
}

// roundUp is the next of 2, 5, 10, 20, 50, 100 and so on.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, m := range []int64{2, 5, 10} {
			if n <= m*unit {
				return m * unit
			}
		}
	}
}
