// Package ingest turns one request body, whatever its shape, into pages of
// records and needs no more memory for it than about one page.
//
// A body is newline-delimited JSON, a JSON array, one JSON object, a JSON
// object whose members are the records (an object map) or CSV with a header
// line (RFC 4180); plain, gzip (RFC 1952) or zstd (RFC 8878). Which one it is
// is read off its content, the headers of the request are hints only.
//
// The package splits; it does not judge. A record comes out as the exact bytes
// it was sent as (JSON per RFC 8259: key order, spelling of numbers, escapes),
// even where it holds duplicate names, control characters, invalid UTF-8 or
// bottomless nesting: refusing these is the caller's business, for it must
// check the record alone.
//
// Two kinds of faults are kept apart. A fault of one record, where the place
// the next one begins is beyond doubt (a broken line, a CSV row with too many
// cells, a record above the size limit), is reported in [Record].Err and
// everything else goes on. Any other fault ends the stream with an [*Error],
// and the records of the unfinished page are not handed out.
package ingest
