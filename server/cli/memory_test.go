package cli

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// A service that keeps more alive than its limit must not collect all the time.
func TestLimitMemory_follows_what_is_alive(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	limitMemory()
	until := func(ok func(limit int64) bool) {
		t.Helper()
		for !ok(debug.SetMemoryLimit(-1)) {
			if t.Context().Err() != nil {
				t.Fatalf("the limit stays at %d MB", debug.SetMemoryLimit(-1)>>20)
			}
			runtime.GC()
		}
	}
	alive := make([]byte, 2*memoryLimit)
	until(func(now int64) bool { return now > int64(len(alive)) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 32 << 10 { // two gigabytes of garbage
		garbage = make([]byte, 64<<10)
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n > 30 { // by the limit alone it is twice that
		t.Errorf("%d collections", n)
	}
	runtime.KeepAlive(alive)
	alive = nil
	until(func(now int64) bool { return now == memoryLimit })
}

var garbage []byte //nolint:gochecknoglobals // what is not seen to be used is not allocated
