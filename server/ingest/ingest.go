package ingest

import (
	"errors"
	"io"

	"dochook/server/ingest/body"
)

// The defaults of [Options].
const (
	defaultMaxRecords = 10_000
	defaultMaxBytes   = 32 << 20
	defaultMaxRecord  = 16 << 20
)

// The shapes of a body, as [Reader.Format] names them.
const (
	formatNDJSON = "ndjson"
	formatArray  = "array"
	formatObject = "object"
	formatMap    = "map"
	formatCSV    = "csv"
)

// Options say how to read a body. The zero value reads every shape but object
// maps.
type Options struct {
	// ContentType and ContentEncoding are the headers of the request. Content
	// decides; a type decides only what content leaves open (a CSV type, one
	// broken line of NDJSON), and an encoding other than gzip, zstd and
	// identity is refused.
	ContentType, ContentEncoding string
	// Shape "map" says that the members of the object are the records. The
	// empty string leaves that to the content.
	Shape string
	// Records is the path to the array (or map) inside a wrapper, in the
	// spelling of gjson: names and array indexes joined by dots, "\." for a
	// dot in a name. Wildcards, queries and modifiers are refused.
	Records string
	// Key reports whether the key of the DocType is present at the top of a
	// record. An object without it, all of whose members are objects, is a
	// map. Nil: never, unless Shape says so.
	Key func(record []byte) bool
	// Numeric reports whether the cells of a CSV column are numbers. Such a
	// cell becomes a JSON number, spelled as it stands, if it is one, and a
	// string otherwise. Nil: all cells are strings.
	Numeric func(column string) bool
	// MaxRecords and MaxBytes bound a page: 10,000 records and 32 MiB of
	// record text and keys unless set. One record alone may be larger than MaxBytes.
	MaxRecords, MaxBytes int
	// MaxRecord bounds a single record, in bytes: 16 MiB unless set. A larger
	// one is skipped in bounded memory and rejected alone.
	MaxRecord int
}

// Page is a batch of consecutive records of a body.
type Page struct {
	// Number counts the pages of a body from 1. The same body is always cut
	// into the same pages.
	Number int
	// Records are the records in their order, never none. They stay valid.
	Records []Record
}

// Record is one record of a body.
type Record struct {
	// Line is the physical line (from 1) at which the record begins, for
	// NDJSON and CSV, else the number (from 1) of the array's element or the
	// map's member.
	Line int
	// Key is the member's name in an object map, else empty.
	Key string
	// Data is the record's JSON text exactly as it was sent, without the
	// blanks around it; for CSV an object of the row's cells in the order of
	// the header, an empty cell being the empty string. Nil if Err is set.
	Data []byte
	// Err is nil or an [*Error]: this record cannot be used, others can.
	Err error
}

// item is what a splitter finds: a record whose bytes are valid until it is
// asked for the next one.
type item struct {
	line int
	key  string
	data []byte
	err  *Error
}

// splitter cuts a body of one shape into records. After the last one it
// returns io.EOF, on a fault that ends the stream an *Error; it is not asked
// again then.
type splitter interface {
	next() (item, error)
}

// Reader cuts one body into pages. It is not safe for concurrent use.
type Reader struct {
	o      Options
	src    io.Reader
	window *body.Window
	split  splitter
	format string
	held   *item // did not fit into the page before
	done   bool  // the splitter has no more
	number int
	err    error
}

// NewReader returns a Reader of r. Nothing is read before the first call of
// [Reader.Next]; a fault in o is reported there.
func NewReader(r io.Reader, o Options) *Reader {
	if o.MaxRecords <= 0 {
		o.MaxRecords = defaultMaxRecords
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = defaultMaxRecord
	}
	return &Reader{o: o, src: r}
}

// Format is the shape of the body: "ndjson", "array", "object", "map" or
// "csv"; empty before the first call of Next and where it was not recognised.
func (r *Reader) Format() string { return r.format }

// Next reads the next page. It returns io.EOF after the last one, and an
// [*Error] if the body cannot be read on: the records since the page before
// are then lost on purpose, for a page is all or nothing. Once it has returned
// an error it returns the same one again.
func (r *Reader) Next() (*Page, error) {
	if r.err != nil {
		return nil, r.err
	}
	p, err := r.page()
	if err != nil {
		r.err = err
		if r.window != nil {
			r.window.Close()
		}
		r.held, r.split, r.window, r.src = nil, nil, nil, nil
		return nil, err
	}
	return p, nil
}

// page fills one page.
func (r *Reader) page() (*Page, error) {
	if r.done {
		return nil, io.EOF
	}
	if r.split == nil {
		if err := r.open(); err != nil {
			return nil, err
		}
	}
	var (
		a    arena
		size int
		p    = &Page{Number: r.number + 1}
	)
	for len(p.Records) < r.o.MaxRecords {
		it, err := r.next()
		if errors.Is(err, io.EOF) {
			r.done = true
			break
		}
		if err != nil {
			return nil, err
		}
		n := len(it.key) + len(it.data)
		if size > 0 && size+n > r.o.MaxBytes {
			r.held = &it
			break
		}
		size += n
		rec := Record{Line: it.line, Key: it.key}
		if it.err != nil {
			rec.Err = it.err
		} else {
			rec.Data = a.copy(it.data)
		}
		p.Records = append(p.Records, rec)
	}
	if len(p.Records) == 0 {
		return nil, io.EOF
	}
	r.number++
	return p, nil
}

// next is the record held back from the page before, or the splitter's next.
func (r *Reader) next() (item, error) {
	if r.held != nil {
		it := *r.held
		r.held = nil
		return it, nil
	}
	return r.split.next()
}

// The chunks of an arena double from the smallest to the largest.
const (
	minChunk = 4 << 10
	maxChunk = 1 << 20
)

// arena keeps the records of one page in a few large allocations, which go
// when the page goes.
type arena struct {
	chunk []byte
	size  int
}

// copy returns a copy of b that nothing appended later can overwrite.
func (a *arena) copy(b []byte) []byte {
	if cap(a.chunk)-len(a.chunk) < len(b) {
		a.size = min(max(2*a.size, minChunk), maxChunk)
		a.chunk = make([]byte, 0, max(a.size, len(b)))
	}
	n := len(a.chunk)
	a.chunk = append(a.chunk, b...)
	return a.chunk[n:len(a.chunk):len(a.chunk)]
}
