package system

import (
	"context"
	"embed"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"dochook/migrations"
	"dochook/server/panel/page"
	"dochook/server/web"
)

//go:embed all:templates
var templates embed.FS

// Sources are what is shown; all are required.
type Sources struct {
	DB *migrations.DB
	// Stuck says what keeps the couriers from their work, or "".
	Stuck func(now time.Time) string
	// Config is the configuration without secrets, by setting.
	Config map[string]any
}

// Options of Pages; the zero value is ready for use.
type Options struct {
	Version string           // of the program
	Now     func() time.Time // nil means time.Now
}

// Pages is the page about the service.
type Pages struct {
	sources Sources
	pages   *page.Set
	options Options
	started time.Time
}

// New returns Pages; it starts nothing.
func New(s Sources, pages *page.Set, o Options) (*Pages, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Pages{s, pages, o, o.Now()}, pages.Add("system", templates)
}

// Routes is that of the page, for admins.
func (p *Pages) Routes() []page.Route {
	return []page.Route{page.Get(page.Path("system"), web.Admin, p.show)}
}

// check is a part of the service and how it does.
type check struct {
	Name, Badge, Tone, Why string
}

// setting is one of the configuration.
type setting struct {
	Name, Value string
	Keeps       bool // is about how long something is kept
}

type view struct {
	Checks     []check
	Settings   []setting
	Migrations []migrations.Migration
	Database   string // kind and version
	Bytes      int64
	Version    string
	Go         string
	Platform   string
	Started    time.Time
	Up         time.Duration // since then
	Goroutines int
	Memory     int64 // bytes of the heap
}

// up is for how long it runs, no finer than a person asks: whole minutes once
// there is one.
func up(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Truncate(time.Second)
	}
	return d.Truncate(time.Minute)
}

const checkTime = 3 * time.Second

func (p *Pages) show(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkTime)
	defer cancel()
	v := view{
		Settings: settings(p.sources.Config), Version: p.options.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Started: p.started, Up: up(p.options.Now().Sub(p.started)), Goroutines: runtime.NumGoroutine(),
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	v.Memory = int64(min(memory.HeapAlloc, 1<<62))
	database := check{"Database", "ok", "good", ""}
	if err := migrations.Check(ctx, p.sources.DB); err != nil {
		database = check{"Database", "not ready", "bad", "its schema is not the one this program needs, or it does not answer"}
	}
	couriers := check{"Delivery", "ok", "good", ""}
	if why := p.sources.Stuck(p.options.Now()); why != "" {
		couriers = check{"Delivery", "not ready", "bad", why}
	}
	v.Checks = []check{database, couriers}
	var err error
	if v.Migrations, err = migrations.Status(ctx, p.sources.DB); err != nil {
		return err
	}
	if v.Bytes, err = migrations.Size(ctx, p.sources.DB); err != nil {
		return err
	}
	if v.Database, err = migrations.ServerVersion(ctx, p.sources.DB); err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "system/show", page.View{Title: "System", Data: v})
}

// settings are the configuration in the order of its names, as text.
func settings(config map[string]any) []setting {
	out := make([]setting, 0, len(config))
	for _, name := range slices.Sorted(maps.Keys(config)) {
		value := config[name]
		if list, ok := value.([]string); ok {
			value = strings.Join(list, ", ")
		}
		text := fmt.Sprint(value)
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			text = page.Duration(d)
		}
		out = append(out, setting{name, text, strings.HasPrefix(name, "keep_")})
	}
	return out
}
