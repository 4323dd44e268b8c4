package format_test

import (
	"slices"
	"testing"

	"dochook/mapping/format"
)

func TestCut(t *testing.T) {
	tests := []struct {
		sizes                      []int
		base, maxRecords, maxBytes int
		want                       []int
	}{
		{nil, 10, 1, 1, nil},
		{[]int{}, 10, 1, 1, nil},
		{[]int{5}, 10, 1, 100, []int{1}},
		{[]int{5}, 10, 1, 1, []int{1}},
		{[]int{5, 5, 5, 5, 5}, 10, 2, 100, []int{2, 4, 5}},
		{[]int{5, 5, 5, 5}, 10, 2, 100, []int{2, 4}},
		{[]int{5, 5, 5, 5}, 10, 100, 20, []int{2, 4}},
		{[]int{5, 6, 5, 5}, 10, 100, 20, []int{1, 2, 4}},
		{[]int{1, 1, 50, 1, 1}, 10, 100, 20, []int{2, 3, 5}},
		{[]int{50, 0, 50}, 10, 100, 20, []int{1, 2, 3}},
		{[]int{1, 1}, 30, 100, 20, []int{1, 2}},
		{[]int{1, 2, 3}, 10, 0, 0, []int{3}},
		{[]int{1, 2, 3}, 10, 0, 13, []int{2, 3}},
		{[]int{1, 2, 3}, 10, 2, 0, []int{2, 3}},
	}
	for _, tt := range tests {
		got := format.Cut(tt.sizes, tt.base, tt.maxRecords, tt.maxBytes)
		if !slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%v around %d, at most %d in %d bytes: %v, want %v", tt.sizes, tt.base, tt.maxRecords, tt.maxBytes, got, tt.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add([]byte{5, 6, 5, 5, 200, 0}, uint8(10), uint8(3), uint8(20))
	f.Add([]byte{}, uint8(0), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, pieces []byte, base, maxRecords, maxBytes uint8) {
		sizes := make([]int, len(pieces))
		for i, size := range pieces {
			sizes[i] = int(size)
		}
		sum := func(from, to int) int {
			n := int(base)
			for _, size := range sizes[from:to] {
				n += size
			}
			return n
		}
		fits := func(from, to int) bool {
			return (maxRecords == 0 || to-from <= int(maxRecords)) && (maxBytes == 0 || sum(from, to) <= int(maxBytes))
		}
		ends := format.Cut(sizes, int(base), int(maxRecords), int(maxBytes))
		start := 0
		for _, end := range ends {
			switch {
			case end <= start || end > len(sizes):
				t.Fatalf("parts of %v end at %v", sizes, ends)
			case end-start > 1 && !fits(start, end):
				t.Fatalf("%v: the part %d to %d is too large", sizes, start, end)
			case end < len(sizes) && fits(start, end+1):
				t.Fatalf("%v: the part %d to %d could take one more", sizes, start, end)
			}
			start = end
		}
		if start != len(sizes) {
			t.Fatalf("parts of %v end at %v", sizes, ends)
		}
	})
}
