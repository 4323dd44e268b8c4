package results

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/uptrace/bun"

	"dochook/doctype/documents"
	"dochook/migrations/rows"
)

// Page is what a page of a job brought.
type Page struct {
	Accepted int64    // records that became, or are, documents
	Received int64    // these, and those whose names came again in the page
	Nameless int64    // refused records that named no document
	Refused  []string // names of documents whose records were refused: they were there all the same

	seen   []byte            // hashes of names, those of the accepted records first, then the refused ones
	sum    [sha256.Size]byte // of packed: a page that comes twice packs to the same
	packed []byte            // the accepted records, each behind its length
}

// Packing is the packing of a page that is still being written.
type Packing struct {
	page  documents.Page
	whole chan packed
}

type packed struct {
	sum  [sha256.Size]byte
	data []byte
}

// Pack begins to pack a page as if every record of it would be accepted, which is the rule, while it is being written.
func Pack(p documents.Page) *Packing {
	k := &Packing{page: p, whole: make(chan packed, 1)}
	go func() { k.whole <- pack(p.Records, func(i int) bool { return usable(&p.Records[i]) }) }()
	return k
}

func usable(r *documents.Record) bool { return r.Err == nil && !r.Trash }

// Both are safe for concurrent use, and neither starts anything until it is used. No option of theirs can fail.
var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true))
)

func pack(records []documents.Record, takes func(i int) bool) packed {
	size := 0
	for i := range records {
		size += len(records[i].Data) + binary.MaxVarintLen32
	}
	data := make([]byte, 0, size)
	for i := range records {
		if takes(i) {
			data = binary.AppendUvarint(data, uint64(len(records[i].Data)))
			data = append(data, records[i].Data...)
		}
	}
	out := packer.EncodeAll(data, nil)
	return packed{sha256.Sum256(out), out}
}

// Page ends the packing with what became of the page.
func (k *Packing) Page(r *documents.PageResult) Page {
	var p Page
	asGuessed := true
	p.seen = make([]byte, 0, len(r.Lines)*hashSize)
	for i := range r.Lines {
		record, good := &k.page.Records[i], accepted(&r.Lines[i])
		asGuessed = asGuessed && good == usable(record)
		switch {
		case good:
			p.Accepted++
			p.Received++
			p.seen = appendHash(p.seen, r.Lines[i].Name)
		case r.Lines[i].Outcome == documents.Duplicate:
			p.Received++
		case r.Lines[i].Outcome == documents.Rejected && r.Lines[i].Name == "":
			p.Nameless++
		case r.Lines[i].Outcome == documents.Rejected && !record.Trash:
			p.Refused = append(p.Refused, r.Lines[i].Name)
		}
	}
	for _, name := range p.Refused {
		p.seen = appendHash(p.seen, name)
	}
	whole := <-k.whole
	if !asGuessed {
		whole = pack(k.page.Records, func(i int) bool { return accepted(&r.Lines[i]) })
	}
	p.sum, p.packed = whole.sum, whole.data
	return p
}

func accepted(l *documents.Line) bool {
	return slices.Contains([]documents.Outcome{documents.Inserted, documents.Updated, documents.Unchanged}, l.Outcome)
}

// Place is where a page stands among those of its job.
type Place struct {
	Job    string
	Number int64
	First  int64 // accepted records of the pages before it
	At     time.Time
}

// Store writes a page down.
func (p *Page) Store(ctx context.Context, tx bun.Tx, at Place) error {
	_, err := rows.Insert(ctx, tx, "job_pages", []rows.Column{
		{Name: "job", Values: []string{at.Job}},
		{Name: "page", Values: []int64{at.Number}},
		{Name: "at", Values: []int64{at.At.UnixMicro()}},
		{Name: "first_row", Values: []int64{at.First}},
		{Name: "row_count", Values: []int64{p.Accepted}},
		{Name: "received", Values: []int64{p.Received}},
		{Name: "hash", Values: [][]byte{p.sum[:16]}},
		{Name: "seen", Values: [][]byte{p.seen}},
		{Name: "data", Values: [][]byte{p.packed}},
	}, "")
	return wrap("record page", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
