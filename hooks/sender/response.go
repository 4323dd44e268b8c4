package sender

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dochook/hooks/sender/mask"
)

const (
	maxBodyRead    = 64 << 10
	maxBodyKept    = 16 << 10
	maxHeadersKept = 8 << 10
	maxHeaderCount = 64
	maxErrorBytes  = 300
)

// bodyBuffer takes the part of a body that may be kept, and the rest piece by piece.
type bodyBuffer struct {
	kept [maxBodyKept]byte
	rest [8 << 10]byte
}

// receive judges the status, reads the body, and reports whether the connection may be used again.
func (c *Client) receive(a *Attempt, f *flight, resp *http.Response) bool {
	a.Status = resp.StatusCode
	a.judge(resp)
	whole := true
	if resp.StatusCode == http.StatusSwitchingProtocols {
		a.BodyNote = "not read" // whatever it speaks now, it is not HTTP.
		whole = false
	} else if resp.Body != http.NoBody {
		limit := time.Now().Add(bodyTime)
		if f.deadline.Before(limit) {
			limit = f.deadline
		}
		whole = f.conn.SetReadDeadline(limit) == nil && c.readBody(a, resp)
	}
	if a.Reason != ReasonDelivered || len(a.ResponseBody) > 0 || a.BodyNote != "" {
		a.ResponseHeader = keptHeader(resp.Header)
	}
	return whole && !resp.Close && f.conn.r.Buffered() == 0
}

// judge sets reason, error text and Retry-After.
func (a *Attempt) judge(resp *http.Response) {
	status := resp.StatusCode
	if status >= 200 && status <= 299 {
		return
	}
	text := "status " + strconv.Itoa(status)
	if name := http.StatusText(status); name != "" {
		text += " " + name
	}
	if status >= 300 {
		a.RetryAfter = retryAfter(resp.Header, a.At)
	}
	switch {
	case status == http.StatusSwitchingProtocols:
		a.fail(ReasonProtocol, text+": not asked for")
	case status < 200 || status > 599:
		a.fail(ReasonProtocol, text+" is not an HTTP status")
	case status < 400:
		if to := resp.Header.Get("Location"); to != "" {
			text += " to " + redactURL(to)
		}
		a.fail(ReasonRedirect, text+"; redirects are not followed")
	case status == http.StatusGone:
		a.fail(ReasonGone, text)
	case status == http.StatusRequestEntityTooLarge:
		a.fail(ReasonTooLarge, text)
	case status == http.StatusTooManyRequests:
		a.fail(ReasonThrottled, text)
	default:
		a.fail(ReasonStatus, text)
	}
}

// readBody reads to the end of the body, which it reports, or to a limit. It does not close the body: that would read on.
func (c *Client) readBody(a *Attempt, resp *http.Response) (whole bool) {
	buf, _ := c.buffers.Get().(*bodyBuffer)
	defer c.buffers.Put(buf)
	kept, total := 0, 0
	var err error
	for err == nil && total <= maxBodyRead {
		var n int
		if kept < len(buf.kept) {
			n, err = resp.Body.Read(buf.kept[kept:])
			kept += n
		} else {
			n, err = resp.Body.Read(buf.rest[:min(len(buf.rest), maxBodyRead+1-total)])
		}
		total += n
	}
	a.BytesRead = total
	a.keepBody(resp.Header, buf.kept[:kept], total)
	switch {
	case total > maxBodyRead:
		a.Limit = LimitBodyBytes
		a.note("longer than 64 KiB; the rest was not read")
	case errors.Is(err, io.EOF):
		return true
	case isTimeout(err):
		a.Limit = LimitBody
		a.note("cut after " + strconv.Itoa(total) + " bytes: it came too slowly")
	default:
		a.note("broken after " + strconv.Itoa(total) + " bytes")
	}
	return false
}

// keepBody copies what may be shown.
func (a *Attempt) keepBody(h http.Header, body []byte, total int) {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		a.note("not kept: encoded as " + mask.Text(e, 40))
		return
	}
	if total > len(body) {
		a.note("the first " + strconv.Itoa(maxBodyKept) + " bytes")
	}
	body = trimRune(body)
	if !isText(body) {
		a.BodyNote = "not kept: not text"
		return
	}
	a.ResponseBody = bytes.Clone(body)
}

func (a *Attempt) note(text string) {
	if a.BodyNote != "" {
		a.BodyNote += "; "
	}
	a.BodyNote += text
}

// trimRune drops a rune cut in two at the end.
func trimRune(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

// keptHeader returns h itself when there is nothing to hide or to cut.
func keptHeader(h http.Header) http.Header {
	size, count, clean := 0, 0, true
	for name, values := range h {
		if name == "Set-Cookie" || name == "Location" {
			clean = false
		}
		count += len(values)
		for _, v := range values {
			size += len(name) + len(v)
			clean = clean && mask.IsPlain(v)
		}
	}
	if clean && size <= maxHeadersKept && count <= maxHeaderCount {
		return h
	}
	out := make(http.Header, len(h))
	left, count := maxHeadersKept, 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			switch name {
			case "Set-Cookie":
				v = "***"
			case "Location":
				v = redactURL(v)
			}
			left -= len(name)
			count++
			if left <= 0 || count > maxHeaderCount {
				return out
			}
			v = mask.Text(v, left)
			left -= len(v)
			out[name] = append(out[name], v)
		}
	}
	return out
}

// redactURL returns a URL without credentials, query and fragment.
func redactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an unreadable URL"
	}
	u.User = nil
	u.Fragment, u.RawFragment = "", ""
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return mask.Text(u.String(), 200)
}

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): whole seconds, or a date, which counts from the answer's own Date if it has one.
func retryAfter(h http.Header, at time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(n) * time.Second
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		at = date
	}
	return min(max(until.Sub(at), 0), maxRetryAfter)
}
