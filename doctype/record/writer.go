package record

import "bytes"

// Writer builds one JSON object from parts; nothing in it changes a raw value. It does not look for names that
// come twice. The zero value is ready for use.
type Writer struct {
	b     []byte
	begun bool
}

// NewWriter returns a Writer that appends its object to dst.
func NewWriter(dst []byte) *Writer { return &Writer{b: dst} }

// Raw adds a member with its value's exact text; no bytes add nothing.
func (w *Writer) Raw(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	w.next()
	w.b = append(append(AppendQuote(w.b, name), ':'), value...)
}

// Quoted adds a member whose name is already a JSON string.
func (w *Writer) Quoted(name, value []byte) {
	w.next()
	w.b = append(append(append(w.b, name...), ':'), value...)
}

// All adds every member of an object, exactly as they stand there.
func (w *Writer) All(object []byte) {
	object = bytes.TrimSpace(object)
	if len(object) < 2 || object[0] != '{' {
		return
	}
	if inside := bytes.TrimSpace(object[1 : len(object)-1]); len(inside) > 0 {
		w.next()
		w.b = append(w.b, inside...)
	}
}

// next begins another member.
func (w *Writer) next() {
	if w.begun {
		w.b = append(w.b, ',')
	} else {
		w.b, w.begun = append(w.b, '{'), true
	}
}

// Text adds a member that is a string.
func (w *Writer) Text(name, value string) {
	w.next()
	w.b = AppendQuote(append(AppendQuote(w.b, name), ':'), value)
}

// Bytes ends the object and returns it, behind what it was appended to. Nothing can be added after it.
func (w *Writer) Bytes() []byte {
	if !w.begun {
		return append(w.b, "{}"...)
	}
	return append(w.b, '}')
}
