package body_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"dochook/server/ingest/body"
)

func gzipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func zstded(tb testing.TB, text string) string {
	tb.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

// text reads a body to its end.
func text(packed, encoding string) (string, *body.Error) {
	w, err := body.Open(strings.NewReader(packed), encoding, 10)
	if err != nil {
		return "", err
	}
	defer w.Close()
	for w.Fill() {
	}
	return string(w.Bytes()), w.Ended()
}

func TestOpen(t *testing.T) {
	t.Parallel()
	plain := strings.Repeat(`{"a":1}`, 10_000)
	skippable := "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
	packed := map[string]string{
		"plain": plain, "gzip": gzipped(t, plain), "zstd": zstded(t, plain),
		"two members": gzipped(t, plain[:100]) + gzipped(t, plain[100:]),
		"two frames":  zstded(t, plain[:100]) + skippable + zstded(t, plain[100:]),
		"skippable":   skippable + zstded(t, plain),
		"twice gzip":  gzipped(t, gzipped(t, plain)), "twice zstd": zstded(t, zstded(t, plain)),
		"zstd in gzip": gzipped(t, zstded(t, plain)),
	}
	for name, data := range packed {
		// Bodies are not what their header says.
		for _, encoding := range []string{"", "identity", "gzip", " X-GZIP", "zstd, gzip"} {
			if got, err := text(data, encoding); err != nil || got != plain {
				t.Errorf("%s as %q: %d bytes, %v", name, encoding, len(got), err)
			}
		}
	}
	if got, err := text("", ""); got != "" || err != nil {
		t.Errorf("nothing: %q, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, packed, encoding string
		code, message          string
	}{
		{"unknown encoding", "{}", "gzip, br", body.Unsupported, "Content-Encoding"},
		{"zip", "PK\x03\x04\x00", "", body.Unsupported, "zip"},
		{"xz", "\xfd7zXZ\x00", "", body.Unsupported, "xz"},
		{"UTF-16", "\xff\xfe{\x00", "", body.Unsupported, "UTF-16"},
		{"UTF-16 in zstd", zstded(t, "\x00{\x00}"), "", body.Unsupported, "UTF-16"},
		{"gzip three times", gzipped(t, gzipped(t, gzipped(t, "{}"))), "", body.Unsupported, "more than twice"},
		{"zstd three times", zstded(t, zstded(t, zstded(t, "{}"))), "", body.Unsupported, "more than twice"},
		{"no gzip behind its first bytes", "\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff\xff", "", body.NotJSON, "corrupt"},
		// A frame with a window of 128 MiB and one raw block.
		{"large zstd window", "\x28\xb5\x2f\xfd\x00\x88\x19\x00\x00{}\n", "", body.TooLarge, "64 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := text(tt.packed, tt.encoding)
			if err == nil {
				t.Fatalf("%q", got)
			}
			if err.Code() != tt.code || !strings.Contains(err.Message, tt.message) {
				t.Errorf("%s: %v; want %s: %q", err.Code(), err, tt.code, tt.message)
			}
		})
	}
}

// Cut off anywhere, compressed data is an error, even where what it holds looks
// whole.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	const plain = "{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n{\"a\":3}\n"
	for name, data := range map[string]string{"gzip": gzipped(t, plain), "zstd": zstded(t, plain), "both": gzipped(t, zstded(t, plain))} {
		for n := 4; n < len(data); n++ {
			if got, err := text(data[:n], ""); err == nil || err.Code() != body.Truncated {
				t.Errorf("%s cut at %d of %d: %q, %v", name, n, len(data), got, err)
			}
		}
		broken := []byte(data)
		broken[len(broken)-3] ^= 0x55 // the checksum, or the length behind it
		if got, err := text(string(broken), ""); err == nil || err.Code() != body.NotJSON {
			t.Errorf("%s with a wrong checksum: %q, %v", name, got, err)
		}
	}
}
