package trace

import (
	"context"
	"crypto/rand"
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"
)

// ids makes the ids of spans, or takes those that an attempt was sent with: its
// span is made when it is over.
type ids struct{}

type givenKey struct{}

// NewIDs implements sdk.IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace otel.TraceID, span otel.SpanID) {
	if given, ok := ctx.Value(givenKey{}).(otel.SpanContext); ok {
		return given.TraceID(), given.SpanID()
	}
	_, _ = rand.Read(trace[:]) // cannot fail
	_, _ = rand.Read(span[:])
	return trace, span
}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(context.Context, otel.TraceID) (span otel.SpanID) {
	_, _ = rand.Read(span[:]) // cannot fail
	return span
}

// Traceparent makes the header of an attempt: of a trace of its own, of which
// Attempted tells afterwards.
func (t *Tracer) Traceparent() string {
	trace, span := ids{}.NewIDs(t.root)
	flags := otel.TraceFlags(0)
	if t.own.ShouldSample(sdk.SamplingParameters{ParentContext: t.root, TraceID: trace, Name: attemptName}).Decision == sdk.RecordAndSample {
		flags = otel.FlagsSampled
	}
	return fmt.Sprintf("00-%s-%s-%s", trace, span, flags)
}

// as is a ctx whose next root span has the ids of a traceparent.
func (t *Tracer) as(traceparent string) context.Context {
	if traceparent == "" {
		return t.root
	}
	given := otel.SpanContextFromContext(t.propagator.Extract(t.root, propagation.MapCarrier{"traceparent": traceparent}))
	if !given.IsValid() {
		return t.root
	}
	return context.WithValue(t.root, givenKey{}, given)
}
