package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"dochook/server/ingest"
)

// repeated yields a head, a block n times and a tail.
type repeated struct {
	head, block, tail string
	n                 int // blocks to come
	rest              string
	state             int
}

func (r *repeated) Read(p []byte) (int, error) {
	for r.rest == "" {
		switch {
		case r.state == 0:
			r.state, r.rest = 1, r.head
		case r.state == 1 && r.n > 0:
			r.n--
			r.rest = r.block
		case r.state == 1:
			r.state, r.rest = 2, r.tail
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// block is about 1 MiB of records of about 500 bytes, with end behind each.
func block(end string) (text string, records int) {
	var b strings.Builder
	for b.Len() < 1<<20 {
		records++
		b.WriteString(record(records))
		b.WriteString(end)
	}
	return b.String(), records
}

// record is a product of about 500 bytes.
func record(n int) string {
	return fmt.Sprintf(`{"sku":"A-%06d","title":"Mainboard AM5 \"X\" %d","price":%d.90,"currency":"EUR","in_stock":true,`+
		`"rating":null,"url":"https://shop.example/p/%d?ref=list","images":["https://cdn.example/%d/1.jpg","https://cdn.example/%d/2.jpg"],`+
		`"specs":{"socket":"AM5","memory":{"type":"DDR5","slots":4,"max":262144},"ports":[1,2,3,4.5,-1e3]},`+
		`"description":"Ein Mainboard mit viel Platz für Speicher, zwei schnellen Steckplätzen und einem langen Text, der nichts weiter sagt."}`,
		n, n, n%900+100, n, n, n)
}

// A body of 500 MB takes the memory of about one page, in every shape (some
// are read to 160 MiB only, which still is more than the bound).
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads gigabytes")
	}
	const bound = 150 << 20
	full, part := 500, 160
	if underRace { // memory is measured without it
		full, part = 20, 20
	}
	lines, n := block("\n")
	elements, m := block(",\n")
	last := record(0)
	var member strings.Builder
	for i := range n {
		fmt.Fprintf(&member, `"key %d":%s,`, i, record(i))
	}
	tests := []struct {
		name string
		r    io.Reader
		o    ingest.Options
		want int
	}{
		{"ndjson", &repeated{block: lines, n: full}, ingest.Options{}, n * full},
		{"ndjson, gzip", &repeated{block: gzipped(t, lines), n: full}, ingest.Options{}, n * full},
		{"ndjson, zstd", &repeated{block: zstded(t, lines), n: part}, ingest.Options{}, n * part},
		{"array", &repeated{head: "[", block: elements, n: part, tail: last + "]"}, ingest.Options{}, m*part + 1},
		{"wrapper", &repeated{head: `{"d":[`, block: elements, n: part, tail: last + "]}"}, ingest.Options{Records: "d"}, m*part + 1},
		{"map, guessed", &repeated{head: "{", block: member.String(), n: part, tail: `"x":` + last + "}"}, ingest.Options{Key: hasSKU}, n*part + 1},
		{"csv", &repeated{head: "a,b\n", block: strings.Repeat("x,"+strings.Repeat("y", 500)+"\n", 2000), n: part}, ingest.Options{}, 2000 * part},
		{"one line", &repeated{head: `{"a":"`, block: strings.Repeat("x", 1<<20), n: part, tail: "\"}\n{}\n"}, ingest.Options{}, 2},
		{"one element", &repeated{head: `[{"a":"`, block: strings.Repeat("x", 1<<20), n: part, tail: `"},{}]`}, ingest.Options{}, 2},
		{"one row", &repeated{head: "a,b\n1,\"", block: strings.Repeat("\n", 1<<20), n: part, tail: "\"\n1,2\n"}, ingest.Options{}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runtime.GC()
			var peak uint64
			got := 0
			in := ingest.NewReader(tt.r, tt.o)
			for {
				p, err := in.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got += len(p.Records)
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
			if got != tt.want {
				t.Errorf("%d records, want %d", got, tt.want)
			}
			if peak > bound {
				t.Errorf("%d MiB of heap in use, want at most %d", peak>>20, bound>>20)
			}
			t.Logf("peak %d MiB", peak>>20)
		})
	}
}

// Bottomless nesting costs one bit per level.
func TestDepth(t *testing.T) {
	t.Parallel()
	const levels = 10 << 20
	deep := func(open string) io.Reader { return &repeated{block: strings.Repeat(open, 1<<10), n: levels >> 10} }
	for name, r := range map[string]io.Reader{
		"arrays":    deep("["),
		"objects":   deep(`{"a":`),
		"in a line": io.MultiReader(strings.NewReader("{}\n"), deep("[")),
	} {
		got := read(t, r, ingest.Options{Key: hasSKU})
		if got.err == nil || got.err.Code() != "truncated" {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	whole := io.MultiReader(strings.NewReader("["), deep("["), deep("]"), strings.NewReader(",1]"))
	got := read(t, whole, ingest.Options{})
	if got.err != nil || len(got.records) != 2 || got.records[0] != "1||!too_large" || got.records[1] != "2||1" {
		t.Errorf("20 MiB of brackets: %d records, %v", len(got.records), got.err)
	}
	bottomless := &repeated{block: strings.Repeat("[", 1<<20), n: 1 << 10}
	if got = read(t, bottomless, ingest.Options{}); got.err == nil || got.err.Code() != "too_large" {
		t.Errorf("1 Gi levels: %v", got.err)
	}
}
