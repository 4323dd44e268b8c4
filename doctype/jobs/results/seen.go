package results

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"slices"

	"github.com/uptrace/bun"

	"dochook/doctype/listing"
)

// hashSize is the length of a name's hash. Two names with one hash would only keep a document from being removed.
const hashSize = 8

func appendHash[T string | []byte](dst []byte, name T) []byte {
	sum := sha256.Sum256([]byte(name))
	return append(dst, sum[:hashSize]...)
}

// Seen is what a job's pages say together.
type Seen struct {
	Accepted int   // names of accepted records
	Received int64 // records, of pages that came twice once

	names map[[hashSize]byte]bool // whether a record was accepted
}

// SeenBy adds up the pages of a job that has so many accepted records.
func SeenBy(ctx context.Context, tx bun.Tx, job string, records int64) (Seen, error) {
	out := Seen{names: make(map[[hashSize]byte]bool, records)}
	pages := map[string]bool{}
	err := listing.Query(ctx, tx, func(found *sql.Rows) error {
		var hash, seen []byte
		var accepted, received int64
		if err := found.Scan(&hash, &seen, &accepted, &received); err != nil {
			return wrap("read pages", err)
		}
		if !pages[string(hash)] {
			pages[string(hash)] = true
			out.Received += received
		}
		for h := range slices.Chunk(seen, hashSize) {
			name, good := [hashSize]byte(h), accepted > 0
			if accepted--; good && !out.names[name] {
				out.Accepted++
			}
			out.names[name] = out.names[name] || good
		}
		return nil
	}, "SELECT hash, seen, row_count, received FROM job_pages WHERE job = ?", job)
	return out, err
}

// Has reports whether a document was seen, its record accepted or refused.
func (s *Seen) Has(name []byte) bool {
	var room [hashSize]byte
	_, ok := s.names[[hashSize]byte(appendHash(room[:0], name))]
	return ok
}
