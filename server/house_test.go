package server_test

// A room is one package and what of this module its code, not its tests, may
// import: a folder, or with /... also everything below it. Arrows point one way:
// documents never hear of webhooks, mappings of nobody, faces of the database.
type room struct {
	folder string // relative to the module; "." is main
	may    []string
}

// house has a row for every package. A new package needs a row first.
func house() []room {
	return []room{
		{folder: "mapping", may: []string{"mapping/path"}},
		{folder: "mapping/format", may: []string{"mapping/path"}},
		{folder: "mapping/path"},

		{folder: "migrations"},
		{folder: "migrations/rows"},
		{folder: "migrations/dbtest", may: []string{"migrations"}},

		{folder: "doctype", may: []string{"doctype/record"}},
		{folder: "doctype/query"},
		{folder: "doctype/record"},
		{folder: "doctype/eventlog", may: []string{"doctype", "migrations", "migrations/rows"}},
		{folder: "doctype/unique", may: []string{"doctype", "doctype/record", "doctype/stored", "migrations/rows"}},
		{folder: "doctype/idempotency", may: []string{"doctype", "migrations"}},
		{folder: "doctype/listing", may: []string{"doctype/eventlog", "doctype/query"}},
		{folder: "doctype/definitions", may: []string{"doctype", "doctype/eventlog", "doctype/stored", "migrations"}},
		{folder: "doctype/group"},
		{folder: "doctype/outlook"},
		{folder: "doctype/stored", may: []string{"doctype", "doctype/listing", "doctype/record", "migrations", "migrations/rows"}},
		{folder: "doctype/trigger", may: []string{"doctype", "doctype/record"}},
		{folder: "doctype/documents", may: []string{
			"doctype", "doctype/definitions", "doctype/eventlog", "doctype/group", "doctype/idempotency", "doctype/listing", "doctype/outlook", "doctype/query", "doctype/record", "doctype/stored", "doctype/trigger", "doctype/unique",
			"migrations",
		}},
		{folder: "doctype/scrapers", may: []string{"doctype", "doctype/eventlog", "doctype/listing", "doctype/query", "doctype/record", "migrations"}},
		{folder: "doctype/columns", may: []string{"doctype", "doctype/listing", "migrations/rows"}},
		{folder: "doctype/jobs/request", may: []string{"doctype", "doctype/record"}},
		{folder: "doctype/jobs/results", may: []string{"doctype", "doctype/documents", "doctype/eventlog", "doctype/listing", "migrations/rows"}},
		{folder: "doctype/jobs", may: []string{
			"doctype", "doctype/columns", "doctype/jobs/request", "doctype/jobs/results", "doctype/documents", "doctype/eventlog", "doctype/listing", "doctype/query", "doctype/record", "doctype/scrapers", "migrations", "migrations/rows",
		}},

		{folder: "hooks/condition"},
		{folder: "hooks/definition", may: []string{"doctype", "doctype/record", "mapping"}},
		{folder: "hooks", may: []string{
			"doctype", "doctype/listing", "doctype/query", "doctype/record", "hooks/condition", "hooks/definition", "hooks/request", "hooks/resource", "hooks/sender", "hooks/vault", "mapping", "mapping/format", "migrations",
		}},
		{folder: "hooks/vault"},
		{folder: "hooks/request", may: []string{"doctype/record", "hooks/definition"}},
		{folder: "hooks/resource", may: []string{"doctype", "doctype/record"}},
		{folder: "hooks/batch", may: []string{"doctype", "doctype/eventlog", "hooks"}},
		{folder: "hooks/sender/mask"},
		{folder: "hooks/sender/iprange"},
		{folder: "hooks/sender/guard", may: []string{"hooks/sender/iprange", "hooks/sender/mask"}},
		{folder: "hooks/sender", may: []string{"hooks/sender/guard", "hooks/sender/mask"}},
		{folder: "hooks/ledger", may: []string{"doctype/group", "doctype/listing", "doctype/query", "migrations", "migrations/rows"}},
		{folder: "hooks/ledger/expiry", may: []string{"hooks/ledger", "migrations"}},
		{folder: "hooks/activity", may: []string{"hooks/ledger", "migrations"}},
		{folder: "hooks/requestlog", may: []string{"hooks", "hooks/ledger", "migrations"}},
		{folder: "hooks/outbound", may: []string{"doctype", "hooks", "hooks/batch", "hooks/ledger", "hooks/sender/...", "mapping"}},
		{folder: "hooks/manual", may: []string{"doctype", "doctype/eventlog", "hooks", "hooks/batch", "hooks/ledger", "hooks/outbound", "hooks/sender"}},
		{folder: "hooks/courier/endpoint"},
		{folder: "hooks/courier/queue"},
		{folder: "hooks/courier/feed", may: []string{"doctype", "doctype/eventlog"}},
		{folder: "hooks/courier/roster", may: []string{"migrations"}},
		{folder: "hooks/courier/walk", may: []string{
			"doctype", "doctype/eventlog", "hooks", "hooks/batch", "hooks/courier/endpoint", "hooks/courier/feed", "hooks/courier/queue", "hooks/ledger", "hooks/manual", "hooks/outbound", "hooks/sender",
		}},
		{folder: "hooks/courier", may: []string{
			"doctype", "doctype/eventlog", "doctype/record", "hooks", "hooks/batch", "hooks/courier/...", "hooks/ledger", "hooks/manual", "hooks/outbound", "hooks/sender",
		}},

		{folder: "hooks/replay", may: []string{
			"doctype", "doctype/documents", "doctype/eventlog", "doctype/listing", "doctype/query", "hooks", "hooks/courier/feed", "hooks/ledger", "migrations", "migrations/rows",
		}},

		{folder: "server/ingest", may: []string{"server/ingest/body"}},
		{folder: "server/ingest/body"},
		{folder: "server/ingest/foreign", may: []string{"doctype", "doctype/record", "server/ingest/body"}},
		{folder: "server/access", may: []string{"doctype/query", "migrations"}},
		{folder: "server/web", may: []string{"server/access"}},
		{folder: "server/rest/rawjson", may: []string{"doctype/..."}},
		{folder: "server/rest/request", may: []string{"doctype", "doctype/query", "doctype/record", "hooks", "server/web"}},
		{folder: "server/rest/feed", may: []string{"doctype", "doctype/eventlog", "server/web"}},
		{folder: "server/rest/bulk", may: []string{"doctype/...", "server/ingest/...", "server/rest/rawjson", "server/web"}},
		{folder: "server/rest/scraping", may: []string{"doctype/...", "server/rest/bulk", "server/rest/request", "server/web"}},
		{folder: "server/rest/replays", may: []string{"hooks/replay", "server/rest/request", "server/web"}},
		{folder: "server/rest/collection", may: []string{
			"doctype/...", "hooks", "hooks/ledger", "hooks/courier", "mapping", "server/access", "server/rest/export", "server/rest/rawjson", "server/rest/request", "server/web",
		}},
		{folder: "server/rest", may: []string{"doctype/...", "hooks", "server/ingest", "server/rest/...", "server/web"}},
		{folder: "server/rest/export", may: []string{"doctype/query", "doctype/record", "hooks/ledger", "server/rest/rawjson", "server/rest/request", "server/web"}},
		{folder: "server/metrics", may: []string{"doctype", "doctype/documents", "doctype/eventlog", "doctype/query", "hooks", "hooks/courier/walk", "hooks/ledger"}},
		{folder: "server/trace", may: []string{"hooks/courier/walk"}},
		{folder: "server/openapi", may: []string{"server/web"}},
		{folder: "server/docs", may: []string{"server/web"}},
		{folder: "server/openapi/openapitest", may: []string{"server/openapi"}}, // for tests
		{folder: "server/retention", may: []string{"doctype/idempotency", "hooks/ledger/expiry", "migrations"}},
		{folder: "server/cli/build"},
		{folder: "server/cli/terminal"},
		{folder: "server/cli/deliveries", may: []string{"doctype/query", "fixtures/peer", "hooks/ledger", "server/cli/terminal", "server/rest/export"}},
		{folder: "server/graph", may: []string{"doctype/...", "hooks", "server/rest/rawjson", "server/rest/request", "server/web"}},
		{folder: "server/panel/page", may: []string{"server/access", "server/web"}},
		{folder: "server/panel/session", may: []string{"doctype", "server/access", "server/panel/page", "server/web"}},
		{folder: "server/panel/keys", may: []string{"doctype", "server/access", "server/panel/page", "server/web"}},
		{folder: "server/panel/system", may: []string{"migrations", "server/panel/page", "server/web"}},
		{folder: "server/panel/doctypes", may: []string{
			"doctype", "doctype/documents", "doctype/query", "doctype/record", "server/access", "server/panel/documents/browse", "server/panel/documents/literal", "server/panel/page", "server/rest/collection", "server/web",
		}},
		{folder: "server/panel/documents", may: []string{"doctype/...", "server/panel/documents/...", "server/panel/page", "server/rest/bulk", "server/rest/collection", "server/web"}},
		{folder: "server/panel/documents/browse", may: []string{"doctype", "doctype/query"}},
		{folder: "server/panel/documents/literal", may: []string{"doctype/record"}},
		{folder: "server/panel/documents/diff", may: []string{"doctype/record"}},
		{folder: "server/panel/standing", may: []string{"hooks", "hooks/activity", "hooks/courier/walk", "hooks/ledger", "server/panel/page", "server/rest/collection"}},
		{folder: "server/panel/overview", may: []string{"doctype/...", "hooks/...", "server/access", "server/panel/page", "server/panel/standing", "server/rest/collection", "server/rest/feed", "server/web"}},
		{folder: "server/panel/deliveries", may: []string{
			"doctype", "doctype/eventlog", "doctype/query", "hooks", "hooks/ledger", "hooks/replay", "hooks/requestlog", "server/panel/page", "server/rest/collection", "server/rest/export", "server/web",
		}},
		{folder: "server/panel/scraping", may: []string{"doctype/...", "server/panel/page", "server/rest/collection", "server/rest/request", "server/rest/scraping", "server/web"}},
		{folder: "server/panel/webhooks/draft", may: []string{"doctype", "hooks", "mapping", "server/panel/page"}},
		{folder: "server/panel/webhooks", may: []string{"doctype/...", "hooks/...", "mapping/...", "server/panel/page", "server/panel/standing", "server/panel/webhooks/draft", "server/rest/collection", "server/rest/export", "server/web"}},
		{folder: "server/panel/paneltest", may: []string{"migrations", "migrations/dbtest", "fixtures/peer", "server", "server/access"}}, // for tests
		{folder: "server", may: []string{"doctype/...", "hooks/...", "mapping", "migrations", "server/access", "server/docs", "server/graph", "server/ingest", "server/metrics", "server/openapi", "server/panel/...", "server/rest/...", "server/retention", "server/trace", "server/web"}},

		{folder: "fixtures", may: []string{"doctype/...", "fixtures/peer", "hooks", "migrations", "server"}},
		{folder: "fixtures/definitions", may: []string{"doctype/...", "hooks"}},
		{folder: "fixtures/peer"},
		{folder: "fixtures/zoo"},
		{folder: "fixtures/chaos"},  // tests only
		{folder: "fixtures/upkeep"}, // tests only
		{folder: "fixtures/demo", may: []string{"doctype", "doctype/record", "fixtures", "fixtures/peer", "fixtures/series", "migrations"}},
		{folder: "fixtures/series"},
		{folder: "fixtures/clients"}, // tests only
		{folder: "fixtures/bench"},   // tests only
		{folder: "fixtures/example", may: []string{"doctype/...", "hooks", "hooks/courier", "migrations", "server"}},

		// A room inside server that stands above it: the verbs of the program.
		{folder: "server/cli", may: []string{"doctype/...", "fixtures/...", "hooks/...", "migrations", "server", "server/access", "server/cli/...", "server/retention"}},
		{folder: "server/cli/apikeys", may: []string{"fixtures/peer", "server/access", "server/cli/terminal"}},
		{folder: "server/cli/place", may: []string{
			"doctype/...", "fixtures/definitions", "fixtures/peer", "hooks", "hooks/ledger", "hooks/sender", "migrations", "server/ingest",
		}},
		{folder: "server/cli/again", may: []string{
			"doctype/documents", "fixtures/peer", "hooks", "hooks/ledger", "hooks/replay", "hooks/sender", "migrations", "server/cli", "server/cli/terminal",
		}},
		{folder: "server/cli/backup", may: []string{"migrations", "server/cli", "server/cli/terminal"}},
		{folder: "server/cli/completion", may: []string{"server/cli", "server/cli/terminal"}},
		{folder: "server/cli/doctor", may: []string{
			"doctype/query", "hooks", "hooks/ledger", "hooks/sender", "hooks/sender/guard", "migrations", "server", "server/cli", "server/cli/terminal",
		}},
		{folder: "server/cli/watch", may: []string{"fixtures/peer", "server/cli", "server/cli/terminal"}},
		{folder: ".", may: []string{
			"fixtures", "migrations", "server", "server/cli", "server/cli/again", "server/cli/backup", "server/cli/completion", "server/cli/doctor", "server/cli/watch",
		}},
	}
}

