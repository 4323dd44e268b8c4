package bulk

import (
	"context"
	"net/url"

	"github.com/gin-gonic/gin"
)

// Summary is what became of the records of a body, also where it broke off.
type Summary = summary

// Store is [Intake.Take] for a door that answers by itself: it reads the body and
// the headers of c's request and writes no answer. Beside an error stands what was
// committed before it. results=lines means nothing here.
func (in *Intake) Store(ctx context.Context, c *gin.Context, t Target, v url.Values) (*Summary, error) {
	r, err := in.begin(ctx, c, t, v)
	defer func() { r.release() }()
	if err != nil {
		return &r.sum, err
	}
	return &r.sum, r.write(ctx, c)
}
