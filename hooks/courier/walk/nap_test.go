package walk

import (
	"testing"
	"time"

	"dochook/hooks/courier/queue"
)

// What was not wanted, behind an attempt that takes long, leaves nothing to be written: the walker sleeps.
func TestWalker_sleeps_while_there_is_nothing_to_write(t *testing.T) {
	w := &Walker{window: queue.Window{}, settings: settings{inFlight: 1}, flying: 1, readAt: time.Now()}
	w.window.Push(1)
	second := w.window.Push(2)
	w.window.Read, second.Done = 2, true
	w.note()
	w.first = w.first.Add(-time.Minute)
	w.flush(t.Context(), false)
	if d := w.nap(); w.flushing || d < time.Second {
		t.Errorf("flushing %t, naps %s", w.flushing, d)
	}
}
