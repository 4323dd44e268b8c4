// Package foreign reads the webhook bodies of other scraping systems as they
// send them, and says what each of them means for our documents and jobs.
//
// There are three formats, each one JSON object (RFC 8259) in UTF-8:
//
//   - "rows", a page of a table. Cells stand under the ids of columns, which
//     stay when a column is renamed:
//     {"recipeName", "tableName", "fields": [{"id", "name"}], "rows": [{id: value}]}
//   - "job", an event of a scrape run; records come with the event of scraped
//     data only: {"event", "jobId", "jobStatus", "timestamp", "data": [record]}
//   - "changes", what a run added, updated and removed:
//     {"timestamp", "jobID", "products": [{"event", "productData", "changedFields"}]}
//
// Members that are not named here are ignored. The package is a pure function
// of the text: it takes nothing off (see package body for gzip and zstd), stores
// nothing, and knows no document.
//
// Two kinds of faults are kept apart. What makes a single record unusable is
// reported in [Record].Err and the others go on. What leaves in doubt what the
// body says (it is not JSON, ends early, or a member we need is absent or of
// another type) is an [*Error] of the whole body, and nothing of it is handed
// out.
package foreign
