package browse

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dochook/doctype"
	"dochook/doctype/query"
)

// cursor is a place between two documents.
type cursor struct {
	kind     byte  // one of the kinds below; 0 is the beginning
	row      int64 // number of the first row after it
	modified int64 // µs, of the document beside it
	name     string
}

const (
	after    = 'a' // what comes after a document
	before   = 'b' // what comes before it
	behind   = 'x' // as after, where a window ended
	offset   = 'o' // so many rows further on
	maxStart = 100_000
)

// String is the cursor as it stands in an address.
func (c cursor) String() string {
	if c.kind == 0 {
		return ""
	}
	return fmt.Sprintf("%c%d.%d.%s", c.kind, c.row, c.modified, c.name)
}

// parseCursor reads what String wrote; anything else is the beginning.
func parseCursor(s string) cursor {
	if s == "" || !strings.ContainsRune("abxo", rune(s[0])) {
		return cursor{}
	}
	row, rest, _ := strings.Cut(s[1:], ".")
	modified, name, ok := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(row, 10, 64)
	us, err2 := strconv.ParseInt(modified, 10, 64)
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro()
	if !ok || err != nil || err2 != nil || n < 1 || us < 0 || us > last || s[0] != offset && doctype.CheckName(name) != nil {
		return cursor{}
	}
	return cursor{s[0], n, us, name}
}

func beside(kind byte, row int64, d *doctype.Document) cursor {
	return cursor{kind, row, d.Modified.UnixMicro(), d.Name}
}

// at is the operand of a filter on modified.
func at(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05.000000") }

// ranges are the filters of the pieces that, one after the other, hold what comes
// after the cursor in that order. Each is one stretch of the index.
func (c cursor) ranges(field string, desc bool) [][]query.Filter {
	further, nameFurther := query.Greater, query.Less // the names go the other way
	if desc {
		further, nameFurther = query.Less, query.Greater
	}
	switch {
	case c.kind == 0 || c.kind == offset:
		return [][]query.Filter{nil}
	case field == "name":
		return [][]query.Filter{{query.NewFilter("name", further, c.name)}}
	}
	return [][]query.Filter{
		{query.NewFilter("modified", query.Equal, at(c.modified)), query.NewFilter("name", nameFurther, c.name)},
		{query.NewFilter("modified", further, at(c.modified))},
	}
}
