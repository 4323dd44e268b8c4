package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"dochook/doctype/documents"
	"dochook/doctype/scrapers"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations/dbtest"
)

const page = `{"sku":"A","price":2500.0}
{"sku":"B"}
{"sku":
{"price":1}
{"sku":"A","price":1}
`

// TestImport feeds the same file into a service and into a database.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "page.ndjson", page)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(`{"data":{"items":[{"sku":"C"},{"sku":"D"}]}}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "wrapped.json.gz", zipped.String())
	write(t, dir, "prices.csv", "sku,stock\nB,5\nE,6\n")
	p := start(t, dir, tokenEnv(), anyPort, "--database=sqlite:served.db")
	for name, place := range map[string][]string{
		"server":   {"--server", p.url, "--token", token},
		"database": {"--database", "sqlite:direct.db"},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(args ...string) []string {
				return append(append([]string{"import", "--doctype=Product"}, args...), place...)
			}
			r := dochook(t, dir, "", with("page.ndjson", "--key=sku")...)
			if r.code != 1 || r.out != "received 5, inserted 2, duplicates 1, rejected 2\n" ||
				!strings.Contains(r.err, "made the DocType Product") || !strings.Contains(r.err, "page.ndjson: line 3: ") || !strings.Contains(r.err, "page.ndjson: line 4: ") {
				t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
			}
			r = dochook(t, dir, "", with("wrapped.json.gz", "--records=data.items", "--json")...)
			var counts struct{ Received, Inserted int }
			if err := json.Unmarshal([]byte(r.out), &counts); err != nil || r.code != 0 || counts.Received != 2 || counts.Inserted != 2 {
				t.Errorf("wrapped: exit %d, %v\n%s%s", r.code, err, r.out, r.err)
			}
			r = dochook(t, dir, "", with("prices.csv", "--mode=merge")...)
			if r.code != 0 || r.out != "received 2, inserted 1, updated 1\n" {
				t.Errorf("csv: exit %d\n%s%s", r.code, r.out, r.err)
			}
			r = dochook(t, dir, `{"F":{"sku":"F"},"G":{"sku":"G"}}`, with("-", "--shape=map")...)
			if r.code != 0 || r.out != "received 2, inserted 2\n" {
				t.Errorf("map: exit %d\n%s%s", r.code, r.out, r.err)
			}
			r = dochook(t, dir, `[{"sku":"H"},{"sk`, with("-")...)
			if r.code != 1 || !strings.Contains(r.err, "standard input: ") || strings.Contains(r.out, "inserted") {
				t.Errorf("cut off: exit %d\n%s%s", r.code, r.out, r.err)
			}
			r = dochook(t, dir, `{"sku":"H"}`, with("-", "--key=id")...)
			if r.code != 1 || !strings.Contains(r.err, "names its documents by field:sku") {
				t.Errorf("other key: exit %d\n%s%s", r.code, r.out, r.err)
			}
		})
	}
	wrong := dochook(t, dir, "", "import", "page.ndjson", "--doctype=Product", "--server", p.url, "--token=nobody:0123456789abcdef")
	if wrong.code != 1 || !strings.Contains(wrong.err, "does not accept the token") {
		t.Errorf("wrong token: exit %d\n%s", wrong.code, wrong.err)
	}
	unknown := dochook(t, dir, "", "import", "page.ndjson", "--doctype=Nothing", "--server", p.url, "--token", token)
	if unknown.code != 1 || !strings.Contains(unknown.err, "there is no DocType Nothing") {
		t.Errorf("unknown DocType: exit %d\n%s", unknown.code, unknown.err)
	}
}

