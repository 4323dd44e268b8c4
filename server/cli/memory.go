package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Most of what a delivery allocates lives for one request, so collecting a
// quarter as often buys 10 to 25 % at a few dozen megabytes. Large pages must not
// be multiplied by it: past the limit the collector works as hard as it takes.
const (
	memoryForSpeed = 400
	memoryLimit    = 160 << 20
)

// limitMemory tells the collector how much it may let come together, unless the environment does.
func limitMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(memoryForSpeed)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
		followLive(memoryLimit)
	}
}

// followLive keeps the limit above what is alive: at a limit below it half of all processor time would go into collecting what is no
// garbage. It looks after each collection.
func followLive(limit int64) {
	sentinel := new([32]byte) // smaller ones share their memory with others, and may live on
	runtime.AddCleanup(sentinel, func(was int64) {
		now := limitFor(live())
		if now > was || now < was-was/8 { // setting it stops everything for a moment
			debug.SetMemoryLimit(now)
		} else {
			now = was
		}
		followLive(now)
	}, limit)
}

// limitFor leaves room for half as much as is alive, beside what is not on the heap.
func limitFor(live int64) int64 { return max(memoryLimit, live+live/2+32<<20) }

// live is how many bytes the last collection has found in use.
func live() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(s[0].Value.Uint64()) //nolint:gosec // a heap fits
}
