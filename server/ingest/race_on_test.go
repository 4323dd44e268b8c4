//go:build race

package ingest_test

// underRace is true where the race detector makes everything ten times slower.
const underRace = true
