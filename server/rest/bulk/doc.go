// Package bulk takes request bodies of many records, page by page, for whichever
// door they came to: into a DocType, or into a job and the DocType it feeds. It
// reads our own shapes (NDJSON, arrays, object maps, CSV) as well as the webhook
// bodies of other scraping systems.
//
// A body of our own shapes may be of any length: what was committed before it
// broke off stands, and is reported. A body in another system's format is read
// whole, and taken or refused as one.
package bulk
