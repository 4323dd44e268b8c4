package rows

import "iter"

// Chunks cuts n rows into chunks, as from and to: of most each, and then of the powers of two that are left, so that the statements for
// them are few and the connection to SQLite keeps them. most is a power of two.
func Chunks(n, most int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from, size := 0, most; from < n; {
			for from+size > n {
				size /= 2
			}
			if !yield(from, from+size) {
				return
			}
			from += size
		}
	}
}
