// Package format makes the bodies of the formats rows, job and changes out of raw records. It promises that the same
// input makes the same bytes, that the bytes are valid JSON without white space of its own, and that every value stands
// in the body exactly as it stands in its record: 2500.0, 9007199254740993, the order of members, escapes. It knows no
// clock, no network and no database: times come in as text.
//
// Records must be valid JSON objects in UTF-8 in which no name comes twice; they are not checked again. A member's name
// is compared by what it means, not by how it is escaped. White space around a record is left out, white space inside it
// is kept.
//
// # rows
//
// [Rows] is the body of a table: fields say what the columns are called, rows hold the values under the fields' ids.
// An id outlives the name of its field, so receivers go by ids:
//
//	{"recipeName":"@official/shopbop-products","tableName":"T391",
//	 "fields":[{"id":"cb3a5adda","name":"title"}],
//	 "rows":[{"cb3a5adda":"Lili Jeans"}]}
//
// [Columns] gives ids to the fields that have none yet. Whoever sends rows keeps its result and hands it in as known the
// next time.
//
// # job
//
// [Job] is the body of an event in the life of a job; data stands in it only when the event carries records:
//
//	{"event":"scraper.data.scraped","jobId":"42","jobStatus":"in_progress","timestamp":"2026-01-02T03:04:05Z","data":[{"sku":1}]}
//
// # changes
//
// [Changes] is the body that says what became of the products of a job. changedFields stands only in an UPDATED entry,
// and from or to is left out where the field was absent:
//
//	{"timestamp":"2024-07-31T12:34:56Z","jobID":"644","products":[
//	 {"event":"UPDATED","productData":{"id":"p1","price":120.99},"changedFields":[{"name":"price","from":199.99,"to":120.99}]},
//	 {"event":"REMOVED","productData":{"id":"p2","price":299.99}}]}
//
// # Parts
//
// A body with too many records or bytes for its receiver is sent in parts; [Cut] says where they end.
package format
