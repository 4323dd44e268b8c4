package body

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	rawBuffer = 16 << 10
	// maxDecoderMemory bounds the window a zstd frame may ask for; RFC 8878
	// recommends to support 8 MiB, the tool's highest levels use 64 MiB
	// without being asked for more.
	maxDecoderMemory = 64 << 20
	// A file that was compressed and then sent compressed is fine, an onion
	// is not.
	maxLayers = 2
)

// brokenRead marks an error of the reader itself, so that it is not taken for
// one of the decompressor in front of it.
type brokenRead struct{ err error }

func (b *brokenRead) Error() string { return b.err.Error() }
func (b *brokenRead) Unwrap() error { return b.err }

// marked is the caller's reader with its errors marked as brokenRead.
type marked struct{ r io.Reader }

func (m marked) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !isEnd(err) {
		err = &brokenRead{err}
	}
	return n, err
}

// outer is an outer layer of compression with its errors wrapped: the zstd
// decoder takes a bare io.ErrUnexpectedEOF between two frames for a clean end.
type outer struct{ r io.Reader }

func (o outer) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	if err != nil && !isEnd(err) {
		err = fmt.Errorf("outer layer: %w", err)
	}
	return n, err
}

// The first bytes of what a body may be packed in.
var (
	magicGzip      = []byte{0x1f, 0x8b}
	magicZstd      = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicSkippable = []byte{0x2a, 0x4d, 0x18} // from the second byte on, the first is 0x5?

	unsupported = []struct {
		magic []byte
		what  string
	}{
		{[]byte("PK\x03\x04"), "a zip archive"},
		{[]byte("\xfd7zXZ\x00"), "xz"},
		{[]byte("\xff\xfe"), "UTF-16"},
		{[]byte("\xfe\xff"), "UTF-16"},
		{[]byte("{\x00"), "UTF-16"},
		{[]byte("[\x00"), "UTF-16"},
		{[]byte("\x00{"), "UTF-16"},
		{[]byte("\x00["), "UTF-16"},
	}
)

// known refuses a Content-Encoding of which a layer is none of ours.
func known(encoding string) *Error {
	for name := range strings.SplitSeq(encoding, ",") {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "", "identity", "gzip", "x-gzip", "zstd":
		default:
			return &Error{code: Unsupported, Message: "unknown Content-Encoding: send gzip, zstd or plain text"}
		}
	}
	return nil
}

// unpack returns the decompressed text of r and what gives the memory for that
// back.
func unpack(r io.Reader) (text io.Reader, release func(), fault *Error) {
	release = func() {}
	defer func() {
		if fault != nil {
			release()
		}
	}()
	var src io.Reader = marked{r}
	for layer := 0; ; layer++ {
		b := bufio.NewReaderSize(src, rawBuffer)
		head, err := b.Peek(6)
		if err != nil && !isEnd(err) {
			return nil, release, readError(err, 0)
		}
		gz, zst := bytes.HasPrefix(head, magicGzip), isZstd(head)
		switch {
		case !gz && !zst:
			return b, release, plainText(head)
		case layer == maxLayers:
			return nil, release, &Error{code: Unsupported, Message: "the body is compressed more than twice"}
		case gz:
			z, err := gzip.NewReader(b)
			if err != nil {
				return nil, release, openError(err)
			}
			src = outer{z}
		default:
			z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxMemory(maxDecoderMemory), zstd.WithDecoderMaxWindow(maxDecoderMemory))
			if err != nil {
				return nil, release, openError(err)
			}
			inner := release
			release = func() { z.Close(); inner() }
			src = outer{z}
		}
	}
}

// openError is readError for the header of the compressed data, within which
// any end is too early.
func openError(err error) *Error {
	if isEnd(err) {
		err = io.ErrUnexpectedEOF
	}
	return readError(err, 0)
}

func isZstd(head []byte) bool {
	return bytes.HasPrefix(head, magicZstd) ||
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], magicSkippable)
}

// plainText refuses what is known not to be text in UTF-8, by its name.
func plainText(head []byte) *Error {
	for _, u := range unsupported {
		if bytes.HasPrefix(head, u.magic) {
			return &Error{code: Unsupported, Message: "the body is " + u.what + ": send UTF-8 text, plain or as gzip or zstd"}
		}
	}
	return nil
}

// isEnd reports whether a reader's error is the clean end of its data. An
// io.EOF wrapped in something is not.
func isEnd(err error) bool {
	return err == io.EOF //nolint:errorlint // See above.
}

// readError says what an error of the reader or the decompressor means.
func readError(err error, at int64) *Error {
	e := &Error{code: NotJSON, Offset: at, Message: "the compressed body is corrupt", cause: err}
	_, broken := errors.AsType[*brokenRead](err)
	switch {
	case broken || errors.Is(err, io.ErrNoProgress):
		e.code, e.Message = Truncated, "the body could not be read to its end"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.code, e.Message = Truncated, "the body ends before its compressed data does"
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		e.code = TooLarge
		e.Message = fmt.Sprintf("the zstd data needs a window of more than %d MiB", maxDecoderMemory>>20)
	}
	if errors.Is(err, io.EOF) {
		e.cause = nil // an end of the file must not pass for the end of the records
	}
	return e
}
