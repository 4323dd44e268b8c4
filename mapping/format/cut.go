package format

// Cut says where to split the pieces of a body, given how many bytes each adds to it, comma included, so that no part
// has more than maxRecords pieces or, with base bytes around them, more than maxBytes. Every part takes as many pieces as
// fit; a piece too big for any part stands alone. A limit of 0 or less is none. It returns the end index (exclusive) of
// each part, nil for no pieces.
func Cut(sizes []int, base, maxRecords, maxBytes int) []int {
	var ends []int
	start, total := 0, base
	for i, size := range sizes {
		full := maxRecords > 0 && i-start == maxRecords || maxBytes > 0 && size > maxBytes-total
		if full && i > start {
			ends = append(ends, i)
			start, total = i, base
		}
		total += size
	}
	if len(sizes) > 0 {
		ends = append(ends, len(sizes))
	}
	return ends
}
