package ingest_test

import (
	"errors"
	"io"
	"testing"

	"dochook/server/ingest"
)

// BenchmarkReader splits 16 MiB of records of about 500 bytes.
func BenchmarkReader(b *testing.B) {
	lines, _ := block("\n")
	elements, _ := block(",")
	const blocks = 16
	benchmarks := []struct {
		name       string
		head, tail string
		block      string
	}{
		{"ndjson", "", "", lines},
		{"array", "[", "{}]", elements},
	}
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(int64(blocks * len(bm.block)))
			b.ReportAllocs()
			for b.Loop() {
				in := ingest.NewReader(&repeated{head: bm.head, block: bm.block, tail: bm.tail, n: blocks}, ingest.Options{})
				for {
					if _, err := in.Next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
