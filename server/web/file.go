package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// PagePolicy lets a page without scripts have our stylesheets and nothing else.
const PagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// File is an answer that stays the same until the program is another.
type File struct {
	kind, etag string
	text       []byte
}

// NewFile returns a File of a media type.
func NewFile(kind string, text []byte) File {
	sum := sha256.Sum256(text)
	return File{kind, `"` + hex.EncodeToString(sum[:16]) + `"`, text}
}

// Send answers GET or HEAD with the file, or with 304 if the client has it.
func (f *File) Send(c *gin.Context) error {
	c.Header("Cache-Control", "no-cache") // to be asked for each time, which costs little
	c.Header("ETag", f.etag)
	if HasTag(c, f.etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	c.Header("Content-Type", f.kind)
	c.Header("Content-Length", strconv.Itoa(len(f.text)))
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return nil
	}
	if _, err := c.Writer.Write(f.text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// HasTag reports whether the client has what an ETag stands for, by If-None-Match (RFC 9110, 13.1.2).
func HasTag(c *gin.Context, etag string) bool {
	for one := range strings.SplitSeq(c.GetHeader("If-None-Match"), ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == etag || one == "*" {
			return true
		}
	}
	return false
}
