package graph_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"dochook/doctype/query"
	"dochook/doctype/scrapers"
	"dochook/hooks"
)

// TestExamples runs the documented queries as they stand.
func TestExamples(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.is(s.query(file(t, "list.graphql"), ""), `{"getWebhooks":[]}`)
		id := s.id(s.query(file(t, "save.graphql"), ""))
		if again := s.id(s.query(file(t, "save.graphql"), "")); again != id {
			t.Errorf("saved again it is %q, not %q", again, id)
		}
		other := s.id(s.query(file(t, "monitor.graphql"), ""))
		s.is(s.query(file(t, "list.graphql"), ""), fmt.Sprintf(`{"getWebhooks":[
			{"id":%q,"url":"https://example.com/webhook","event":"UPDATED","fields":["price","stock"],"jobID":"4765"},
			{"id":%q,"url":"https://example.com/webhook","event":"UPDATED","fields":["price","stock"],"jobID":"job123"}]}`, other, id))
		s.is(s.query(file(t, "delete.graphql"), ""), `{"deleteWebhook":false}`)
		s.is(s.query(`mutation($id: ID!) { deleteWebhook(id: $id) }`, fmt.Sprintf(`{"id":%q}`, id)), `{"deleteWebhook":true}`)
		s.is(s.query(`{getWebhooks{jobID}}`, ""), `{"getWebhooks":[{"jobID":"4765"}]}`)
	})
}

const save = `mutation($url: String!, $event: WebhookEvent!, $fields: [String], $jobID: ID!) {
	saveWebhook(url: $url, event: $event, fields: $fields, jobID: $jobID)
}`

// save stores a webhook, fields as JSON, and returns its id.
func (s *site) save(url, event, fields, jobID string) string {
	s.t.Helper()
	return s.id(s.query(save, fmt.Sprintf(`{"url":%q,"event":%q,"fields":%s,"jobID":%q}`, url, event, fields, jobID)))
}

// stored is the one stored Webhook.
func (s *site) stored() hooks.Stored {
	s.t.Helper()
	all, err := s.webhooks.List(s.t.Context(), query.Query{Limit: query.All})
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%d Webhooks, %v", len(all), err)
	}
	return all[0]
}

// TestSave follows one stored Webhook through the events of one scraper and URL.
func TestSave(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		const url = "https://example.com/in"
		for _, step := range []struct {
			event, fields string
			events        []string // of the stored Webhook after it
			monitored     []string
			kept          map[string][]string
		}{
			{"UPDATED", `["price"]`, []string{"on_update"}, []string{"price"}, nil},
			{"REMOVED", `null`, []string{"on_update", "on_trash"}, []string{"price"}, nil},
			{"ADDED", `["name", "price"]`, []string{"on_update", "on_trash", "on_insert"}, []string{"price"}, map[string][]string{"on_insert": {"name", "price"}}},
			{"UPDATED", `["stock","a b"]`, []string{"on_update", "on_trash", "on_insert"}, []string{"stock", "a b"}, map[string][]string{"on_insert": {"name", "price"}}},
			{"REMOVED", `["x"]`, []string{"on_update", "on_trash", "on_insert"}, []string{"stock", "a b"}, map[string][]string{"on_insert": {"name", "price"}, "on_trash": {"x"}}},
			{"ADDED", `null`, []string{"on_update", "on_trash", "on_insert"}, []string{"stock", "a b"}, map[string][]string{"on_trash": {"x"}}},
			{"UPDATED", `[]`, []string{"on_update", "on_trash", "on_insert"}, nil, map[string][]string{"on_trash": {"x"}}},
			{"UPDATED", `"one"`, []string{"on_update", "on_trash", "on_insert"}, []string{"one"}, map[string][]string{"on_trash": {"x"}}},
		} {
			id := s.save(" "+url+" ", step.event, step.fields, "job123")
			w := s.stored()
			if want := w.Name + "." + step.event; id != want {
				t.Errorf("id %q, want %q", id, want)
			}
			if len(w.Fields) == 0 {
				w.Fields = nil
			}
			if len(w.EventFields) == 0 {
				w.EventFields = nil
			}
			if !reflect.DeepEqual(w.Events, step.events) || !reflect.DeepEqual(w.Fields, step.monitored) || !reflect.DeepEqual(w.EventFields, step.kept) {
				t.Errorf("after %s %s: events %v fields %v event_fields %v", step.event, step.fields, w.Events, w.Fields, w.EventFields)
			}
			if w.Format != hooks.FormatChanges || w.Scraper != "job123" || w.WebhookDocType != "Product" || w.RequestURL != url || !w.Enabled || w.Owner != "Administrator" {
				t.Errorf("stored as %+v", w)
			}
		}
		name := s.stored().Name
		if !strings.HasPrefix(name, "job123 changes ") || len(name) != len("job123 changes 01234567") {
			t.Errorf("the stored Webhook is called %q", name)
		}
		s.is(s.query(list, ""), fmt.Sprintf(`{"getWebhooks":[
			{"id":"%[1]s.ADDED","url":%[2]q,"event":"ADDED","fields":null,"jobID":"job123"},
			{"id":"%[1]s.UPDATED","url":%[2]q,"event":"UPDATED","fields":["one"],"jobID":"job123"},
			{"id":"%[1]s.REMOVED","url":%[2]q,"event":"REMOVED","fields":["x"],"jobID":"job123"}]}`, name, url))
		for _, other := range []string{s.save(url+"/", "ADDED", "null", "job123"), s.save(url, "ADDED", "null", "644")} {
			if strings.HasPrefix(other, name+".") {
				t.Errorf("another URL or scraper shares %q", other)
			}
		}
	})
}

