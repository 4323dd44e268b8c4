package documents_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
)

func on(t *testing.T, s *documents.Service, docType, moment string, fn documents.Trigger) {
	t.Helper()
	if err := s.On(docType, moment, "test", fn); err != nil {
		t.Fatal(err)
	}
}

func TestTrigger_after_commit_may_write(t *testing.T) {
	each(t, []string{product, `{"name":"Audit","autoname":"field:of"}`}, func(t *testing.T, s *documents.Service) {
		on(t, s, "Product", documents.AfterCommit, func(ctx context.Context, w *documents.Write) error {
			_, err := s.Insert(ctx, "Audit", fmt.Appendf(nil, `{"of":%q}`, w.Doc.Name))
			return err
		})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := s.Insert(t.Context(), "Product", fmt.Appendf(nil, `{"sku":"p%d"}`, i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// A caller may be answered before its after_commit ran; the next write comes behind it.
		if n := len(logged(t, s)); n < 20 {
			t.Errorf("%d events", n)
		}
	})
}

func TestTrigger_after_commit_sees_what_changed(t *testing.T) {
	each(t, []string{product}, func(t *testing.T, s *documents.Service) {
		var got []string
		on(t, s, "Product", documents.AfterCommit, func(_ context.Context, w *documents.Write) error {
			line := w.Event
			if w.Old != nil {
				line += " " + string(w.Old.Record)
			}
			for _, c := range w.Changed {
				line += fmt.Sprintf(" %s %s→%s", c.Name, c.From, c.To)
			}
			got = append(got, line)
			return nil
		})
		for _, text := range []string{`{"sku":"a","n":1}`, `{"sku":"a","n":2}`} {
			if _, err := s.Put(t.Context(), "Product", []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if want := `on_insert|on_update {"sku":"a","n":1} n 1→2`; strings.Join(got, "|") != want {
			t.Errorf("saw %s, want %s", strings.Join(got, "|"), want)
		}
	})
}

func TestTrigger_nested_writes_are_their_callers(t *testing.T) {
	each(t, []string{product, `{"name":"Audit","autoname":"field:of"}`}, func(t *testing.T, s *documents.Service) {
		on(t, s, "Product", doctype.OnInsert, func(ctx context.Context, w *documents.Write) error {
			_, err := s.Insert(ctx, "Audit", fmt.Appendf(nil, `{"of":%q}`, w.Doc.Name))
			return err
		})
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				user := fmt.Sprintf("user%d", i)
				ctx := doctype.WithUser(t.Context(), doctype.User{Name: user, Hops: int64(i)})
				if _, err := s.Insert(ctx, "Product", fmt.Appendf(nil, `{"sku":%q}`, user)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 30 {
			user := fmt.Sprintf("user%d", i)
			events, err := s.Log().History(t.Context(), "Audit", user, 1)
			if err != nil || len(events) != 1 || events[0].ModifiedBy != user || events[0].Hops != int64(i) {
				t.Errorf("%s: %+v, %v", user, events, err)
			}
		}
	})
}

func TestService_a_field_may_become_unique_again(t *testing.T) {
	each(t, []string{`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"ean","fieldtype":"Data","unique":1}]}`}, func(t *testing.T, s *documents.Service) {
		ctx := t.Context()
		if _, err := s.Insert(ctx, "Product", []byte(`{"sku":"a","ean":"1"}`)); err != nil {
			t.Fatal(err)
		}
		for _, unique := range []string{"0", "1"} {
			d, err := doctype.ParseDocType([]byte(`{"name":"Product","autoname":"field:sku","fields":[{"fieldname":"ean","fieldtype":"Data","unique":` + unique + `}]}`))
			if err == nil {
				_, err = s.UpdateDocType(ctx, d)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Insert(ctx, "Product", []byte(`{"sku":"b","ean":"1"}`))
		wantCode(t, err, doctype.CodeUnique)
	})
}
