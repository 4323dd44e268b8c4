package terminal

import (
	"encoding/json"
	"io"
)

// Output is where a verb writes what was asked for, and whether as JSON.
type Output struct {
	io.Writer
	JSON bool
}

// PrintJSON writes v indented, and <, > and & as they are.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
