package group

import (
	"sync"
	"sync/atomic"
)

// Chunks calls fn for the numbers before n, size of them at a time, on so many goroutines, and returns its first error; what has
// begun then is waited for.
func Chunks(n, size, workers int, fn func(from, to int) error) error {
	var next atomic.Int64
	var failed error
	var once sync.Once
	work := func() {
		for {
			to := int(next.Add(int64(size)))
			if to-size >= n {
				return
			}
			if err := fn(to-size, min(to, n)); err != nil {
				once.Do(func() { failed = err })
				return
			}
		}
	}
	var others sync.WaitGroup
	for range min(workers, (n+size-1)/size) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return failed
}