// TestImport_is_delivered: what was imported into the database while nothing
// ran goes out at the next start.
func TestImport_is_delivered(t *testing.T) {
	dir, r := t.TempDir(), receiver(t)
	write(t, dir, "defs.json", `[{"name":"Product","autoname":"field:sku"},
		{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert","request_url":"`+r.URL()+`/in","webhook_data":[{"fieldname":"price","key":"price"}]}]`)
	ok(t, dir, "fixtures", "load", "defs.json", loopback)
	if got := dochook(t, dir, `{"sku":"A","price":2500.0}`, "import", "-", "--doctype=Product"); got.code != 0 {
		t.Fatal(got.err)
	}
	p := start(t, dir, tokenEnv(), anyPort, loopback)
	if err := r.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if body := string(r.Requests()[0].Body); body != `{"price":2500.0}` {
		t.Errorf("the body is %s", body)
	}
	if code := p.stop(t); code != 0 {
		t.Errorf("exit %d\n%s", code, p.errs)
	}
}

// TestFixtures_roundtrip: out and in again changes nothing, the secret included.
func TestFixtures_roundtrip(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			dir, database := t.TempDir(), dbtest.URL(t, dialect)
			write(t, dir, "scraper.json", `{"name":"shop","title":"A shop","feeds":"Product","removal":{"max_removals":3}}`)
			write(t, dir, "doctypes.json", `[{"doctype":"DocType","name":"Product","autoname":"field:sku","fields":[{"fieldname":"price","fieldtype":"Float","default":2500.0}]}]`)
			write(t, dir, "webhook.json", `{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert","request_url":"https://example.com/<x>","enable_security":1,"webhook_secret":"s3cret"}`)
			with := func(args ...string) []string { return append([]string{"--database", database, "fixtures"}, args...) }
			out := ok(t, dir, with("load", "webhook.json", "scraper.json", "doctypes.json")...)
			if out != "created   DocType Product\ncreated   Scraper shop\ncreated   Webhook w\n" {
				t.Errorf("load says\n%s", out)
			}
			ok(t, dir, with("export", "--out", "defs")...)
			all := ok(t, dir, with("export")...)
			if strings.Contains(all, "s3cret") || !strings.Contains(all, `"**********"`) || !strings.Contains(all, "2500.0") || !strings.Contains(all, "/<x>") || !strings.Contains(all, `"max_removals": 3`) {
				t.Errorf("export is\n%s", all)
			}
			out = ok(t, dir, with("load", "defs/doctype.json", "defs/scraper.json", "defs/webhook.json")...)
			if out != "unchanged DocType Product\nunchanged Scraper shop\nunchanged Webhook w\n" {
				t.Errorf("loading the export says\n%s", out)
			}
			write(t, dir, "edit.json", `[{"name":"w","request_url":"https://example.com/y","webhook_secret":"**********"},{"name":"shop","feeds":"Product","mode":"full"}]`)
			if out = ok(t, dir, with("load", "edit.json")...); out != "updated   Scraper shop\nupdated   Webhook w\n" {
				t.Errorf("loading an edit says\n%s", out)
			}
			db := dbtest.Open(t, database)
			w, err := hooks.New(db, &sender.Guard{}, ledger.New(db), hooks.Options{}).Compiled(t.Context(), "w")
			if err != nil || w.RequestURL != "https://example.com/y" || fmt.Sprint(w.Secrets(w.Modified)) != "[s3cret]" {
				t.Errorf("stored is %+v, %v", w, err)
			}
			if s, err := scrapers.New(db, scrapers.Options{}).Get(t.Context(), "shop"); err != nil || s.Mode != "full" || s.Title != "A shop" {
				t.Errorf("stored is %+v, %v", s, err)
			}
			d, err := documents.New(db, documents.Options{}).DocType(t.Context(), "Product")
			if err != nil || string(d.Fields[0].Default) != "2500.0" {
				t.Errorf("stored is %+v, %v", d, err)
			}
		})
	}
}

