package ingest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dochook/server/ingest/body"
)

// wrapper is a JSON value with the records somewhere inside. The steps lead
// there; it implements closer for what stands around them.
type wrapper struct {
	w     *body.Window
	path  string
	steps []step
	array []bool // kinds of the containers entered
}

// step is one component of a path.
type step struct {
	name  string
	index int // -1 if the name is no array index
}

// Bounds of the hint that lists the members of an object.
const (
	hintNames  = 8
	hintLength = 40
)

// parsePath reads a path of plain components.
func parsePath(path string) ([]step, *Error) {
	var (
		steps []step
		name  strings.Builder
		first = true // of the component
	)
	refuse := func(what string) *Error {
		return body.NewError(body.Invalid, 0, 0, fmt.Sprintf(
			"records path %q: %s; only names and indexes joined by dots can be streamed", path, what))
	}
	end := func() {
		s := step{name: name.String(), index: -1}
		if n, err := strconv.Atoi(s.name); err == nil && n >= 0 && strconv.Itoa(n) == s.name {
			s.index = n
		}
		steps = append(steps, s)
		name.Reset()
		first = true
	}
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '.':
			if first {
				return nil, refuse("an empty component")
			}
			end()
			continue
		case c == '\\' && i+1 == len(path):
			return nil, refuse("a backslash at the end")
		case c == '\\':
			i++
			c = path[i]
		case c == '*' || c == '?':
			return nil, refuse("a wildcard")
		case c == '|' || first && c == '@':
			return nil, refuse("a modifier")
		case first && (c == '#' || c == '{' || c == '[' || c == '!'):
			return nil, refuse("a query or multipath")
		}
		name.WriteByte(c)
		first = false
	}
	if first {
		return nil, refuse("an empty component")
	}
	end()
	return steps, nil
}

// place is the wrapper as a whole.
func (*wrapper) place() body.Place { return body.Place{What: "the wrapper around the records"} }

// descend walks to the value at the path and stands on its first byte, which
// it returns.
func (r *wrapper) descend() (byte, *Error) {
	for i := 0; ; i++ {
		c, ok, err := r.w.Peek()
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, r.w.Cut(r.place())
		}
		if i == len(r.steps) {
			return c, nil
		}
		switch c {
		case '{':
			r.w.Advance(1)
			err = r.member(i)
		case '[':
			r.w.Advance(1)
			err = r.element(i)
		default:
			err = r.missing(i, "there is no object or array to look into")
		}
		if err != nil {
			return 0, err
		}
		r.array = append(r.array, c == '[')
	}
}

// member walks to the member of an object named by step i.
func (r *wrapper) member(i int) *Error {
	var seen []string
	for first := true; ; first = false {
		more, err := r.w.More('}', first, r.place())
		if err != nil {
			return err
		}
		if !more {
			have := "the object is empty"
			if len(seen) > 0 {
				have = "the members here are " + strings.Join(seen, ", ")
			}
			return r.missing(i, have)
		}
		name, bad, err := r.w.Name(r.place())
		if err = firstOf(err, bad); err != nil || name == r.steps[i].name {
			return err
		}
		seen = listed(seen, name)
		if err = r.skip(); err != nil {
			return err
		}
	}
}

// listed adds a name to the few that are shown to people.
func listed(seen []string, name string) []string {
	switch {
	case len(seen) > hintNames:
		return seen
	case len(seen) == hintNames:
		return append(seen, "…")
	case len(name) > hintLength:
		n := hintLength
		for !utf8.RuneStart(name[n]) {
			n--
		}
		name = name[:n] + "…"
	}
	return append(seen, strconv.Quote(name))
}

// element walks to the element of an array indexed by step i.
func (r *wrapper) element(i int) *Error {
	if r.steps[i].index < 0 {
		return r.missing(i, "there is an array, which wants an index")
	}
	for n := 0; ; n++ {
		more, err := r.w.More(']', n == 0, r.place())
		if err != nil {
			return err
		}
		if !more {
			return r.missing(i, fmt.Sprintf("the array has %d elements", n))
		}
		if n == r.steps[i].index {
			return nil
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
}

// skip uses up a value that is not on the path.
func (r *wrapper) skip() *Error {
	_, ok, err := r.w.Peek()
	if err != nil {
		return err
	}
	if !ok {
		return r.w.Cut(r.place())
	}
	return r.w.Skip(r.place())
}

// missing says that step i leads nowhere.
func (r *wrapper) missing(i int, have string) *Error {
	return body.NewError(body.Invalid, r.w.Offset(), 0, fmt.Sprintf("records path %q: no %q: %s", r.path, r.steps[i].name, have))
}

// finish implements closer: it checks the rest of the wrapper, container by
// container, outwards.
func (r *wrapper) finish() *Error {
	for i := range slices.Backward(r.array) {
		if err := r.leave(i); err != nil {
			return err
		}
	}
	return nothing{r.w}.finish()
}

// leave skips what remains of the container that step i led into. A second
// member of the path's name would be records that nobody reads.
func (r *wrapper) leave(i int) *Error {
	closing := byte('}')
	if r.array[i] {
		closing = ']'
	}
	for {
		more, err := r.w.More(closing, false, r.place())
		if err != nil || !more {
			return err
		}
		if !r.array[i] {
			at := r.w.Offset()
			name, bad, err := r.w.Name(r.place())
			if err = firstOf(err, bad); err != nil {
				return err
			}
			if name == r.steps[i].name {
				return body.NewError(body.Invalid, at, 0, fmt.Sprintf("records path %q: %q appears twice", r.path, name))
			}
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
}

// firstOf returns the first error that is one.
func firstOf(a, b *Error) *Error {
	if a != nil {
		return a
	}
	return b
}