// A library is a module of others, where it may be imported, and for tests where else.
type library struct {
	path         string
	rooms, tests []string
}

// libraries has a row for every module we import directly. A new dependency needs a row first.
func libraries() []library {
	return []library{
		{path: "github.com/gin-gonic/gin", rooms: []string{"server/..."}},
		{path: "github.com/uptrace/bun", rooms: []string{
			"doctype/...", "hooks", "hooks/ledger", "hooks/ledger/expiry", "hooks/replay", "migrations", "migrations/rows", "server/access",
		}, tests: []string{"fixtures/...", "server/..."}},
		{path: "github.com/jackc/pgx/v5", rooms: []string{"migrations/..."}},
		{path: "modernc.org/sqlite", rooms: []string{"migrations"}},
		{path: "github.com/gofrs/flock", rooms: []string{"migrations"}},

		{path: "github.com/go-json-experiment/json", rooms: []string{"doctype/...", "fixtures/...", "hooks/...", "mapping/...", "server/..."}},
		{path: "github.com/tidwall/gjson", rooms: []string{"doctype/...", "mapping/...", "server/ingest"}, tests: []string{"fixtures/...", "server/..."}},
		{path: "github.com/shopspring/decimal", rooms: []string{"doctype/..."}},
		{path: "golang.org/x/text", rooms: []string{"doctype/..."}},
		{path: "github.com/google/uuid", rooms: []string{"doctype/...", "hooks/courier", "hooks/replay"}},

		{path: "github.com/expr-lang/expr", rooms: []string{"hooks/condition"}},
		{path: "golang.org/x/net/http/httpguts", rooms: []string{"hooks", "hooks/sender"}},
		{path: "golang.org/x/net/idna", rooms: []string{"hooks/sender/guard"}},
		{path: "golang.org/x/net/dns/dnsmessage", tests: []string{"hooks/sender"}},

		{path: "golang.org/x/crypto", rooms: []string{"hooks/vault"}},
		{path: "github.com/prometheus/client_golang", rooms: []string{"server/metrics"}},
		{path: "go.opentelemetry.io/otel", rooms: []string{"server/trace"}},
		{path: "go.opentelemetry.io/proto/otlp", rooms: []string{"server/trace"}},
		{path: "google.golang.org/protobuf", rooms: []string{"server/trace"}},
		{path: "github.com/graph-gophers/graphql-go", rooms: []string{"server/graph"}},
		{path: "github.com/klauspost/compress", rooms: []string{"doctype/jobs/results", "server/ingest/body"}, tests: []string{"fixtures/...", "server/..."}},
		{path: "github.com/alecthomas/kong", rooms: []string{".", "server/cli", "server/cli/completion"}, tests: []string{"server/cli/..."}},
		{path: "github.com/schollz/progressbar/v3", rooms: []string{"server/cli"}},
		{path: "golang.org/x/tools/txtar", rooms: []string{"fixtures"}},
		{path: "github.com/chromedp/chromedp", rooms: []string{"server/panel/paneltest"}, tests: []string{"server/panel/..."}},
		{path: "github.com/chromedp/cdproto", rooms: []string{"server/panel/paneltest"}, tests: []string{"server/panel/..."}},
		{path: "github.com/yuin/goldmark", rooms: []string{"server/docs"}},
		{path: "github.com/goccy/go-yaml", rooms: []string{"server/openapi"}},
		{path: "github.com/santhosh-tekuri/jsonschema/v6", rooms: []string{"server/openapi/openapitest"}, tests: []string{"server/openapi"}},
		{path: "github.com/mccutchen/go-httpbin/v2", tests: []string{"fixtures/..."}},
	}
}
