// Package feed is where a walker's entries come from: the log, or the items of a replay or backfill.
package feed
