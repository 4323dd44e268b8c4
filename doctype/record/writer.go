package record

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
	w.Quoted(AppendQuote(nil, name), value)
}

// Quoted adds a member whose name is already a JSON string.
func (w *Writer) Quoted(name, value []byte) {
	if w.begun {
		w.b = append(w.b, ',')
	} else {
		w.b, w.begun = append(w.b, '{'), true
	}
	w.b = append(append(append(w.b, name...), ':'), value...)
}

// Text adds a member that is a string.
func (w *Writer) Text(name, value string) { w.Raw(name, AppendQuote(nil, value)) }

// Bytes ends the object and returns it, behind what it was appended to. Nothing can be added after it.
func (w *Writer) Bytes() []byte {
	if !w.begun {
		return append(w.b, "{}"...)
	}
	return append(w.b, '}')
}
