package terminal

import (
	"bufio"
	"io"
	"os"
	"text/tabwriter"
)

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Table takes lines whose cells stand apart by tabs; Flush ends it.
type Table interface {
	io.Writer
	Flush() error
}

// NewTable aligns the cells on a terminal. Elsewhere they stay apart by one tab, as cut and awk take them.
func NewTable(w io.Writer) Table {
	if Is(w) {
		return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	}
	return bufio.NewWriter(w)
}

// Style colours words. Its zero value leaves them as they are.
type Style struct{ on bool }

// StyleOf colours on a terminal, unless the environment has NO_COLOR (https://no-color.org) or says that the terminal is dumb.
func StyleOf(w io.Writer) Style {
	return Style{Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// Select Graphic Rendition parameters of ECMA-48.
const (
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) wrap(parameter, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + parameter + "m" + text + "\x1b[0m"
}

// Good is for what went well.
func (s Style) Good(text string) string { return s.wrap(green, text) }

// Warn is for what deserves a look.
func (s Style) Warn(text string) string { return s.wrap(yellow, text) }

// Bad is for what failed.
func (s Style) Bad(text string) string { return s.wrap(red, text) }

// Faint is for what matters less.
func (s Style) Faint(text string) string { return s.wrap(faint, text) }
