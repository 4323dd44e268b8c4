package openapitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// checked is how much of a body is looked at.
const checked = 1 << 20

// Around returns what wraps a handler so that every exchange with it is checked. The server has to be closed before the test ends.
func Around(tb testing.TB) func(http.Handler) http.Handler {
	tb.Helper()
	d, err := own()
	if err != nil {
		tb.Fatal(err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e := &Exchange{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header.Clone()}
			seen := &bodyReader{ReadCloser: r.Body}
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = seen
			}
			writer := &answerWriter{ResponseWriter: w, status: http.StatusOK}
			gone := r.Context()
			next.ServeHTTP(writer, r)
			if gone.Err() != nil {
				return
			}
			e.Body, e.BodyCut = seen.text.Bytes(), seen.cut
			e.Status, e.AnswerHeader, e.Answer, e.AnswerCut = writer.status, writer.Header(), writer.text.Bytes(), writer.cut
			if wrong := d.Check(e); len(wrong) > 0 {
				tb.Errorf("not as described: %s %s?%.300s → %d\n\t%s", e.Method, e.Path, e.Query, e.Status, strings.Join(wrong, "\n\t"))
			}
		})
	}
}

// Sent checks a request that a webhook sent, which has had these formats.
func Sent(tb testing.TB, formats []string, header http.Header, body []byte) {
	tb.Helper()
	d, err := own()
	if err != nil {
		tb.Fatal(err)
	}
	var wrong []string
	for _, format := range formats {
		one := d.CheckSent(format, header, body)
		if len(one) == 0 {
			return
		}
		wrong = append(wrong, prefixed("format "+format, one)...)
	}
	tb.Errorf("not as described: a request of a webhook\n\t%s", strings.Join(wrong, "\n\t"))
}

// keeper keeps the beginning of a text.
type keeper struct {
	text bytes.Buffer
	cut  bool
}

func (k *keeper) keep(p []byte) {
	room := checked - k.text.Len()
	if len(p) > room {
		p, k.cut = p[:room], true
	}
	k.text.Write(p)
}

// bodyReader keeps what is read of a body.
type bodyReader struct {
	io.ReadCloser
	keeper
}

// Read reads on.
func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.keep(p[:n])
	return n, err
}

// answerWriter keeps what is answered.
type answerWriter struct {
	http.ResponseWriter
	keeper

	status int
}

// WriteHeader keeps the status.
func (w *answerWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps the text.
func (w *answerWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.keep(p[:n])
	return n, err
}

// Flush is for streams.
func (w *answerWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
