package iprange

import "testing"

// A rule behind a wider one would never be reached.
func TestRanges_are_reachable(t *testing.T) {
	for i, r := range ranges {
		if r.Prefix != r.Prefix.Masked() {
			t.Errorf("%v is not masked", r.Prefix)
		}
		for _, before := range ranges[:i] {
			if before.Prefix.Overlaps(r.Prefix) && before.Prefix.Bits() <= r.Prefix.Bits() {
				t.Errorf("%v (%s) is hidden by %v (%s)", r.Prefix, r.Name, before.Prefix, before.Name)
			}
		}
	}
}
