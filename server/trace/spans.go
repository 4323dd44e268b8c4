package trace

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	otel "go.opentelemetry.io/otel/trace"

	"dochook/hooks/courier/walk"
)

// silent are routes that only machines ask, every few seconds.
var silent = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// Requests makes a span of each request of a router; it stands before what
// answers. The ctx of the request carries the span, and for what is sent on, its
// traceparent.
func (t *Tracer) Requests() gin.HandlerFunc {
	return func(c *gin.Context) {
		route := c.FullPath()
		if silent[strings.TrimSuffix(route, "/")] {
			return
		}
		name, attrs := "HTTP", make([]attribute.KeyValue, 0, 4)
		if route != "" { // then the method is one of ours, too
			name = c.Request.Method + " " + route
			attrs = append(attrs, attribute.String("http.request.method", c.Request.Method), attribute.String("http.route", route))
		}
		ctx := t.propagator.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
		ctx, span := t.tracer.Start(ctx, name, otel.WithSpanKind(otel.SpanKindServer), otel.WithAttributes(attrs...))
		defer span.End()
		if t.pass != nil {
			ctx = t.pass(ctx, t.traceparent(ctx))
		}
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		status := c.Writer.Status()
		span.SetAttributes(
			attribute.Int("http.response.status_code", status),
			attribute.String("dochook.request_id", c.Writer.Header().Get("X-Request-Id")),
		)
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
}

// traceparent is the header of the span that ctx carries.
func (t *Tracer) traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	t.propagator.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Page makes a span of a page that is being written. The ctx carries it; end is
// told what became of the page.
func (t *Tracer) Page(ctx context.Context, docType string) (inner context.Context, end func(received int, err error)) {
	ctx, span := t.tracer.Start(ctx, "page", otel.WithAttributes(attribute.String("dochook.doctype", docType)))
	return ctx, func(received int, err error) {
		defer span.End()
		span.SetAttributes(attribute.Int("dochook.records", received))
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
	}
}

const attemptName = "attempt"

// Attempted makes a span of an attempt that is over. It implements [walk.Watcher].
func (t *Tracer) Attempted(s walk.Seen) {
	if t.root == nil {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(t.as(s.Traceparent), attemptName, otel.WithNewRoot(), otel.WithSpanKind(otel.SpanKindClient), otel.WithTimestamp(end.Add(-s.Took)))
	defer span.End(otel.WithTimestamp(end))
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("dochook.walker", s.Walker), attribute.String("dochook.status", s.Status), attribute.String("dochook.class", s.Class),
	)
	if s.HTTP != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", s.HTTP))
	}
	if s.Class != "delivered" && s.Class != "none" {
		span.SetAttributes(attribute.String("error.type", cmp.Or(s.Reason, s.Class)))
		span.SetStatus(codes.Error, s.Reason)
	}
}

// Handler is h that adds trace_id and span_id to what is logged with the ctx of a
// span.
func Handler(h slog.Handler) slog.Handler { return &handler{h} }

type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if sc := otel.SpanContextFromContext(ctx); sc.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.Handler.WithGroup(name)} }
