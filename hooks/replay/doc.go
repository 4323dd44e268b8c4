// Package replay sends again: a replay, events that a webhook was told of before, or would have been; a backfill, all live documents
// of a DocType as if they had just been inserted.
//
// A run is a list of items that is made once, when it starts. It is walked by a courier of its own, with a cursor of its own, beside the
// live one: in the same order, with the same retries, and without delaying what happens meanwhile. What became of its items are
// deliveries like all others, with ids of their own for each run.
//
// Items of a replay are events of the log, sent as they were. Items of a backfill are documents, sent as they are when it is their turn;
// one that was trashed by then is passed over.
package replay
