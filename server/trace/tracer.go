package trace

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"
)

// Options of a Tracer.
type Options struct {
	// Endpoint is the collector's URL, http or https. Without a path it is
	// /v1/traces. Required.
	Endpoint string
	// Ratio is the share of traces that are kept of those that begin here, above 0
	// and at most 1; 0 is all of them, and below 0 none: only what a caller traces
	// is traced. A caller's traceparent decides for its own trace.
	Ratio float64
	// Version is the service's. Default "dev".
	Version string
	// Pass returns a ctx whose requests to webhooks' URLs carry a traceparent.
	// Default: they carry none.
	Pass func(ctx context.Context, traceparent string) context.Context
	// Logger is told when the collector cannot be reached, and when it can again.
	// Default: discarded.
	Logger *slog.Logger
}

// Tracer makes spans. Its methods may be called from any goroutine.
type Tracer struct {
	provider   *sdk.TracerProvider
	tracer     otel.Tracer
	propagator propagation.TraceContext
	exporter   *exporter
	pass       func(ctx context.Context, traceparent string) context.Context
	own        sdk.Sampler     // of traces that begin here
	root       context.Context // of spans that no request leads to; set by Start
}

const (
	stopPatience = 5 * time.Second // for the last spans
	exportTime   = 10 * time.Second
)

// New returns a Tracer; it starts nothing. The error is an *Error.
func New(o Options) (*Tracer, error) {
	endpoint, err := CheckEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var own sdk.Sampler
	switch {
	case o.Ratio > 1:
		return nil, &Error{"the ratio of traces to keep is at most 1"}
	case o.Ratio == 0:
		own = sdk.AlwaysSample()
	case o.Ratio < 0:
		own = sdk.NeverSample()
	default:
		own = sdk.TraceIDRatioBased(o.Ratio)
	}
	t := &Tracer{pass: o.Pass, own: own, provider: sdk.NewTracerProvider(
		sdk.WithIDGenerator(ids{}),
		sdk.WithSampler(sdk.ParentBased(own)),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "dochook"), attribute.String("service.version", cmp.Or(o.Version, "dev")),
		)),
	)}
	t.tracer = t.provider.Tracer("dochook")
	t.exporter = &exporter{Exporter: otlptrace.NewUnstarted(newClient(endpoint)), log: o.Logger, endpoint: endpoint}
	return t, nil
}

// Start begins to send spans. Call it once, before requests come; Stop ends it.
func (t *Tracer) Start(ctx context.Context) error {
	t.root = context.WithoutCancel(ctx)
	if err := t.exporter.Start(ctx); err != nil {
		return err
	}
	t.provider.RegisterSpanProcessor(sdk.NewBatchSpanProcessor(t.exporter, sdk.WithExportTimeout(exportTime)))
	return nil
}

// Stop sends what is left, as far as the collector takes it at once.
func (t *Tracer) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil // spans that cannot be sent do not make a bad end
}