// TestNumbers saves under an ID that is a number, in all the ways to say so.
func TestNumbers(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		one := s.id(s.query(`mutation { saveWebhook(url: "https:\/\/a.example", event: ADDED, jobID: 4765) }`, ""))
		for _, other := range []reply{
			s.query(`mutation { saveWebhook(url: "https://a.example", event: ADDED, jobID: "4765") }`, ""),
			s.query(save, `{"url":"https://a.example","event":"ADDED","jobID":4765}`),
			s.query(save, `{"url":"https:\/\/a.example","event":"ADDED","jobID":"4765"}`),
		} {
			if got := s.id(other); got != one {
				t.Errorf("got %q, want %q", got, one)
			}
		}
		if w := s.stored(); w.RequestURL != "https://a.example" || w.Scraper != "4765" {
			t.Errorf("stored as %+v", w)
		}
	})
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		var ids []string
		for _, event := range []string{"ADDED", "UPDATED", "REMOVED"} {
			ids = append(ids, s.save("https://a.example/x", event, `["f"]`, "644"))
		}
		gone := func(id string, want bool) {
			t.Helper()
			s.is(s.query(`mutation($id: ID!) { deleteWebhook(id: $id) }`, fmt.Sprintf(`{"id":%q}`, id)), fmt.Sprintf(`{"deleteWebhook":%t}`, want))
		}
		name := s.stored().Name
		for _, id := range []string{
			"", ".", ".ADDED", name, name + ".", name + ".added", name + ".ANY", name + ".ADDED.ADDED", "x.ADDED", strings.Repeat("long", 1000) + ".ADDED",
		} {
			gone(id, false)
		}
		gone(ids[1], true)
		gone(ids[1], false)
		if w := s.stored(); !reflect.DeepEqual(w.Events, []string{"on_insert", "on_trash"}) || len(w.Fields) != 0 || len(w.EventFields) != 2 {
			t.Errorf("left: %v %v %v", w.Events, w.Fields, w.EventFields)
		}
		if again := s.save("https://a.example/x", "UPDATED", `null`, "644"); again != ids[1] || len(s.stored().Fields) != 0 {
			t.Errorf("%q came back with the fields %v", again, s.stored().Fields)
		}
		for _, id := range []string{ids[2], ids[1], ids[0]} {
			gone(id, true)
		}
		s.is(s.query(list, ""), `{"getWebhooks":[]}`)
		var own *hooks.Error
		if _, err := s.webhooks.Get(t.Context(), name); !errors.As(err, &own) || own.Code() != hooks.CodeNotFound {
			t.Errorf("the stored Webhook without events: %v", err)
		}
	})
}

