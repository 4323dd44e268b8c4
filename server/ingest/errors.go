package ingest

import "dochook/server/ingest/body"

// Error is a fault of a body or of one of its records: Offset is the byte,
// counted from 0 in the decompressed body, at which it was seen; Line is as in
// [Record].Line, or 0 where the fault belongs to no record; Message is in words
// that are safe to show to a client.
//
// Its Code is "truncated" (the body ends early), "not_json", "unsupported" (an
// encoding), "too_large" (a record, or a body made to exhaust memory) or
// "invalid" (readable, but not what was asked for).
type Error = body.Error
