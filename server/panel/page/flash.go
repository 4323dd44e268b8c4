package page

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Flash is one line about what an action did, shown once on the next page. It
// travels in a cookie, so it must not hold a secret.
type Flash struct {
	Tone string `json:"tone"` // good, warn, bad or info
	Text string `json:"text"`
}

// Done is a Flash about something that worked.
func Done(text string) *Flash { return &Flash{"good", text} }

// Warn is a Flash about something that somebody should know.
func Warn(text string) *Flash { return &Flash{"warn", text} }

const (
	flashCookie = "dochook_flash"
	flashTime   = 60  // seconds
	flashText   = 600 // runes
)

func setFlash(c *gin.Context, f *Flash) {
	text := []rune(f.Text)
	if len(text) > flashText {
		text = append(text[:flashText], '…')
	}
	raw, err := json.Marshal(Flash{f.Tone, string(text)})
	if err != nil { // two strings
		return
	}
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // it says what everybody may know
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString(raw), Path: Root, MaxAge: flashTime, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// takeFlash reads the flash and makes the browser forget it.
func takeFlash(c *gin.Context) *Flash {
	cookie, err := c.Request.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(c.Writer, &http.Cookie{Name: flashCookie, Path: Root, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // it is taken away
	raw, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return nil
	}
	var f Flash
	if json.Unmarshal(raw, &f) != nil || f.Text == "" {
		return nil
	}
	switch f.Tone {
	case "good", "warn", "bad":
	default:
		f.Tone = "info"
	}
	return &f
}
