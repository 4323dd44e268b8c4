package graph

import (
	"context"
	"sync"
	"sync/atomic"

	"dochook/server/web"
)

// maxFields is how many fields the lists of one answer may have together: of forty thousand webhooks in a usual query.
const maxFields = 500_000

// call is one request while it is executed.
type call struct {
	readOnly bool // GET changes nothing
	words    int  // no object of the answer has more fields
	fields   atomic.Int64
	changes  atomic.Bool // it would have changed something, but may only read

	read sync.Once
	all  *[]*webhook
	err  error
}

type callKey struct{}

// newCall returns the call of an operation, and the ctx for its resolvers.
func newCall(ctx context.Context, q operation, readOnly bool) (context.Context, *call) {
	c := &call{readOnly: readOnly, words: min(wordsOf(q.text), maxSelections)}
	return context.WithValue(ctx, callKey{}, c), c
}

// callOf is the call that ctx, a resolver's, belongs to.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// wordsOf counts the names in a query, and what looks like one in its texts. An object of the answer has a field for
// each of them at most.
func wordsOf(text string) int {
	n, inside := 0, false
	for i := range len(text) {
		c := text[i]
		is := c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if is && !inside {
			n++
		}
		inside = is
	}
	return n
}

// list reads all webhooks once, under however many aliases they are asked for. Code too_large when that makes the
// answer so.
func (c *call) list(read func() ([]*webhook, error)) (*[]*webhook, error) {
	c.read.Do(func() {
		all, err := read()
		c.all, c.err = &all, err
	})
	if c.err != nil {
		return nil, c.err
	}
	if c.fields.Add(int64(len(*c.all)*c.words)) > maxFields {
		return nil, web.Errorf("too_large", "", "there are %d webhooks: ask for fewer of their fields at once", len(*c.all))
	}
	return c.all, nil
}

var errReadOnly = web.Errorf("method_not_allowed", "", "GET only reads: send mutations with POST")

// mayChange refuses what GET may not do.
func (c *call) mayChange() error {
	if !c.readOnly {
		return nil
	}
	c.changes.Store(true)
	return errReadOnly
}
