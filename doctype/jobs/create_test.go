package jobs_test

import (
	"strings"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
)

func TestCreate_takes_our_words_and_leaves_the_input_as_it_was(t *testing.T) {
	table := []struct{ body, input string }{
		{"", "{}"},
		{" \n ", "{}"},
		{"{}", "{}"},
		{`{"mode":"full"}`, "{}"},
		{
			`{"z": 1.0, "mode":"partial", "a": [ 1, {"webhook": 2, "mode": 3} ], "scope":{"v":1}, "b":"<é & \u00e9>", "expect":5,"big":123456789012345678901234567890,"e":1E+30}`,
			`{"z":1.0,"a":[ 1, {"webhook": 2, "mode": 3} ],"b":"<é & \u00e9>","big":123456789012345678901234567890,"e":1E+30}`,
		},
		{`{"url":"https://x/?a=1&b=2","baseline":1,"max_updates":0.25,"n":null,"t":"\u2028"}`, `{"url":"https://x/?a=1&b=2","n":null,"t":"\u2028"}`},
		{`{"Mode":"full","m\u006fde":"partial"}`, `{"Mode":"full"}`},
		{`{"mode":null,"scope":null,"expect":null,"baseline":null,"max_updates":null,"webhook":null,"status":"finished","id":"x"}`, `{"status":"finished","id":"x"}`},
	}
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		for _, row := range table {
			j := f.create(t, row.body)
			if string(j.Input) != row.input || j.Status != jobs.Pending {
				t.Errorf("%s: input %s, want %s", row.body, j.Input, row.input)
			}
			stored := f.get(t, j.ID)
			if string(stored.JSON()) != string(j.JSON()) || string(stored.Input) != row.input {
				t.Errorf("%s: stored\n%s, answered\n%s", row.body, stored.JSON(), j.JSON())
			}
			if _, err := f.jobs.Stop(t.Context(), j.ID); err != nil { // written anew
				t.Fatal(err)
			}
			if again := f.get(t, j.ID); string(again.Input) != row.input || string(again.Scope) != string(j.Scope) {
				t.Errorf("%s: later %s", row.body, again.Input)
			}
		}
	})
}

func TestCreate_refuses_by_field(t *testing.T) {
	table := []struct{ body, field string }{
		{`{"mode":"FULL"}`, "mode"},
		{`{"mode":1}`, "mode"},
		{`{"mode":["full"]}`, "mode"},
		{`{"mode":true}`, "mode"},
		{`{"baseline":"yes"}`, "baseline"},
		{`{"baseline":2}`, "baseline"},
		{`{"baseline":{}}`, "baseline"},
		{`{"expect":-1}`, "expect"},
		{`{"expect":1.5}`, "expect"},
		{`{"expect":"7"}`, "expect"},
		{`{"expect":99999999999999999999}`, "expect"},
		{`{"max_updates":1.01}`, "max_updates"},
		{`{"max_updates":-0.1}`, "max_updates"},
		{`{"max_updates":"half"}`, "max_updates"},
		{`{"max_updates":[]}`, "max_updates"},
		{`{"scope":5}`, "scope"},
		{`{"scope":true}`, "scope"},
		{`{"scope":[5]}`, "scope"},
		{`{"scope":{"count(*)":1}}`, "scope"},
		{`{"scope":[["v","near",1]]}`, "scope"},
		{`{"scope":"north"}`, "scope"},
		{`{"scope":"[[\"v\",\"near\",1]]"}`, "scope"},
		{`{"scope":"{\"v\":1"}`, "scope"},
		{`{"scope":{"v":["between",[1]]}}`, "scope"},
		{`{"scope":{"modified":"yesterday"}}`, "scope"},
		{`{"webhook":{"url":"http://127.0.0.1"}}`, "webhook"}, // nobody here keeps webhooks
	}
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", `"mode":"full"`)
		for _, row := range table {
			_, err := f.jobs.Create(t.Context(), f.scraper, []byte(row.body))
			wantField(t, row.body, err, row.field)
		}
		for _, body := range []string{"[]", `"x"`, "<html>", `{"a":1,"a":2}`, `{"a":`, `{"a":"\u0000"}`} {
			_, err := f.jobs.Create(t.Context(), f.scraper, []byte(body))
			wantCode(t, err, doctype.CodeInvalid)
		}
		if n, err := f.jobs.Count(t.Context(), query.Query{}); n != 0 || err != nil {
			t.Errorf("%d jobs were made all the same, %v", n, err)
		}
		closed := h.feed(t, `"open":false,"fields":[{"fieldname":"sku","fieldtype":"Data"}]`, "")
		_, err := closed.jobs.Create(t.Context(), closed.scraper, []byte(`{"scope":{"nobody":1}}`))
		wantField(t, "a field that a closed DocType has not", err, "scope")

		_, err = f.jobs.Create(t.Context(), "nobody", nil)
		wantCode(t, err, doctype.CodeNotFound)
		if !strings.Contains(err.Error(), "POST /api/resource/Scraper") {
			t.Errorf("it does not say how to make one: %v", err)
		}
		_, err = f.jobs.Create(t.Context(), "\x00", nil)
		wantCode(t, err, doctype.CodeNotFound)
	})
}

