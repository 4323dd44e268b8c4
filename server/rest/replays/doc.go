// Package replays answers the doors of replays and backfills, /api/replays, with {"data": …}. A run is answered as [replay.Run] is
// encoded, a count as [replay.Preview]. They are for admins, as sending a delivery again is.
package replays
