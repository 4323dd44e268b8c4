package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// CheckEndpoint returns the URL that spans are sent to. The error is an *Error
// that does not quote what was given, which may hold a password.
func CheckEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", &Error{"the endpoint of traces is no http or https URL, such as http://localhost:4318"}
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", &Error{"the endpoint of traces has no user, query or fragment"}
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// exporter logs that spans were lost, once, where the SDK would write each time to
// standard error.
type exporter struct {
	*otlptrace.Exporter

	log      *slog.Logger
	endpoint string
	failing  atomic.Bool
}

// ExportSpans implements sdk.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.Exporter.ExportSpans(ctx, spans)
	if err != nil && e.failing.CompareAndSwap(false, true) {
		e.log.Warn("cannot send traces", "endpoint", e.endpoint, "error", err)
	}
	if err == nil && e.failing.CompareAndSwap(true, false) {
		e.log.Info("traces are sent again", "endpoint", e.endpoint)
	}
	return nil
}

var _ sdk.SpanExporter = (*exporter)(nil)

// client posts spans. The ready-made one for HTTP brings all of gRPC along, which
// makes the program half as large again.
type client struct {
	endpoint string
	http     *http.Client
}

const (
	tries      = 3
	firstPause = time.Second / 2 // between tries, doubled each time
	answerMost = 64 << 10        // bytes of an answer that are read, to use the connection again
)

func newClient(endpoint string) *client {
	return &client{endpoint, &http.Client{
		Transport: &http.Transport{
			MaxIdleConns: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Start implements otlptrace.Client.
func (*client) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. TracesData is on the wire what the
// collector's request is.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	pause := firstPause
	for try := 1; ; try++ {
		again, err := c.post(ctx, body)
		if err == nil || !again || try == tries {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
		pause *= 2
	}
}

// post sends the body once; again tells whether it may be sent again.
func (c *client) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "dochook")
	res, err := c.http.Do(req)
	if err != nil {
		return true, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, answerMost) // only for the connection's sake
	if res.StatusCode/100 == 2 {
		return false, nil
	}
	switch res.StatusCode { // those the protocol calls retryable
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("the collector answered %s", res.Status)
}
