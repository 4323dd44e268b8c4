package documents_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/eventlog"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

// records makes a page: a is {"sku":"a"}, a=1 is {"sku":"a","v":1}, and -a removes it.
func records(words ...string) documents.Page {
	var p documents.Page
	for i, word := range words {
		r := documents.Record{Line: i + 1}
		word, r.Trash = strings.CutPrefix(word, "-")
		switch name, value, ok := strings.Cut(word, "="); {
		case strings.HasPrefix(word, "{"):
			r.Data = []byte(word)
		case ok:
			r.Data = fmt.Appendf(nil, `{"sku":%q,"v":%s}`, name, value)
		default:
			r.Data = fmt.Appendf(nil, `{"sku":%q}`, name)
		}
		p.Records = append(p.Records, r)
	}
	return p
}

// outcomes are the lines of an answer in short.
func outcomes(r documents.PageResult) string {
	var out []string
	for _, l := range r.Lines {
		word := string(l.Outcome)
		if l.Code != "" {
			word += ":" + l.Code
		}
		out = append(out, l.Name+" "+word)
	}
	return strings.Join(out, ", ")
}

func TestPage_records_that_remove(t *testing.T) {
	each(t, []string{`{"name":"Product","autoname":"field:sku","open":false,"fields":[{"fieldname":"sku","fieldtype":"Data"},{"fieldname":"w","fieldtype":"Data","reqd":1}]}`}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		page := func(want string, words ...string) {
			t.Helper()
			for i := range words {
				if !strings.HasPrefix(words[i], "-") && !strings.HasPrefix(words[i], "{") {
					words[i] = fmt.Sprintf(`{"sku":%q,"w":"x"}`, words[i])
				}
			}
			r, err := s.WritePage(ctx, "Product", records(words...))
			if got := outcomes(r); err != nil || got != want {
				t.Errorf("%v: %s, %v, want %s", words, got, err, want)
			}
			sum := r.Inserted + r.Updated + r.Unchanged + r.Duplicates + r.Trashed + r.Rejected
			if r.Received != len(words) || sum != len(words) {
				t.Errorf("%v: %+v", words, r)
			}
		}
		page("a inserted, b inserted, c inserted", "a", "b", "c")
		page("a trashed", `-{"sku":"a"}`)
		page("a rejected:not_found, never rejected:not_found", "-a", "-never")
		page("b trashed", `-{"sku":"b","anything":"goes","w":null}`) // only the name counts
		page(" rejected:name,  rejected:invalid", `-{"w":"x"}`, `-{"sku":"c","sku":"c"}`)
		page("c duplicate, c unchanged", "-c", "c") // the last of a name wins
	})
}

func TestPage_last_of_a_name_wins_also_where_it_removes(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		for _, step := range []struct{ page, want string }{
			{"a b c", "a inserted, b inserted, c inserted"},
			{"-a a", "a duplicate, a unchanged"},
			{"b=1 -b", "b duplicate, b trashed"},
			{"-c -c", "c duplicate, c trashed"},
			{"-c c=1", "c duplicate, c inserted"},
			{"-x x -x", "x duplicate, x duplicate, x rejected:not_found"},
		} {
			r, err := s.WritePage(t.Context(), "Product", records(strings.Fields(step.page)...))
			if got := outcomes(r); err != nil || got != step.want {
				t.Errorf("%s: %s, %v, want %s", step.page, got, err, step.want)
			}
		}
		wantLog(t, s, `on_insert a v1 {"sku":"a"}`, `on_insert b v1 {"sku":"b"}`, `on_insert c v1 {"sku":"c"}`,
			`on_trash b v2 {"sku":"b"}`, `on_trash c v2 {"sku":"c"}`, `on_insert c v3 {"sku":"c","v":1} restored`)
	})
}

func TestPage_names_what_it_refuses(t *testing.T) {
	each(t, []string{`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"v","fieldtype":"Int"}]}`}, func(t *testing.T, s *documents.Service) {
		r, err := s.WritePage(t.Context(), "Product", records(`a="x"`, "b=1", `{"v":1}`, `b="x"`))
		if got := outcomes(r); err != nil || got != "a rejected:invalid, b inserted,  rejected:name, b rejected:invalid" {
			t.Errorf("%s, %v", got, err)
		}
	})
}

