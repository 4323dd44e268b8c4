package metrics

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// requests count what the doors answer.
type requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	flying   prometheus.Gauge
}

func newRequests() *requests {
	return &requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "http", Name: "requests_total",
			Help: "Requests answered, by class of route and status; 499 is a client that hung up.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "http", Name: "request_duration_seconds",
			Help:    "How long requests took, the reading of their bodies included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300},
		}, []string{"route"}),
		flying: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: "http", Name: "requests_in_flight",
			Help: "Requests being answered, streams that are followed included.",
		}),
	}
}

// Describe implements prometheus.Collector.
func (r *requests) Describe(ch chan<- *prometheus.Desc) {
	r.total.Describe(ch)
	r.duration.Describe(ch)
	r.flying.Describe(ch)
}

// Collect implements prometheus.Collector.
func (r *requests) Collect(ch chan<- prometheus.Metric) {
	r.total.Collect(ch)
	r.duration.Collect(ch)
	r.flying.Collect(ch)
}

// Requests counts the requests of a router; it is its first handler.
func (m *Metrics) Requests() gin.HandlerFunc {
	r := m.requests
	return func(c *gin.Context) {
		start := time.Now()
		r.flying.Inc()
		defer func() {
			r.flying.Dec()
			route := routeClass(c.Request.Method, c.FullPath())
			r.total.WithLabelValues(route, strconv.Itoa(c.Writer.Status())).Inc()
			r.duration.WithLabelValues(route).Observe(time.Since(start).Seconds())
		}()
		c.Next()
	}
}

// routeClasses are prefixes of paths of routes; the first one that fits counts.
var routeClasses = []struct{ prefix, class string }{
	{"/api/ingest/", "ingest"},
	{"/api/events", "events"},
	{"/api/export/", "export"},
	{"/api/method/", "method"},
	{"/api/", "documents"},
	{"/scrapers", "scrapers"},
	{"/graphql", "graphql"},
	{"/app", "admin"},
	{"/", "service"}, // health, metrics and the like
}

// routeClass names what a route is for: by route there would be some hundred
// series of each status, and paths themselves are the clients' to choose.
func routeClass(method, path string) string {
	if method == http.MethodPost && strings.HasPrefix(path, "/scrapers/jobs/:id/results") {
		return "ingest"
	}
	for _, r := range routeClasses {
		if strings.HasPrefix(path, r.prefix) {
			return r.class
		}
	}
	return "unmatched"
}
