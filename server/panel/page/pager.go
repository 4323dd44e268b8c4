package page

import (
	"maps"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"
)

// Pager says which piece of a list is shown. It keeps the other parameters of
// the address.
type Pager struct {
	Number int // from 1
	Size   int // rows on a page
	Shown  int // rows on this page; set by the handler
	// Total is how many rows there are; below 0 it is not known, and More says
	// whether there are further ones.
	Total int64
	More  bool

	path  string
	query url.Values
}

const maxPage = 100_000

// NewPager reads the parameter "page" of a request; what is no number is 1.
func NewPager(c *gin.Context, size int) *Pager {
	n, err := strconv.Atoi(c.Query("page"))
	if err != nil || n < 1 || n > maxPage {
		n = 1
	}
	return &Pager{Number: n, Size: size, Total: -1, path: c.Request.URL.EscapedPath(), query: c.Request.URL.Query()}
}

// Offset is how many rows come before this page.
func (p *Pager) Offset() int { return (p.Number - 1) * p.Size }

// First and Last are the numbers of the rows shown.
func (p *Pager) First() int {
	if p.Shown == 0 {
		return 0
	}
	return p.Offset() + 1
}

// Last is the number of the last row shown.
func (p *Pager) Last() int { return p.Offset() + p.Shown }

// Previous is the address of the page before, or "".
func (p *Pager) Previous() string {
	if p.Number <= 1 {
		return ""
	}
	return p.at(p.Number - 1)
}

// Next is the address of the page after, or "".
func (p *Pager) Next() string {
	if p.Total >= 0 && int64(p.Last()) < p.Total && p.Shown > 0 || p.Total < 0 && p.More {
		return p.at(p.Number + 1)
	}
	return ""
}

func (p *Pager) at(n int) string {
	v := maps.Clone(p.query)
	v.Set("page", strconv.Itoa(n))
	if n == 1 {
		v.Del("page")
	}
	if len(v) == 0 {
		return p.path
	}
	return p.path + "?" + v.Encode()
}
