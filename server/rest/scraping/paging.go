package scraping

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype/record"
	"dochook/server/rest/request"
)

const (
	maxPerPage = 100
	maxStart   = 1 << 40 // far behind any end, and far from overflowing
)

// paging is which page a list was asked for, from 1.
type paging struct{ page, limit int64 }

// readPaging reads page and limit; a page is 100 rows unless limit says less.
func readPaging(v url.Values) (p paging, err error) {
	if p.page, err = request.Number(v, "page", 1, 1, maxStart/maxPerPage); err != nil {
		return p, err
	}
	p.limit, err = request.Number(v, "limit", maxPerPage, 1, maxPerPage)
	return p, err
}

// start is how many rows lie before the page.
func (p paging) start() int64 { return (p.page - 1) * p.limit }

// answer is {meta, data}, meta being {total, perPage, currentPage, lastPage,
// firstPage, firstPageUrl, lastPageUrl, nextPageUrl, previousPageUrl}; the last
// two are null where there is no such page.
func (p paging) answer(c *gin.Context, base string, total int64, items [][]byte) []byte {
	last := max((total+p.limit-1)/p.limit, 1)
	path := base + strings.TrimSuffix(c.Request.URL.EscapedPath(), "/")
	at := func(page int64) []byte {
		return record.AppendQuote(nil, path+"?page="+strconv.FormatInt(page, 10)+"&limit="+strconv.FormatInt(p.limit, 10))
	}
	next, previous := []byte("null"), []byte("null")
	if p.page < last {
		next = at(p.page + 1)
	}
	if p.page > 1 {
		previous = at(min(p.page-1, last))
	}
	var meta record.Writer
	for _, n := range []struct {
		name  string
		value int64
	}{{"total", total}, {"perPage", p.limit}, {"currentPage", p.page}, {"lastPage", last}, {"firstPage", 1}} {
		meta.Raw(n.name, strconv.AppendInt(nil, n.value, 10))
	}
	meta.Raw("firstPageUrl", at(1))
	meta.Raw("lastPageUrl", at(last))
	meta.Raw("nextPageUrl", next)
	meta.Raw("previousPageUrl", previous)
	var w record.Writer
	w.Raw("meta", meta.Bytes())
	w.Raw("data", array(items))
	return w.Bytes()
}
