package hooks_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/migrations/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

func service(t *testing.T, db *migrations.DB) *hooks.Service {
	t.Helper()
	guard, err := sender.NewGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := doctype.ParseDocType([]byte(`{"name":"Doc","autoname":"field:id"}`))
	if err == nil {
		_, err = documents.New(db, documents.Options{}).InsertDocType(t.Context(), d)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := hooks.New(db, guard, ledger.New(db), hooks.Options{})
	if _, err := s.Insert(t.Context(), []byte(`{"name":"w","webhook_doctype":"Doc","events":["on_insert"],"request_url":"https://x.example/"}`)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestService_concurrent_edits_are_all_kept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := service(t, db)
		edits := []string{`{"timeout":7}`, `{"max_in_flight":9}`, `{"description":"d"}`, `{"condition":"doc.x"}`, `{"ordering":"none"}`, `{"request_method":"PUT"}`}
		var wg sync.WaitGroup
		for _, edit := range edits {
			wg.Go(func() {
				if _, err := s.Update(t.Context(), "w", []byte(edit)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w, err := s.Get(t.Context(), "w")
		if got := fmt.Sprint(w.Timeout, w.MaxInFlight, w.Description, w.Condition, w.Ordering, w.RequestMethod); err != nil || got != "7 9ddoc.xnonePUT" {
			t.Errorf("%s, %v", got, err)
		}
	})
}

func TestService_only_the_version_that_failed_is_switched_off(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := service(t, db)
		before, err := s.Get(t.Context(), "w")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), "w", []byte(`{"request_url":"https://mended.example/"}`)); err != nil {
			t.Fatal(err)
		}
		if off, err := s.SwitchOff(t.Context(), "w", before.Version, "gone"); off || err != nil {
			t.Errorf("an old version's failure switched the new one off: %v, %v", off, err)
		}
		now, err := s.Get(t.Context(), "w")
		if err != nil || !bool(now.Enabled) {
			t.Fatalf("%+v, %v", now, err)
		}
		if off, err := s.SwitchOff(t.Context(), "w", now.Version, "gone"); !off || err != nil {
			t.Errorf("%v, %v", off, err)
		}
		// Why stands in the webhook until it is enabled; nobody can say so himself.
		for _, c := range []struct{ edit, reason string }{{`{"description":"x","disabled_reason":"mine"}`, "gone"}, {`{"enabled":1}`, ""}, {`{"enabled":0}`, ""}} {
			w, err := s.Update(t.Context(), "w", []byte(c.edit))
			if err != nil || w.DisabledReason != c.reason || (w.DisabledAt == "") != (c.reason == "") {
				t.Errorf("after %s: off because of %q at %q, %v", c.edit, w.DisabledReason, w.DisabledAt, err)
			}
		}
	})
}

func TestService_rotation_keeps_the_old_secret_for_a_while(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := service(t, db)
		if _, err := s.Update(t.Context(), "w", []byte(`{"enable_security":1,"webhook_secret":"one"}`)); err != nil {
			t.Fatal(err)
		}
		fresh, err := s.RotateSecret(t.Context(), "w", "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Compiled(t.Context(), "w")
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Secrets(c.Modified); len(got) != 2 || got[0] != fresh || got[1] != "one" {
			t.Errorf("%d secrets sign", len(got))
		}
		if got := c.Secrets(c.Modified.Add(hooks.RotationOverlap + 1e9)); len(got) != 1 || got[0] != fresh {
			t.Errorf("after the overlap %d secrets sign", len(got))
		}
	})
}
