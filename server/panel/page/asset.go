package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"

	"github.com/gin-gonic/gin"

	"dochook/server/web"
)

// asset is a file that pages refer to.
type asset struct {
	body []byte
	kind string // media type
	hash string
}

func (s *Set) addAssets(fsys fs.FS) error {
	files, err := fs.Glob(fsys, "assets/*")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	for _, f := range files {
		body, err := fs.ReadFile(fsys, f)
		if err != nil {
			return fmt.Errorf("page: %w", err)
		}
		sum := sha256.Sum256(body)
		s.assets[path.Base(f)] = asset{body, mediaType(path.Ext(f)), hex.EncodeToString(sum[:8])}
	}
	return nil
}

// mediaType does not depend on what the machine thinks of file names.
func mediaType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

// assetURL is where an asset is, in the version that pages are made for.
func (s *Set) assetURL(name string) (string, error) {
	a, ok := s.assets[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return Path("assets", name) + "?v=" + a.hash, nil
}

// Routes are those of the assets.
func (s *Set) Routes() []Route {
	return []Route{Get(Root+"/assets/:name", web.Public, s.serveAsset)}
}

func (s *Set) serveAsset(c *gin.Context) error {
	name, err := Param(c, "name")
	if err != nil {
		return err
	}
	a, ok := s.assets[name]
	if !ok {
		return web.Errorf("not_found", "", "there is no such file")
	}
	h, tag := c.Writer.Header(), `"`+a.hash+`"`
	h.Set("Etag", tag)
	h.Set("Cache-Control", "no-cache")
	if c.Query("v") == a.hash { // what is under this address never changes
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if web.HasTag(c, tag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Data(http.StatusOK, a.kind, a.body)
	return nil
}