func TestCreate_defaults(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		plain, rich := h.feed(t, "", ""), h.feed(t, `"table":"of the DocType"`, `"mode":"full","title":"The shop"`)
		h.defineScraper(t, `{"name":"own table","feeds":"`+rich.docType+`","table":"its own"}`)
		check := func(scraper, body, want string) jobs.Job {
			t.Helper()
			j, err := h.jobs.Create(t.Context(), scraper, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			wantWords(t, scraper, strings.Join([]string{j.Mode, j.Title, j.Table}, "|"), want)
			return j
		}
		check(plain.scraper, "", "partial|"+plain.scraper+"|"+plain.docType)
		check(rich.scraper, `{"mode":"partial"}`, "partial|The shop|of the DocType")
		j := check(rich.scraper, `{"mode":""}`, "full|The shop|of the DocType")
		check("own table", "", "partial|own table|its own")

		// A job goes on as it was begun.
		if _, err := h.scrapers.Update(t.Context(), rich.scraper, []byte(`{"feeds":"`+plain.docType+`","mode":"partial","title":"New"}`)); err != nil {
			t.Fatal(err)
		}
		rich.page(t, j.ID, "a")
		rich.finish(t, j.ID)
		wantWords(t, "documents", sorted(rich.live(t)), "a")
		wantWords(t, "documents of the other", sorted(plain.live(t)), "")
	})
}

func TestCreate_one_open_full_job_of_a_scraper(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		h.defineScraper(t, `{"name":"other","feeds":"`+f.docType+`"}`)
		j := f.create(t, full)
		for _, begun := range []bool{false, true} {
			if begun {
				f.page(t, j.ID, "a")
			}
			_, err := f.jobs.Create(t.Context(), f.scraper, []byte(full))
			wantCode(t, err, doctype.CodeConflict)
			if !strings.Contains(err.Error(), j.ID) {
				t.Errorf("it does not say which: %v", err)
			}
		}
		f.create(t, "")
		f.create(t, "") // partial ones may be many
		if _, err := f.jobs.Create(t.Context(), "other", []byte(full)); err != nil {
			t.Error(err)
		}
		f.finish(t, j.ID)
		held := f.create(t, full)
		if held = f.finish(t, held.ID); held.Status != jobs.Held {
			t.Fatal(held.Status)
		}
		f.create(t, full) // a held one is over
	})
}

func TestCreate_full_jobs_at_once(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		var wg sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			wg.Go(func() { _, errs[i] = f.jobs.Create(t.Context(), f.scraper, []byte(full)) })
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			switch doctype.CodeOf(err) {
			case "":
				made++
			case doctype.CodeConflict:
			default:
				t.Error(err)
			}
		}
		if n, err := f.jobs.Count(t.Context(), query.Query{}); made != 1 || n != 1 || err != nil {
			t.Errorf("%d were made, %d are there, %v", made, n, err)
		}
	})
}

