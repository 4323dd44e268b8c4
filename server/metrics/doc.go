// Package metrics counts what the service does and says, in the text format of
// Prometheus, how deliveries stand: per webhook, and for the process.
//
// Everything is kept in a registry of its own. What is counted (attempts,
// requests) is counted where it happens, without locks that others wait for; what
// stands in the database is read when somebody scrapes, at most once in a few
// seconds, and no read grows with what waits.
//
// Series are bounded by the number of webhooks: label values are names of
// webhooks, fixed words, and HTTP statuses. Webhooks that jobs bring along come
// and go; they are counted together, under kind "job". The series of a webhook go
// when it is deleted.
package metrics
