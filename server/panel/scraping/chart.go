package scraping

import (
	"dochook/doctype/jobs"
	"dochook/server/panel/page"
)

// The drawing, in its own units.
const (
	chartWidth, chartHeight = 720, 150
	fewestBars              = 12 // so that one job is not a wall
)

// chart is what jobs changed, the oldest first: above the line what was inserted and, on top of it, updated; below what was removed.
type chart struct {
	Width, Height int
	Zero          float64 // the line
	Bars          []bar
	Most, Least   string // what the highest and the lowest bar stand for
}

type bar struct {
	Text                                             string
	X, Width                                         float64
	Inserted, InsertedTop, Updated, UpdatedTop, Gone float64
}

// newChart draws jobs, which come newest first; nil if none of them changed anything.
func newChart(list []jobs.Job) *chart {
	up, down := int64(0), int64(0)
	for i := range list {
		n := &list[i].Counts
		up, down = max(up, n.Inserted+n.Updated), max(down, n.Removed+n.Trashed)
	}
	if up+down == 0 {
		return nil
	}
	unit := float64(chartHeight-4) / float64(up+down)
	c := &chart{Width: chartWidth, Height: chartHeight, Zero: 2 + float64(up)*unit, Most: label(up), Least: label(down)}
	high := func(n int64) float64 {
		if n == 0 {
			return 0
		}
		return max(float64(n)*unit, 1.5) // to be seen beside a large one
	}
	step := float64(chartWidth) / float64(max(len(list), fewestBars))
	for i := range list {
		j := &list[len(list)-1-i]
		gone := j.Counts.Removed + j.Counts.Trashed
		b := bar{X: float64(i)*step + 1, Width: step - 2, Inserted: high(j.Counts.Inserted), Updated: high(j.Counts.Updated), Gone: high(gone)}
		b.InsertedTop = c.Zero - b.Inserted
		b.UpdatedTop = b.InsertedTop - b.Updated
		b.Text = j.Creation.UTC().Format("2006-01-02 15:04") + ": +" + label(j.Counts.Inserted) + " ~" + label(j.Counts.Updated) + " −" + label(gone)
		c.Bars = append(c.Bars, b)
	}
	return c
}

func label(n int64) string {
	text, _ := page.Number(n) // an int64 is one
	return text
}