func TestFixtures_over_a_service(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, tokenEnv(), anyPort)
	write(t, dir, "defs.json", `[{"name":"shop","feeds":"Product"},{"name":"Product","autoname":"field:sku"},{"name":"w","webhook_doctype":"Product","webhook_docevent":"on_insert","request_url":"https://example.com/x","webhook_headers":[{"key":"X-A","value":"1"}],"enable_security":1,"webhook_secret":"s3cret"}]`)
	place := []string{"--server", p.url, "--token", token}
	if out := ok(t, dir, append([]string{"fixtures", "load", "defs.json"}, place...)...); out != "created   DocType Product\ncreated   Scraper shop\ncreated   Webhook w\n" {
		t.Errorf("load says\n%s", out)
	}
	// A webhook that a job brings along goes with it, and is no definition.
	if _, err := client(t, p.url).CreateJob(t.Context(), "shop", []byte(`{"webhook":{"url":"https://example.com/job","events":["scraper.job.finished"]}}`)); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, dir, append([]string{"fixtures", "export"}, place...)...); strings.Contains(out, "example.com/job") {
		t.Errorf("export holds a job's own webhook:\n%s", out)
	}
	ok(t, dir, append([]string{"fixtures", "export", "--out", "defs"}, place...)...)
	out := ok(t, dir, append([]string{"fixtures", "load", filepath.Join("defs", "doctype.json"), filepath.Join("defs", "scraper.json"), filepath.Join("defs", "webhook.json")}, place...)...)
	if out != "unchanged DocType Product\nunchanged Scraper shop\nunchanged Webhook w\n" {
		t.Errorf("loading the export says\n%s", out)
	}
}

func TestFixtures_run(t *testing.T) {
	dir := t.TempDir()
	out := ok(t, dir, "fixtures", "run", "00[12]*")
	if !strings.Contains(out, "ok    001-insert") || !strings.HasSuffix(out, "2 scenarios, 0 failed\n") {
		t.Errorf("it says\n%s", out)
	}
	var list []struct {
		Name string
		OK   bool
	}
	if err := json.Unmarshal([]byte(ok(t, dir, "fixtures", "run", "001-insert", "--json")), &list); err != nil || len(list) != 1 || !list[0].OK {
		t.Errorf("%+v, %v", list, err)
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || left != nil {
		t.Errorf("it left %v behind (%v)", left, err)
	}
}

func TestMigrate_and_keys(t *testing.T) {
	for _, dialect := range []string{dbtest.SQLite, dbtest.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			dir, database := t.TempDir(), "--database="+dbtest.EmptyURL(t, dialect)
			run := func(args ...string) string { return ok(t, dir, append(args, database)...) }
			if r := dochook(t, dir, "", "migrate", "status", database); r.code != 1 {
				t.Errorf("status of an empty database: exit %d\n%s", r.code, r.out)
			}
			if out := run("migrate", "up"); !strings.Contains(out, "applied 2") {
				t.Errorf("up says %s", out)
			}
			if out := run("migrate", "up"); out != "nothing to do\n" {
				t.Errorf("up again says %s", out)
			}
			if out := run("migrate", "status"); !strings.Contains(out, "applied") || strings.Contains(out, "missing") {
				t.Errorf("status says %s", out)
			}
			made := strings.TrimSpace(run("keys", "create", "--role=writer", "--name=scraper", "--doctype=Product", "--doctype=Offer", "--description=nightly"))
			if !strings.HasPrefix(made, "scraper:") {
				t.Errorf("create says %s", made)
			}
			list := run("keys", "list")
			if !strings.Contains(list, "Product, Offer") || !strings.Contains(list, "nightly") || strings.Contains(list, strings.TrimPrefix(made, "scraper:")) {
				t.Errorf("list says %s", list)
			}
			if out := run("keys", "revoke", "scraper"); out != "revoked scraper\n" {
				t.Errorf("revoke says %s", out)
			}
			if out := run("keys", "list", "--json"); strings.TrimSpace(out) != "[]" {
				t.Errorf("list says %s", out)
			}
			run("migrate", "down", "--yes")
			if r := dochook(t, dir, "", "migrate", "status", "--json", database); r.code != 1 || !strings.Contains(r.out, `"applied_at": null`) {
				t.Errorf("status exits %d and says %s", r.code, r.out)
			}
		})
	}
}
