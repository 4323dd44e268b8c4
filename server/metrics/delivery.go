package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
)

// Kinds of what walks the log.
const (
	kindWebhook    = "webhook"
	kindJob        = "job" // webhooks that jobs brought along, all together
	kindSubscriber = "subscriber"
	kindReplay     = "replay"
	kindOther      = "other"
)

// target is what the series of deliveries are told apart by.
type target struct{ kind, webhook string }

// targetOf is the target of a walker. Only names that somebody chose are labels:
// those of jobs' webhooks and of replays are made by the dozen.
func targetOf(walker string) target {
	if _, webhook, ok := ledger.Run(walker); ok {
		if broughtAlong(webhook) {
			webhook = ""
		}
		return target{kindReplay, webhook}
	}
	kind, name, _ := strings.Cut(walker, ":")
	switch {
	case kind == kindWebhook && broughtAlong(name):
		return target{kind: kindJob}
	case kind == kindWebhook, kind == kindSubscriber:
		return target{kind, name}
	}
	return target{kind: kindOther}
}

// broughtAlong tells the name that the webhook of a job is given, job- and the job's id.
func broughtAlong(webhook string) bool {
	id, ok := strings.CutPrefix(webhook, "job-")
	return ok && len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-' // a UUID
}

// deliveries count attempts.
type deliveries struct {
	attempts, finished, failures *prometheus.CounterVec
	took, since                  *prometheus.HistogramVec

	mu     sync.Mutex
	series sync.Map // walker → *series
}

// series are those of one target.
type series struct {
	target      target
	attempts    map[string]prometheus.Counter // by class
	finished    map[string]prometheus.Counter // by status
	took, since prometheus.Observer
}

func newDeliveries() *deliveries {
	labels := []string{"kind", "webhook"}
	return &deliveries{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "delivery", Name: "attempts_total",
			Help: "Attempts at deliveries by class: delivered, retry, final, gone, or none if nothing was sent.",
		}, append(labels[:2:2], "class")),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "deliveries_finished_total",
			Help: "Deliveries that are over, by status: delivered, dead, skipped.",
		}, append(labels[:2:2], "status")),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "delivery", Name: "attempt_failures_total",
			Help: "Attempts that were not delivered, by reason, of all webhooks.",
		}, []string{"reason"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "delivery", Name: "attempt_duration_seconds",
			Help:    "How long attempts took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, labels),
		since: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "delivery", Name: "first_attempt_delay_seconds",
			Help:    "From the commit of an event to the begin of the first attempt at its delivery.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120, 600, 3600},
		}, labels),
	}
}

// Describe implements prometheus.Collector.
func (d *deliveries) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range d.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (d *deliveries) Collect(ch chan<- prometheus.Metric) {
	for _, c := range d.collectors() {
		c.Collect(ch)
	}
}

func (d *deliveries) collectors() []prometheus.Collector {
	return []prometheus.Collector{d.attempts, d.finished, d.failures, d.took, d.since}
}

// Attempted counts an attempt. It implements [walk.Watcher].
func (m *Metrics) Attempted(s walk.Seen) { m.deliveries.attempted(&s) }

const (
	classNone      = "none"
	classDelivered = "delivered"
)

func (d *deliveries) attempted(s *walk.Seen) {
	of := d.of(s.Walker)
	counter := of.attempts[s.Class]
	if counter == nil {
		counter = of.attempts[classNone]
	}
	counter.Inc()
	if over := of.finished[s.Status]; over != nil {
		over.Inc()
	}
	if s.Class != classDelivered && s.Reason != "" {
		d.failures.WithLabelValues(s.Reason).Inc()
	}
	if s.Class != classNone {
		of.took.Observe(s.Took.Seconds())
	}
	if s.Since > 0 {
		of.since.Observe(s.Since.Seconds())
	}
}

// of returns the series of a walker. All of its counters are there from its
// first attempt on, so that the first failure is an increase.
func (d *deliveries) of(walker string) *series {
	if found, ok := d.series.Load(walker); ok {
		s, _ := found.(*series)
		return s
	}
	d.mu.Lock() // keep must not remove what is being made
	defer d.mu.Unlock()
	t := targetOf(walker)
	s := &series{target: t, attempts: map[string]prometheus.Counter{}, finished: map[string]prometheus.Counter{}}
	for _, class := range []string{classDelivered, "retry", "final", "gone", classNone} {
		s.attempts[class] = d.attempts.WithLabelValues(t.kind, t.webhook, class)
	}
	for _, status := range []string{ledger.Delivered, ledger.Dead, ledger.Skipped} {
		s.finished[status] = d.finished.WithLabelValues(t.kind, t.webhook, status)
	}
	s.took, s.since = d.took.WithLabelValues(t.kind, t.webhook), d.since.WithLabelValues(t.kind, t.webhook)
	d.series.Store(walker, s)
	return s
}

// keep removes the series of webhooks that are not among those there are, and
// forgets walkers whose series are shared: there is no end of them.
func (d *deliveries) keep(webhooks map[string]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.series.Range(func(walker, found any) bool {
		s, _ := found.(*series)
		shared := s.target.kind == kindJob || s.target.kind == kindReplay
		_, exists := webhooks[s.target.webhook]
		gone := (s.target.kind == kindWebhook || s.target.kind == kindReplay) && s.target.webhook != "" && !exists
		if shared || gone {
			d.series.Delete(walker)
		}
		if gone {
			labels := prometheus.Labels{"kind": s.target.kind, "webhook": s.target.webhook}
			for _, vec := range []interface{ DeletePartialMatch(prometheus.Labels) int }{d.attempts, d.finished, d.took, d.since} {
				vec.DeletePartialMatch(labels)
			}
		}
		return true
	})
}
