package metrics

import (
	"cmp"
	"context"
	"database/sql"
	"net/http"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"dochook/doctype/eventlog"
	"dochook/hooks"
	"dochook/hooks/courier/walk"
	"dochook/hooks/ledger"
)

const namespace = "dochook"

// Sources are what is asked at a scrape; all are required.
type Sources struct {
	Log      *eventlog.Log
	Webhooks *hooks.Service
	Ledger   *ledger.Store
	// States are the walkers of this process.
	States func() []walk.State
}

// Options of Metrics; the zero value is ready for use.
type Options struct {
	// Version stands in dochook_build_info. Default "dev".
	Version string
	// Database is "sqlite" or "postgres", for dochook_build_info.
	Database string
	// Statements is how many SQL statements this process has sent. Default: it
	// is not told.
	Statements func() int64
	// Pools are the database's pools of connections, by name. Default: none.
	Pools map[string]*sql.DB
	// Now is the clock that lags are taken by. Default time.Now.
	Now func() time.Time
}

// Metrics are the metrics of one service. Its methods may be called from any
// goroutine.
type Metrics struct {
	registry   *prometheus.Registry
	handler    http.Handler
	deliveries *deliveries
	requests   *requests
	writes     *writes
	backlog    *backlog
}

// New returns Metrics; it starts nothing.
func New(s Sources, o Options) *Metrics {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := prometheus.NewRegistry()
	m := &Metrics{registry: r, deliveries: newDeliveries(), requests: newRequests(), writes: newWrites()}
	m.backlog = newBacklog(s, o.Now, m.deliveries.keep)
	m.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{})
	r.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(o),
		m.deliveries, m.requests, m.writes, m.backlog,
	)
	for name, pool := range o.Pools {
		r.MustRegister(collectors.NewDBStatsCollector(pool, name))
	}
	if o.Statements != nil {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "sql_statements_total", Help: "SQL statements sent to the database.",
		}, func() float64 { return float64(o.Statements()) }))
	}
	return m
}

func buildInfo(o Options) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": cmp.Or(o.Version, "dev"), "goversion": runtime.Version(), "database": o.Database},
	}, func() float64 { return 1 })
}

// Serve answers a scrape. A database that does not answer is told by
// dochook_database_up, and what stands in it is left out.
func (m *Metrics) Serve(c *gin.Context) error {
	m.refresh(c.Request.Context())
	m.handler.ServeHTTP(c.Writer, c.Request)
	return nil
}

func (m *Metrics) refresh(ctx context.Context) { m.backlog.refresh(ctx) }
