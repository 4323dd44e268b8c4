// Package again holds the verbs that send again: replay, backfill and replays. They work on a running service, over HTTP, or on a
// database, where what they begin is sent by the services that share it.
package again