func TestRun_marks_documents_and_events(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		write := func(run documents.Run, words ...string) documents.PageResult {
			t.Helper()
			p := records(words...)
			p.Run = run
			r, err := s.WritePage(ctx, "Product", p)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		who := func(r documents.PageResult) (out string) {
			for _, l := range r.Lines {
				out += l.Name + ":" + l.Scraper + " "
			}
			return out
		}
		if got := who(write(documents.Run{Job: "j1", Scraper: "s1", Page: 1}, "a", "b")); got != "a:s1 b:s1 " {
			t.Error(got)
		}
		if got := who(write(documents.Run{Job: "j2", Scraper: "s2", Page: 7}, "a", "b=1")); got != "a:s1 b:s2 " { // whose job wrote it last
			t.Error(got)
		}
		write(documents.Run{}, "a=1", "b=1", "c") // nobody's job
		if got := who(write(documents.Run{Job: "j2", Scraper: "s2", Page: 8}, "a=1", "c", "b=1")); got != "a:s1 c: b:s2 " {
			t.Error(got)
		}
		n, err := s.TrashAll(ctx, "Product", []string{"a", "nothing", "b"}, documents.Run{Job: "j3", Scraper: "s3", Page: -5})
		if n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		events, err := s.Log().Events(ctx, eventlog.Range{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			page := fmt.Sprint(e.Page)
			if e.Job == "" && e.Page < 0 {
				page = "own"
			}
			got = append(got, fmt.Sprintf("%s %s %s/%s/%s", e.Event, e.Name, e.Job, e.Scraper, page))
		}
		want := "on_insert a j1/s1/1, on_insert b j1/s1/1, on_update b j2/s2/7, on_update a //own, on_insert c //own, on_trash a j3/s3/-5, on_trash b j3/s3/-5"
		if strings.Join(got, ", ") != want {
			t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
		}
		if events[3].Page != events[4].Page {
			t.Errorf("one write has pages %d and %d", events[3].Page, events[4].Page)
		}
	})
}

func TestRun_quiet(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		quiet := documents.Run{Job: "j", Scraper: "s", Page: 1, Quiet: true, Defer: true}
		for _, words := range [][]string{{"a", "b"}, {"a=1", "-b"}} {
			p := records(words...)
			p.Run = quiet
			if r, err := s.WritePage(ctx, "Product", p); err != nil || r.Rejected > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		if _, err := s.TrashAll(ctx, "Product", []string{"a"}, quiet); err != nil {
			t.Fatal(err)
		}
		wantLog(t, s)
		if _, err := s.Put(ctx, "Product", []byte(`{"sku":"a","v":2}`)); err != nil {
			t.Fatal(err)
		}
		wantLog(t, s, `on_insert a v4 {"sku":"a","v":2} restored`)
	})
}

func TestTx_deferred_and_logged_events(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		on(t, s, "Product", doctype.OnUpdate, func(_ context.Context, w *documents.Write) error {
			if w.Doc.Name == "bad" {
				return errors.New("no")
			}
			return nil
		})
		if _, err := s.WritePage(ctx, "Product", records("a", "b", "bad", "c")); err != nil {
			t.Fatal(err)
		}
		var kept []string
		page := func(ctx context.Context, job string, words ...string) error {
			p := records(words...)
			p.Run = documents.Run{Job: job, Scraper: "s", Page: 1, Defer: true}
			_, err := s.WritePage(ctx, "Product", p)
			return err
		}
		err := s.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
			kept = nil
			if err := page(ctx, "one", "a=1", "bad=1", "new"); err != nil {
				return err
			}
			if err := page(ctx, "two", "b=1"); err != nil {
				return err
			}
			undone := s.InTx(ctx, func(ctx context.Context, tx *documents.Tx) error {
				if err := page(ctx, "three", "c=1"); err != nil {
					return err
				}
				if n := len(tx.Deferred("one")) + len(tx.Deferred("three")); n != 2 {
					t.Errorf("%d events inside", n)
				}
				tx.Log(doctype.Event{ID: eventlog.NewID(), At: tx.Now(), DocType: "Product", Name: "undone", Event: doctype.JobData, Data: []byte("{}")})
				return errors.New("undone")
			})
			if undone == nil {
				t.Error("the inner error is lost")
			}
			for _, job := range []string{"one", "two", "three", "one"} {
				for _, e := range tx.Deferred(job) {
					kept = append(kept, job+" "+e.Name+" "+string(e.Changed))
				}
			}
			tx.Log(doctype.Event{ID: eventlog.NewID(), At: tx.Now(), DocType: "Product", Name: "j", Event: doctype.JobData, Data: []byte("{}")})
			return nil
		})
		if want := `one a [{"name":"v","to":1}]|two b [{"name":"v","to":1}]`; err != nil || strings.Join(kept, "|") != want {
			t.Errorf("%s, %v, want %s", strings.Join(kept, "|"), err, want)
		}
		wantLog(t, s, `on_insert a v1 {"sku":"a"}`, `on_insert b v1 {"sku":"b"}`, `on_insert bad v1 {"sku":"bad"}`, `on_insert c v1 {"sku":"c"}`,
			`on_insert new v1 {"sku":"new"}`, `job.data j v0 {}`)
		if d, err := s.Get(ctx, "Product", "c"); err != nil || d.Version != 1 {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func TestTrashAll(t *testing.T) {
	each(t, []string{`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"ean","fieldtype":"Data","unique":1}]}`}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		var p documents.Page
		var names []string
		for i := range 5003 { // more than are written at once
			names = append(names, fmt.Sprintf("d%04d", i))
			p.Records = append(p.Records, documents.Record{Line: i + 1, Data: fmt.Appendf(nil, `{"sku":%q,"ean":"%d"}`, names[i], i)})
		}
		if r, err := s.WritePage(ctx, "Product", p); err != nil || r.Inserted != 5003 {
			t.Fatal(err)
		}
		on(t, s, "Product", doctype.OnTrash, func(_ context.Context, w *documents.Write) error {
			if w.Doc.Name == "d0001" {
				return errors.New("it stays")
			}
			return nil
		})
		n, err := s.TrashAll(ctx, "Product", names, documents.Run{})
		if n != 5002 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err = s.TrashAll(ctx, "Product", names, documents.Run{}); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		if n, err = s.TrashAll(ctx, "Product", nil, documents.Run{}); n != 0 || err != nil {
			t.Errorf("nothing: %d, %v", n, err)
		}
		if _, err = s.Insert(ctx, "Product", []byte(`{"sku":"x","ean":"7"}`)); err != nil {
			t.Errorf("a trashed document holds its value: %v", err)
		}
		_, err = s.TrashAll(ctx, "Nothing", names, documents.Run{})
		wantCode(t, err, doctype.CodeNotFound)
	})
}

