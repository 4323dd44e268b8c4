package record

import "maps"

// Merge returns old with the top-level members of patch: those it has are replaced in place, the others come
// after them in the order of patch.
func Merge(old, patch []byte) []byte {
	values := maps.Collect(Members(patch))
	var w Writer
	for quoted, value := range QuotedMembers(old) {
		name := Unquote(quoted)
		if replaced, ok := values[name]; ok {
			value = replaced
			delete(values, name)
		}
		w.Quoted(quoted, value)
	}
	for quoted, value := range QuotedMembers(patch) {
		if _, left := values[Unquote(quoted)]; left {
			w.Quoted(quoted, value)
		}
	}
	return w.Bytes()
}