// TestMadeElsewhere shows and changes what was not made with GraphQL.
func TestMadeElsewhere(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for _, w := range []string{
			`{"name":"v1.0 all","format":"changes","scraper":"644","events":["on_change"],"request_url":"https://a.example/","condition":"doc.price > 1","max_in_flight":3,
				"enable_security":1,"webhook_secret":"sesame"}`,
			`{"name":"document","webhook_doctype":"Product","events":["on_insert"],"request_url":"https://a.example/"}`,
			`{"name":"no scraper","format":"changes","webhook_doctype":"Product","request_url":"https://a.example/"}`,
			`{"name":"dynamic","format":"changes","scraper":"4765","events":["REMOVED"],"request_url":"https://a.example/{{eventData.name}}","is_dynamic_url":1}`,
		} {
			if _, err := s.webhooks.Insert(t.Context(), []byte(w)); err != nil {
				t.Fatal(err)
			}
		}
		s.is(s.query(`{getWebhooks{id fields jobID}}`, ""), `{"getWebhooks":[{"id":"dynamic.REMOVED","fields":null,"jobID":"4765"},
			{"id":"v1.0 all.ADDED","fields":null,"jobID":"644"},{"id":"v1.0 all.UPDATED","fields":null,"jobID":"644"},{"id":"v1.0 all.REMOVED","fields":null,"jobID":"644"}]}`)
		for _, id := range []string{"document.ADDED", "no scraper.ADDED"} {
			s.is(s.query(fmt.Sprintf(`mutation { deleteWebhook(id: %q) }`, id), ""), `{"deleteWebhook":false}`)
		}
		if id := s.save("https://a.example/", "UPDATED", `["price"]`, "644"); id != "v1.0 all.UPDATED" {
			t.Errorf("saved as %q", id)
		}
		s.is(s.query(`mutation { deleteWebhook(id: "v1.0 all.ADDED") }`, ""), `{"deleteWebhook":true}`)
		w, err := s.webhooks.Get(t.Context(), "v1.0 all")
		if err != nil || !reflect.DeepEqual(w.Events, []string{"on_update", "on_trash"}) || w.Condition == "" || w.MaxInFlight != 3 || !w.Secret {
			t.Errorf("%+v, %v", w, err)
		}
		if id := s.save("https://a.example/", "REMOVED", `null`, "4765"); id == "dynamic.REMOVED" {
			t.Error("a literal URL became part of a dynamic one")
		}
	})
}

func TestDisabled(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		id := s.save("https://a.example/", "ADDED", "null", "644")
		if _, err := s.webhooks.SetEnabled(t.Context(), s.stored().Name, false); err != nil {
			t.Fatal(err)
		}
		s.failed(s.query(save, `{"url":"https://a.example/","event":"REMOVED","jobID":"644"}`), no{200, "conflict", "is disabled: enable it"})
		s.is(s.query(`{getWebhooks{id}}`, ""), fmt.Sprintf(`{"getWebhooks":[{"id":%q}]}`, id))
		s.is(s.query(fmt.Sprintf(`mutation { deleteWebhook(id: %q) }`, id), ""), `{"deleteWebhook":true}`)
	})
}

// TestNames makes names that are taken or would be too long.
func TestNames(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		name := strings.TrimSuffix(s.save("https://a.example/", "ADDED", "null", "644"), ".ADDED")
		if _, err := s.webhooks.Update(t.Context(), name, []byte(`{"request_url":"https://moved.example/"}`)); err != nil {
			t.Fatal(err)
		}
		if id := s.save("https://a.example/", "ADDED", "null", "644"); id != name+" 2.ADDED" {
			t.Errorf("saved as %q beside %q", id, name)
		}
		ids := map[string]bool{}
		for _, last := range []string{"a", "é", "ab"} {
			scraper := scrapers.Scraper{Name: strings.Repeat("ü", 69) + last, Feeds: "Product"}
			if _, err := s.scrapers.Insert(t.Context(), scraper); err != nil {
				t.Fatal(err)
			}
			id := s.save("https://a.example/", "ADDED", "null", scraper.Name)
			if ids[id] || !strings.HasPrefix(id, "üüü") {
				t.Errorf("saved as %q", id)
			}
			ids[id] = true
		}
	})
}

// TestAtOnce saves and deletes from two processes at once; no event may get lost.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		doors := []*site{s, s.again(t)}
		events := []string{"ADDED", "UPDATED", "REMOVED"}
		var all sync.WaitGroup
		for url := range 4 {
			for i, event := range events {
				for _, door := range doors {
					all.Go(func() { door.save(fmt.Sprintf("https://a.example/%d", url), event, fmt.Sprintf(`["f%d"]`, i), "644") })
				}
			}
		}
		all.Wait()
		stored, err := s.webhooks.List(t.Context(), query.Query{Limit: query.All})
		if err != nil || len(stored) != 4 {
			t.Fatalf("%d Webhooks, %v", len(stored), err)
		}
		for i := range stored {
			w := &stored[i]
			kept := map[string][]string{"on_insert": {"f0"}, "on_trash": {"f2"}}
			if len(w.Events) != 3 || !reflect.DeepEqual(w.Fields, []string{"f1"}) || !reflect.DeepEqual(w.EventFields, kept) {
				t.Errorf("%s: %v %v %v", w.Name, w.Events, w.Fields, w.EventFields)
			}
		}
		for i := range stored {
			for _, event := range events[:2] {
				all.Go(func() {
					text := fmt.Sprintf("mutation { deleteWebhook(id: %q) }", stored[i].Name+"."+event)
					doors[i%2].is(doors[i%2].query(text, ""), `{"deleteWebhook":true}`)
				})
			}
		}
		all.Wait()
		s.is(s.query(`{getWebhooks{event}}`, ""), `{"getWebhooks":[{"event":"REMOVED"},{"event":"REMOVED"},{"event":"REMOVED"},{"event":"REMOVED"}]}`)
	})
}

