package outlook

import "testing"

func TestOutlook(t *testing.T) {
	var o Outlook
	for i, step := range []struct {
		times        int
		news, missed bool
		then         bool
	}{
		{1, true, false, false},
		{1, true, false, true},
		{1, false, false, false},
		{2, true, false, true},
		{20, true, true, true}, // again, but news it was
		{1, false, true, false},
		{17, true, false, false},
		{1, true, false, true},
		{1, false, true, false},
		{1, false, false, false},
		{17, true, false, false},
		{1, true, false, true}, // what is not news makes nothing up
	} {
		for range step.times {
			o.Saw("A", step.news, step.missed)
		}
		if o.News("A") != step.then || o.News("B") {
			t.Errorf("after step %d: %t", i+1, o.News("A"))
		}
	}
}
