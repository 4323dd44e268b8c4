// Package queue is what waits in a walker: the window of what was read and is not settled, and chains of what waits for its turn
// behind a failure.
package queue
