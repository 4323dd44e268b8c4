package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dochook/doctype"
	"dochook/doctype/documents"
)

// writes count what is written.
type writes struct {
	events, records, pages *prometheus.CounterVec
	took                   prometheus.Histogram
}

func newWrites() *writes {
	return &writes{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "events_committed_total",
			Help: "Events put into the log by this process; each change of a document is one.",
		}, []string{"event"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "ingest", Name: "records_total",
			Help: "Records of pages that were written, by what became of them.",
		}, []string{"outcome"}),
		pages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "ingest", Name: "pages_total",
			Help: "Pages by result: written, repeated (answered by its Idempotency-Key), failed.",
		}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "ingest", Name: "page_duration_seconds",
			Help:    "How long the writing of a page took, its transaction included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
	}
}

// Describe implements prometheus.Collector.
func (w *writes) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range w.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (w *writes) Collect(ch chan<- prometheus.Metric) {
	for _, c := range w.collectors() {
		c.Collect(ch)
	}
}

func (w *writes) collectors() []prometheus.Collector {
	return []prometheus.Collector{w.events, w.records, w.pages, w.took}
}

// Logged counts events that were committed.
func (m *Metrics) Logged(events []doctype.Event) {
	for i := range events {
		m.writes.events.WithLabelValues(events[i].Event).Inc()
	}
}

// Wrote counts a page and its records.
func (m *Metrics) Wrote(r *documents.PageResult, took time.Duration, err error) {
	w := m.writes
	w.took.Observe(took.Seconds())
	switch {
	case err != nil:
		w.pages.WithLabelValues("failed").Inc()
		return
	case r.Repeated:
		w.pages.WithLabelValues("repeated").Inc()
		return
	}
	w.pages.WithLabelValues("written").Inc()
	for _, n := range []struct {
		outcome string
		records int
	}{
		{"inserted", r.Inserted},
		{"updated", r.Updated},
		{"unchanged", r.Unchanged},
		{"duplicate", r.Duplicates},
		{"trashed", r.Trashed},
		{"rejected", r.Rejected},
	} {
		w.records.WithLabelValues(n.outcome).Add(float64(n.records))
	}
}
