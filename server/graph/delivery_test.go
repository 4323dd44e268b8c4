package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server"
	"dochook/server/graph"
	"dochook/server/openapi/openapitest"
)

// TestDelivery saves webhooks, runs two jobs of their scraper in the whole service, and reads what arrives.
func TestDelivery(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		arrived := make(chan string, 10)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // what is cut is not what is wanted
			arrived <- string(body)
		}))
		defer receiver.Close()
		rest := newApp(t, db)
		rest.must("POST", "/api/resource/DocType", `{"name":"Product","autoname":"field:id"}`)
		rest.must("POST", "/api/resource/Scraper", `{"name":"job123","feeds":"Product","mode":"full","removal":{"min_ratio":0,"max_ratio":1}}`)
		s := rest.at(t)
		s.serve(graph.Services{Webhooks: rest.app.Webhooks, Scrapers: rest.app.Scrapers})
		id := s.save(receiver.URL+"/in", "UPDATED", `["price","stock"]`, "job123")
		s.save(receiver.URL+"/in", "REMOVED", "null", "job123")
		name := strings.TrimSuffix(id, ".UPDATED")
		var seen struct {
			Data struct {
				Format, Scraper string
				Events, Fields  []string
			}
		}
		r := rest.must("GET", "/api/resource/Webhook/"+strings.ReplaceAll(name, " ", "%20"), "")
		if err := json.Unmarshal(r.body, &seen); err != nil || fmt.Sprint(seen.Data) != "{changes job123 [on_update on_trash] [price stock]}" {
			t.Errorf("REST shows %v of %s", seen.Data, r.body)
		}
		rest.job("job123", `[{"id":"a","name":"A","price":1,"stock":5},{"id":"b","name":"B","price":1},{"id":"c","name":"C"}]`)
		rest.job("job123", `[{"id":"a","name":"A!","price":2.50,"stock":5},{"id":"b","name":"B!","price":1},{"id":"d","name":"D"}]`)
		var got string
		select {
		case got = <-arrived:
		case <-time.After(time.Minute):
			t.Fatal("nothing arrived")
		}
		var body struct {
			Timestamp string
			JobID     string
			Products  json.RawMessage
		}
		if err := json.Unmarshal([]byte(got), &body); err != nil || body.JobID != "job123" || body.Timestamp == "" {
			t.Errorf("arrived: %s", got)
		}
		s.same(body.Products, `[{"event":"UPDATED","productData":{"id":"a","name":"A!","price":2.5,"stock":5},"changedFields":[{"name":"price","from":1,"to":2.5}]},
			{"event":"REMOVED","productData":{"id":"c","name":"C"}}]`)
	})
}

// whole is the whole service.
type whole struct {
	*site

	app *server.App
}

func newApp(t *testing.T, db *migrations.DB) whole {
	t.Helper()
	app, err := server.New(db, server.Config{AdminToken: adminToken, AllowTarget: []string{"127.0.0.0/8"}}, server.Options{Around: openapitest.Around(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	doors := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		doors.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	s := (&site{db: db, token: adminToken}).again(t)
	s.url = doors.URL
	return whole{s, app}
}

// must is do that fails unless the status is below 300.
func (w whole) must(method, path, body string) reply {
	w.t.Helper()
	r := w.do(method, path, body, asJSON)
	if r.status >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return r
}

// job runs one job of a scraper.
func (w whole) job(scraper, page string) {
	w.t.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal(w.must("POST", "/scrapers/"+scraper+"/jobs", "{}").body, &made); err != nil {
		w.t.Fatal(err)
	}
	w.must("POST", "/scrapers/jobs/"+made.ID+"/results", page)
	w.must("POST", "/scrapers/jobs/"+made.ID+"/finish", `{"status":"finished"}`)
}
