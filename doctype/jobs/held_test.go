package jobs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/doctype/jobs"
)

func TestHeld_removals(t *testing.T) {
	const held = "full A : a b c d\n full H : a\n job H status=held held=3 brake=min_ratio removed=0\n live a b c d\n removals H b c d\n"
	tell(t, []story{
		{name: "approve", script: "full A : a b c d\n log started +a +b +c +d data finished\n full H : a=2 x" + `
			log started ~a +x data finished   // what came stands, and the end is told
			approve H
			log -b -c -d
			job H status=finished removed=3 held=0 decision=approved
			removals H
			approve H
			log
			discard H !conflict
			finish H
			fail H !conflict
			stop H !conflict
			live a x
		`},
		{name: "discard", script: held + `
			discard H
			job H status=finished removed=0 held=0 decision=discarded
			removals H
			discard H
			approve H !conflict
			live a b c d
			log started +a +b +c +d data finished started data finished
		`},
		{name: "some came back meanwhile", script: held + `
			partial P : b                    // unchanged
			ingest c                         // in a page of no job
			removals H d
			approve H
			job H removed=1
			live a b c
		`},
		{name: "some came back, but were refused", docType: `"fields":[{"fieldname":"v","fieldtype":"Int"}]`, script: held + `
			partial P : b="x"
			removals H c d
			approve H
			live a b
		`},
		{name: "some were written meanwhile", script: held + `
			put b=1
			trash c
			restore c
			put d                            // says nothing new
			removals H d
			approve H
			job H removed=1
			live a b c
		`},
		{name: "some were written without a word", script: held + `
			partial P {"baseline":true} : b=1
			begin Q {"max_updates":0}
			page Q c=1
			approve H
			job H removed=1
			live a b c
		`},
		{name: "some were written, and the log has forgotten it", script: held + `
			put b=1
			trash c
			restore c
			forget
			approve H
			live a b c
		`},
		{name: "some were trashed meanwhile", script: held + `
			trash b
			removals H c d
			approve H
			job H removed=2
			live a
			log started +a +b +c +d data finished started data finished -b -c -d
		`},
		{name: "all came back meanwhile", script: held + `
			partial P : b c d
			removals H
			approve H
			job H removed=0 status=finished decision=approved
			live a b c d
		`},
		{name: "another scraper saw some", script: held + `
			scraper B
			partial P as B : b
			approve H
			live a b
		`},
		{name: "while a new job is under way", script: held + `
			begin N {"mode":"full"}
			page N a b
			approve H
			live a b
			page N c
			finish N
			live a b c
			job N status=finished removed=0
			log started +a +b +c +d data finished started data finished started data -c -d +c! data finished
		`},
		{name: "a later full job that finishes discards it", script: held + `
			full N : a b c
			job H status=finished decision=discarded held=0 removed=0
			job N status=finished removed=1
			live a b c
			approve H !conflict
		`},
		{name: "a later full job that is held too", script: held + `
			full N : a b
			job H status=finished decision=discarded
			job N status=held held=2
			removals H
			removals N c d
			approve N
			live a b
		`},
		{name: "other jobs do not discard it", script: held + `
			scraper B
			partial P : a
			full Q as B : x
			begin F {"mode":"full"}
			page F a
			fail F
			begin S {"mode":"full"}
			stop S
			job H status=held held=3
			removals H b c d
			approve H
			live a x
		`},
		{name: "a later job discards it where it looked", scraper: `"removal":{"min_ratio":null}`, script: `
			full A : {"sku":"a","r":1} {"sku":"b","r":1} {"sku":"c","r":2} {"sku":"d","r":2}
			full H {"scope":{"r":1}} :
			job H status=held held=2 brake=zero
			full O {"scope":{"r":2}} : {"sku":"c","r":2} {"sku":"d","r":2}
			job O status=finished
			job H status=held held=2
			full P {"scope":{"r":1}} : {"sku":"a","r":1} {"sku":"b","r":1}
			job H status=finished decision=discarded
			full I {"scope":{"r":2}} :
			job I status=held
			full Q : {"sku":"a","r":1} {"sku":"b","r":1} {"sku":"c","r":2}
			job I status=finished decision=discarded
			job Q status=finished removed=1
		`},
		{name: "what was approved comes back", script: held + `
			approve H
			partial P : b
			put c
			restore d
			log started +a +b +c +d data finished started data finished -b -c -d started +b! data finished +c! +d!
		`},
		{name: "nothing is held of jobs that end otherwise", script: `
			full A : a b c d
			begin F {"mode":"full"}
			fail F
			job F status=failed held=0 brake=
			approve F !conflict
			begin S {"mode":"full"}
			stop S
			discard S !conflict
		`},
		{name: "an open one can be neither approved nor discarded", script: `
			begin O {"mode":"full"}
			approve O !conflict
			discard O !conflict
			start O
			approve O !conflict
			discard O !conflict
		`},
		{name: "scraper and DocType stand", script: held + `
			brakes {"misses":3}              // says nothing about what is held already
			approve H
			live a
		`},
	})
}

