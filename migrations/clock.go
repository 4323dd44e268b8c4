//go:build !movedclock

package migrations

// movedBy is how far the clock of SQLite is from this process's own, in µs.
func movedBy() int64 { return 0 }
