package outbound

import (
	"context"
	"strings"
)

const headerTraceparent = "Traceparent"

type traceparentKey struct{}

// WithTraceparent returns a ctx whose requests carry a traceparent header (W3C Trace Context, level 1), such as
// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01. It replaces what the webhook says of that header. One that is not
// well formed is left out, and the ctx comes back as it was.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if !isTraceparent(traceparent) {
		return ctx
	}
	return context.WithValue(ctx, traceparentKey{}, traceparent)
}

// isTraceparent knows version 00, the only one there is.
func isTraceparent(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 4 || parts[0] != "00" || len(parts[1]) != 32 || len(parts[2]) != 16 || len(parts[3]) != 2 {
		return false
	}
	for _, part := range parts {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return false
		}
	}
	return strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
}