// TestMistakes are arguments that nothing can be stored of.
func TestMistakes(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for _, tc := range []struct {
			what, variables string
			want            no
			field           string
		}{
			{"unknown scraper", `{"url":"https://a.example","event":"ADDED","jobID":"nobody"}`, no{200, "not_found", "make it with POST /api/resource/Scraper"}, "jobID"},
			{"empty scraper", `{"url":"https://a.example","event":"ADDED","jobID":""}`, no{200, "not_found", "Scraper"}, "jobID"},
			{"scraper is a fraction", `{"url":"https://a.example","event":"ADDED","jobID":4.5}`, no{200, "invalid", "jobID: must be a string or an integer"}, "jobID"},
			{"scraper is a list", `{"url":"https://a.example","event":"ADDED","jobID":["644"]}`, no{200, "invalid", "jobID: must be"}, "jobID"},
			{"url is a number", `{"url":5,"event":"ADDED","jobID":"644"}`, no{200, "invalid", "url: must be a string"}, "url"},
			{"url is empty", `{"url":" ","event":"ADDED","jobID":"644"}`, no{200, "mandatory", "url: where to?"}, "url"},
			{"url is none", `{"url":"example","event":"ADDED","jobID":"644"}`, no{200, "invalid", "url: "}, "url"},
			{"url of another scheme", `{"url":"ftp://a.example","event":"ADDED","jobID":"644"}`, no{200, "invalid", "url: "}, "url"},
			{"url never dialled", `{"url":"http://169.254.169.254/","event":"ADDED","jobID":"644"}`, no{200, "refused", "url: "}, "url"},
			{"url has a line break", `{"url":"https://a.example/\n","event":"ADDED","jobID":"644"}`, no{200, "invalid", "url: has a control character"}, "url"},
			{"a field is null", `{"url":"https://a.example","event":"ADDED","jobID":"644","fields":["a",null]}`, no{200, "invalid", "fields[1]: is null"}, "fields[1]"},
			{"a field is empty", `{"url":"https://a.example","event":"ADDED","jobID":"644","fields":[""]}`, no{200, "invalid", "fields[0]: is empty"}, "fields[0]"},
			{"a field is a number", `{"url":"https://a.example","event":"ADDED","jobID":"644","fields":[7]}`, no{200, "invalid", "fields[0]: must be a string"}, "fields[0]"},
			{"no such event", `{"url":"https://a.example","event":"CHANGED","jobID":"644"}`, no{400, "bad_request", "WebhookEvent"}, ""},
			{"no url", `{"event":"ADDED","jobID":"644"}`, no{400, "bad_request", "url"}, ""},
			{"no jobID", `{"url":"https://a.example","event":"ADDED","jobID":null}`, no{400, "bad_request", "jobID"}, ""},
		} {
			t.Run(tc.what, func(t *testing.T) {
				s := s.at(t)
				r := s.query(save, tc.variables)
				s.failed(r, tc.want)
				if want := fmt.Sprintf(`"field":%q`, tc.field); tc.field != "" && !strings.Contains(string(r.body), want) {
					t.Errorf("%s does not hold %s", r.body, want)
				}
			})
		}
		s.is(s.query(list, ""), `{"getWebhooks":[]}`)
	})
}

// TestPartly executes what can be executed of several mutations, in their order.
func TestPartly(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		r := s.query(`mutation {
		a: saveWebhook(url: "https://a.example", event: ADDED, jobID: 644)
		b: saveWebhook(url: "https://a.example", event: ADDED, jobID: 645)
		c: deleteWebhook(id: "x.ADDED")
	}`, "")
		s.failed(r, no{200, "not_found", "Scraper 645 not found"})
		if !strings.Contains(string(r.body), `"path":["b"]`) || !strings.HasSuffix(strings.TrimSpace(string(r.body)), `"data":null}`) {
			t.Errorf("%s", r.body)
		}
		if w := s.stored(); w.Scraper != "644" {
			t.Errorf("stored %+v", w)
		}
	})
}
