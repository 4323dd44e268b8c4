package rows

import "bytes"

// alikeFrom is how many rows it takes to look for columns that hold one value alone. Of fewer rows it would be chance that
// decides, and each chance is a statement of its own to be prepared.
const alikeFrom = 16

// alike says which columns hold one value alone, as most do of rows that are written together: it need not be sent with each. The
// last column is never among them if all the others are, since something has to say how many rows there are.
func alike(cols []Column, n int) []bool {
	if n < alikeFrom {
		return nil
	}
	same, all := make([]bool, len(cols)), true
	for i, c := range cols {
		same[i] = c.alike()
		all = all && same[i]
	}
	same[len(same)-1] = same[len(same)-1] && !all
	return same
}

func (c Column) alike() bool {
	switch v := c.Values.(type) {
	case []string:
		return equal(v, func(a, b string) bool { return a == b })
	case []int64:
		return equal(v, func(a, b int64) bool { return a == b })
	case []*string:
		return equal(v, equalAt[string])
	case []*int64:
		return equal(v, equalAt[int64])
	case [][]byte:
		return equal(v, func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) })
	}
	return false
}

func equal[T any](list []T, same func(a, b T) bool) bool {
	for _, v := range list {
		if !same(list[0], v) {
			return false
		}
	}
	return true
}

func equalAt[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// value is row i of c as a driver takes it: nil for NULL.
func (c Column) value(i int) any {
	switch v := c.Values.(type) {
	case []string:
		return v[i]
	case []int64:
		return v[i]
	case []*string:
		if v[i] != nil {
			return *v[i]
		}
	case []*int64:
		if v[i] != nil {
			return *v[i]
		}
	case [][]byte:
		if v[i] != nil {
			return v[i]
		}
	}
	return nil
}
