package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

func ofDelivery(name, help string, more ...string) *prometheus.Desc {
	return desc("delivery_"+name, help, append([]string{"kind", "webhook"}, more...)...)
}

// What is told at a scrape.
var (
	lagSeconds = ofDelivery("lag_seconds", "Age of the oldest event that waits for its first attempt, or how long the most overdue delivery waits, whichever is more. Absent while a webhook is disabled.")
	lagEvents  = ofDelivery("lag_events", "Positions of the log beyond the cursor; entries for others count too.")
	walkers    = ofDelivery("walkers", "Walkers in this process; one of all processes of a database walks a webhook.")
	inFlight   = ofDelivery("in_flight", "Attempts going on.")
	held       = ofDelivery("held", "Deliveries that failed and wait for another attempt, and those behind them.")
	ready      = ofDelivery("ready", "Deliveries read from the log and not yet begun.")
	failing    = ofDelivery("consecutive_failures", "Failed attempts since the last success.")
	paused     = ofDelivery("paused", "1 while the endpoint has asked for a pause by Retry-After.")
	breakers   = ofDelivery("breaker_state", "1 for the state that the circuit breaker is in.", "state")
	progress   = ofDelivery("last_round_timestamp_seconds", "When the walker's loop last came round.")

	webhookEnabled = desc("webhook_enabled", "1 if the webhook is enabled, 0 if not.", "webhook")

	logLast    = desc("log_last_position", "Position of the last entry of the log.")
	logEntries = desc("log_entries", "Entries of the log, estimated from the first and the last position.")
	logOldest  = desc("log_oldest_entry_timestamp_seconds", "When the oldest entry of the log was made; absent while it is empty.")
	databaseUp = desc("database_up", "1 if the database answered at this scrape or a moment before.")
)

// breakerStates are those of [walk.State].
var breakerStates = []string{"closed", "open", "half-open", "ramping"}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lagSeconds, lagEvents, walkers, inFlight, held, ready, failing, paused, breakers, progress, webhookEnabled, logLast, logEntries, logOldest, databaseUp,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	s := b.seen
	b.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for t, st := range b.standings(s, b.sources.States()) {
		st.tell(gauge, t)
	}
	if s == nil {
		gauge(databaseUp, 0)
		return
	}
	gauge(databaseUp, 1)
	for name, on := range s.enabled {
		gauge(webhookEnabled, truth(on), name)
	}
	gauge(logLast, float64(s.last))
	if s.first == 0 {
		gauge(logEntries, 0)
		return
	}
	gauge(logEntries, float64(max(s.last-s.first+1, 0)))
	gauge(logOldest, seconds(s.oldest))
}

func (st *standing) tell(gauge func(d *prometheus.Desc, v float64, labels ...string), t target) {
	kind, name := t.kind, t.webhook
	if st.hasLag {
		gauge(lagSeconds, max(st.lag.Seconds(), 0), kind, name)
	}
	if st.hasBehind {
		gauge(lagEvents, float64(st.behind), kind, name)
	}
	gauge(walkers, float64(st.walking), kind, name)
	gauge(held, float64(st.held), kind, name)
	gauge(failing, float64(st.failures), kind, name)
	if st.walking == 0 {
		return
	}
	gauge(inFlight, float64(st.inFlight), kind, name)
	gauge(ready, float64(st.ready), kind, name)
	gauge(paused, float64(st.paused), kind, name)
	gauge(progress, seconds(st.progress), kind, name)
	for _, state := range breakerStates {
		gauge(breakers, float64(st.breaker[state]), kind, name, state)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
