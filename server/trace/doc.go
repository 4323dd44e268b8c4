// Package trace tells an OpenTelemetry collector what the service spends its time
// on: a span for every request that is answered, for every page that is written,
// and for every attempt at a delivery.
//
// Contexts of other services come and go as W3C Trace Context
// (https://www.w3.org/TR/trace-context/): a traceparent header of a request
// becomes the parent of its span, and what is sent to a webhook's URL while a
// request is answered (a test, a resend) carries one of its own. An event of the
// log does not keep the trace of the request that wrote it, so the attempts of
// walkers begin traces of their own, and say so in their traceparent.
//
// Spans leave as OTLP over HTTP in protobuf (https://opentelemetry.io/docs/specs/otlp/),
// in batches and in the background. A collector that is away costs spans, never a
// request: what does not fit the queue is dropped. Spans hold names of routes,
// webhooks and fixed words, and neither paths, queries, headers nor bodies.
package trace