func TestHeld_removals_are_one_write(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		f.run(t, full, "a", "b", "c", "d")
		first := f.run(t, full, "a")
		approve := func(j *jobs.Job) []doctype.Event {
			t.Helper()
			f.fresh(t)
			var err error
			if *j, err = f.jobs.Approve(t.Context(), j.ID); err != nil {
				t.Fatal(err)
			}
			events := f.fresh(t)
			for _, e := range events {
				if e.Event != doctype.OnTrash || e.Job != j.ID || e.Scraper != f.scraper || e.Page >= 0 || e.Page != events[0].Page {
					t.Errorf("%s %s of job %s, page %d", e.Event, e.Name, e.Job, e.Page)
				}
			}
			return events
		}
		one := approve(&first)
		f.run(t, `{}`, "b", "c", "d")
		second := f.run(t, full, "a")
		two := approve(&second)
		if len(one) != 3 || len(two) != 3 || one[0].Page == two[0].Page {
			t.Errorf("%d and %d events, pages %d and %d", len(one), len(two), one[0].Page, two[0].Page)
		}
	})
}

func TestRemovals_are_listed_in_pages(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, "", "")
		var all []string
		for i := range 25 {
			all = append(all, fmt.Sprintf("d%02d", i))
		}
		f.run(t, full, all...)
		j := f.run(t, full, "x")
		var got []string
		for start := 0; ; start += 10 {
			names, total, err := f.jobs.Removals(t.Context(), j.ID, start, 10)
			if err != nil || total != 25 {
				t.Fatalf("of %d, %v", total, err)
			}
			if len(names) == 0 {
				break
			}
			got = append(got, names...)
		}
		if !slices.Equal(got, all) {
			t.Errorf("listed %v", got)
		}
	})
}

func TestBaseline(t *testing.T) {
	tell(t, []story{
		{name: "stores without events of documents", scraper: off, script: `
			begin A {"mode":"full","baseline":true}
			page A a=1 b=1 c
			page A b=2
			finish A
			log started data data finished
			job A rows=4 status=finished
			full B : a=1 b=3 d
			log started ~b +d data -c finished
			live a b d
		`},
		{name: "removes without events, within the brakes", scraper: "", script: `
			full A : a b c
			log started +a +b +c data finished
			full B {"baseline":true} : a b
			live a b
			full C {"baseline":true} : a
			job C status=held held=1
			approve C
			live a
			log started data finished started data finished
			partial D : b c
			log started +b! +c! data finished
		`},
		{name: "holds no updates", script: `
			full A : a b c
			partial B {"baseline":true,"max_updates":0} : a=1 b=1 c=1
			job B status=finished held_updates=0
			log started +a +b +c data finished started data finished
		`},
	})
}