func TestLive(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		if _, err := s.WritePage(ctx, "Product", records("c", "a", "it's ?", "b")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Trash(ctx, "Product", "b"); err != nil {
			t.Fatal(err)
		}
		docs, err := s.Live(ctx, "Product", []string{"it's ?", "c", "b", "nothing", "a", "a"})
		var got []string
		for _, d := range docs {
			got = append(got, d.Name)
		}
		if err != nil || strings.Join(got, "|") != "a|c|it's ?" {
			t.Errorf("%v, %v", got, err)
		}
		for _, none := range [][]string{nil, {}, {"b"}} {
			if docs, err := s.Live(ctx, "Product", none); len(docs) != 0 || err != nil {
				t.Errorf("%v: %v, %v", none, docs, err)
			}
		}
	})
}

func TestOnSeen_hears_what_a_page_brought(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := documents.New(db, documents.Options{})
		var seen []string
		refuse := false
		s.OnSeen(func(_ context.Context, _ bun.Tx, docType string, names []string) error {
			if refuse {
				return errors.New("not now")
			}
			seen = append(seen, docType+":"+strings.Join(names, ","))
			return nil
		})
		d, err := doctype.ParseDocType([]byte(`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"v","fieldtype":"Int"}]}`))
		if err == nil {
			_, err = s.InsertDocType(t.Context(), d)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range []string{"a b", "a b=1 a", `-b c="x"`, "-a", "-a nothing=1"} {
			if _, err := s.WritePage(t.Context(), "Product", records(strings.Fields(page)...)); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(seen, " "); got != "Product:a,b Product:b,a Product:nothing" {
			t.Error(got)
		}
		refuse = true
		if _, err := s.WritePage(t.Context(), "Product", records("late")); err == nil {
			t.Error("its error is lost")
		}
		if _, err := s.Get(t.Context(), "Product", "late"); doctype.CodeOf(err) != doctype.CodeNotFound {
			t.Errorf("its page stands: %v", err)
		}
	})
}

func TestAnswered(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		p := records("a", "{}", "a=1")
		if r, err := s.Answered(ctx, p); err != nil || r.Repeated {
			t.Errorf("without a key: %+v, %v", r, err)
		}
		p.IdempotencyKey, p.Number, p.Scope = "k", 2, "here"
		if r, err := s.Answered(ctx, p); err != nil || r.Repeated {
			t.Errorf("new: %+v, %v", r, err)
		}
		first, err := s.WritePage(ctx, "Product", p)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Answered(ctx, p)
		if err != nil || !r.Repeated || outcomes(r) != outcomes(first) || r.Received != 3 {
			t.Errorf("%+v, %v", r, err)
		}
		other := p
		other.Number = 3
		if r, err := s.Answered(ctx, other); err != nil || r.Repeated {
			t.Errorf("another page: %+v, %v", r, err)
		}
		other = p
		other.Scope = "there"
		_, err = s.Answered(ctx, other)
		wantCode(t, err, "idempotency_mismatch")
	})
}