func TestCreate_with_a_webhook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		told := 0
		kept := hooks.New(h.db, &sender.Guard{}, ledger.New(h.db), hooks.Options{Changed: func() { told++ }})
		h.docs = documents.New(h.db, documents.Options{Now: h.clock.now})
		h.jobs = jobs.New(h.db, h.docs, jobs.Options{Hooks: kept})
		f := h.feed(t, "", "")

		j := f.create(t, `{"a":1,"webhook":{"url":"https://example.com/in","events":["scraper.job.finished"],"headers":{"X-A":"b"}},"mode":"full"}`)
		wantWords(t, "input", string(j.Input), `{"a":1}`)
		inline, err := kept.Inline(t.Context())
		if _, ok := inline[j.ID]; err != nil || !ok || told != 1 {
			t.Errorf("webhooks %v, told %d times, %v", inline, told, err)
		}
		for _, body := range []string{`{"webhook":{"url":"nowhere"}}`, `{"webhook":"https://example.com"}`, `{"webhook":{"events":[]}}`, `{"webhook":[]}`} {
			if _, err := f.jobs.Create(t.Context(), f.scraper, []byte(body)); doctype.CodeOf(err) != "invalid" && doctype.CodeOf(err) != "mandatory" {
				t.Errorf("%s: %v", body, err)
			}
		}
		_, err = f.jobs.Create(t.Context(), f.scraper, []byte(`{"webhook":{"url":"https://example.com/in"},"mode":"full"}`))
		wantCode(t, err, doctype.CodeConflict)
		if n, err := f.jobs.Count(t.Context(), query.Query{}); n != 1 || err != nil {
			t.Errorf("%d jobs, want 1; %v", n, err)
		}
		if again, err := kept.Inline(t.Context()); err != nil || len(again) != 1 || told != 1 {
			t.Errorf("webhooks %v, told %d times, %v", again, told, err)
		}
	})
}

func TestList_and_count(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		f.run(t, full, "a", "b")
		h.clock.advance(idle)
		f.run(t, `{"town":"Zoë <x>"}`, "a")
		held := f.run(t, full, "a")
		open := f.create(t, `{"expect":3}`)
		table := []struct {
			filters string
			want    int64
		}{
			{`{}`, 4},
			{`{"status":"held"}`, 1},
			{`{"status":["in",["pending","held"]]}`, 2},
			{`{"mode":"full"}`, 2},
			{`{"scraper":"` + f.scraper + `"}`, 4},
			{`{"scraper":"nobody"}`, 0},
			{`{"doctype":"` + f.docType + `"}`, 4},
			{`{"dataRowsCount":[">",1]}`, 1},
			{`{"held":[">",0]}`, 1},
			{`{"brake":"max_ratio"}`, 1},
			{`{"expect":3}`, 1},
			{`{"name":"` + open.ID + `"}`, 1},
			{`{"finishedAt":["is","set"]}`, 3},
			{`{"creation":[">","2026-01-02 04:00:00"]}`, 3},
		}
		for _, row := range table {
			filters, err := query.ParseFilters([]byte(row.filters))
			if err != nil {
				t.Fatal(err)
			}
			q := query.Query{Filters: filters, Limit: query.All}
			n, err := h.jobs.Count(t.Context(), q)
			if err != nil || n != row.want {
				t.Errorf("%s: %d, want %d; %v", row.filters, n, row.want, err)
			}
			if list, err := h.jobs.List(t.Context(), q); err != nil || int64(len(list)) != row.want {
				t.Errorf("%s: listed %d, want %d; %v", row.filters, len(list), row.want, err)
			}
		}
		list, err := h.jobs.List(t.Context(), query.Query{Limit: 2, Start: 1, Order: []query.Order{{Field: "creation", Desc: true}}})
		if err != nil || len(list) != 2 || list[0].ID != held.ID {
			t.Errorf("in order: %+v, %v", list, err)
		}
		for _, field := range []string{"key_id", "began", "foreign", "nothing"} {
			_, err := h.jobs.List(t.Context(), query.Query{Filters: []query.Filter{query.NewFilter(field, query.Equal, "x")}})
			wantCode(t, err, "invalid")
		}
	})
}