func TestMaxUpdates(t *testing.T) {
	const four = "full A : a=1 b=1 c=1 d=1\n log started +a +b +c +d data finished\n"
	tell(t, []story{
		{name: "at", script: four + `
			partial B {"max_updates":0.5} : a=2 b=2 c=1 x
			log started +x data ~a ~b finished
			job B status=finished held_updates=0 live=4 brake=
		`},
		{name: "below", script: four + `
			partial B {"max_updates":0.5} : a=2
			log started data ~a finished
			job B status=finished
		`},
		{name: "above", script: four + `
			partial B {"max_updates":0.5} : a=2 b=2 c=2 x
			log started +x data finished
			job B status=held held_updates=3 held=0 brake=max_updates
			approve B
			log ~a ~b ~c
			job B status=finished held_updates=0 decision=approved
			approve B
			discard B !conflict
			log
		`},
		{name: "0 and 1", script: four + `
			partial B {"max_updates":0} : a=1 b=1
			job B status=finished
			partial C {"max_updates":0} : a=2
			job C status=held held_updates=1
			partial D {"max_updates":1} : a=3 b=3 c=3 d=3
			job D status=finished
			log started data finished started data finished started data ~a ~b ~c ~d finished
		`},
		{name: "each document counts once", script: four + `
			begin B {"max_updates":0.5}
			page B a=2 b=2
			page B a=3 b=4
			finish B
			log started data data ~a ~b finished
		`},
		{name: "of documents that the job brought", script: `
			begin A {"max_updates":0.5}
			page A a=1 b=1
			page A a=2 b=2
			finish A
			job A status=finished live=0 held_updates=0
			log started +a +b data ~a ~b data finished
		`},
		{name: "discarded", script: four + `
			partial B {"max_updates":0.5} : a=2 b=2 c=2
			discard B
			job B status=finished decision=discarded held_updates=0
			partial C : a=2 b=2 c=2
			log started data finished started data finished
			approve B !conflict
		`},
		{name: "the document changed meanwhile", script: four + `
			partial B {"max_updates":0} : a=2 b=2 c=2 d=2
			put a=9
			put b=1                           // as it was
			trash c
			log started data finished ~a ~b -c
			approve B
			log ~a ~d
		`},
		{name: "changed and changed back in the job", script: four + `
			begin B {"max_updates":0.5}
			page B a=2 b=2
			page B a=1
			finish B
			log started data data ~b finished
		`},
		{name: "of a job that fails", script: four + `
			begin B {"mode":"full","max_updates":0.5}
			page B a=2 b=2 c=2
			fail B
			job B status=failed held_updates=3 brake=max_updates
			log started data failed
			fail B
			finish B !conflict
			approve B
			job B status=failed held_updates=0 decision=approved
			log ~a ~b ~c
			live a b c d
		`},
		{name: "of a job that is stopped, few", script: four + `
			begin B {"max_updates":0.5}
			page B a=2
			stop B
			job B status=stopped
			log started data ~a stopped
		`},
		{name: "of a job that is stopped, many, discarded", script: four + `
			begin B {"max_updates":0}
			page B a=2
			stop B
			job B status=stopped held_updates=1
			discard B
			job B status=stopped held_updates=0 decision=discarded
			stop B
			log started data stopped
		`},
		{name: "with removals that go", script: four + `
			full B {"max_updates":0} : a=2 b=2 c=2
			job B status=held held=0 held_updates=3 removed=1 brake=max_updates
			log started data -d finished
			approve B
			log ~a ~b ~c
		`},
		{name: "with removals that are held", script: four + `
			full B {"max_updates":0} : a=2
			job B status=held held=3 held_updates=1 brake=min_ratio
			log started data finished
			approve B
			job B status=finished removed=3
			log ~a -b -c -d
		`},
		{name: "with few updates and removals that are held", script: four + `
			full B {"max_updates":0.5} : a=2
			job B status=held held=3 held_updates=0
			log started data ~a finished
			discard B
			log
		`},
		{name: "of the documents in the scope", script: `
			full A : {"sku":"a","r":1} {"sku":"b","r":1} {"sku":"c","r":2} {"sku":"d","r":2}
			partial B {"max_updates":0.5,"scope":{"r":1}} : {"sku":"a","r":1,"v":1}
			job B live=2 status=finished
			partial C {"max_updates":0.4,"scope":{"r":1}} : {"sku":"a","r":1,"v":2}
			job C live=2 status=held
		`},
		{name: "of an open job no page of another one hears", script: four + `
			begin B {"max_updates":0}
			page B a=2
			partial C : a=2
			partial D : a=3
			log started data started data finished started ~a data finished
			finish B
			approve B
			log finished ~a
		`},
	})
}

func TestMaxUpdates_events(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		f := h.feed(t, `"fields":[{"fieldname":"t","fieldtype":"Data","compare":"text"},{"fieldname":"seen","fieldtype":"Data","compare":"ignore"}]`, "")
		f.run(t, full, `{"sku":"a","v":1.0,"gone":null,"t":"x y","seen":1}`, `{"sku":"b","v":1,"t":"x y"}`, `{"sku":"c","v":1}`)
		j := f.create(t, `{"max_updates":0}`)
		f.page(t, j.ID, `{"sku":"a","v":2,"t":"z","seen":2}`, `{"sku":"b","v":1,"t":"z"}`, `{"sku":"c","v":2,"w":[1, 2]}`)
		f.page(t, j.ID, `{"sku":"a","v":3.50,"t":"z","seen":3}`)
		f.finish(t, j.ID)
		if _, err := f.docs.Put(t.Context(), f.docType, []byte(`{"sku":"b","v":1,"t":" x  y "}`)); err != nil { // the same by the rule of t
			t.Fatal(err)
		}
		f.fresh(t)
		if _, err := f.jobs.Approve(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range f.fresh(t) {
			got = append(got, fmt.Sprintf("%s %s v%d %s %s", e.Event, e.Name, e.Version, e.Data, e.Changed))
			if e.Job != j.ID || e.Scraper != f.scraper || e.Page >= 0 {
				t.Errorf("%s: job %s, page %d", e.Name, e.Job, e.Page)
			}
		}
		want := []string{
			`on_update a v3 {"sku":"a","v":3.50,"t":"z","seen":3} [{"name":"v","from":1.0,"to":3.50},{"name":"t","from":"x y","to":"z"},{"name":"gone","from":null}]`,
			`on_update c v2 {"sku":"c","v":2,"w":[1, 2]} [{"name":"v","from":1,"to":2},{"name":"w","to":[1, 2]}]`,
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
