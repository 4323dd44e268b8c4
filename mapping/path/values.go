package path

import "iter"

// Members walks the members of object, one valid JSON value, in their order. Names come as written, with their quotes
// and escapes, values as written; both share memory with object. A value that is no object has no members. White space
// may stand around object.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		object := trimSpace(object)
		if len(object) == 0 || object[0] != '{' {
			return
		}
		for m := membersOf(object); ; {
			name, ok := m.name()
			if !ok || !yield(name, m.value()) {
				return
			}
		}
	}
}

// Elements walks the elements of array, one valid JSON value, in their order, each as written; they share memory with
// array. A value that is no array has no elements. White space may stand around array.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		array := trimSpace(array)
		if len(array) == 0 || array[0] != '[' {
			return
		}
		for e := elementsOf(array); e.more(); {
			if !yield(e.value()) {
				return
			}
		}
	}
}

// AppendCompact appends raw, one valid JSON value, without the white space between its tokens; strings and numbers keep
// their spelling.
func AppendCompact(dst, raw []byte) []byte {
	from := 0
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			i = stringEnd(raw, i+1)
		case isSpace(c):
			dst = append(dst, raw[from:i]...)
			i = skipSpace(raw, i)
			from = i
		default:
			i++
		}
	}
	return append(dst, raw[from:]...)
}
