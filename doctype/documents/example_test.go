package documents_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/record"
	"dochook/migrations"
)

// Triggers run inside the writing transaction: they see the document before and
// after, may change it before it is saved, and reject it by an error, which
// reaches the caller with the trigger's name.
func ExampleService_On() {
	err := withTriggers(context.Background())
	if refused, ok := errors.AsType[*doctype.Error](err); ok {
		_, _ = fmt.Fprintf(os.Stdout, "%s: %s\n", refused.Code(), refused.ClientMessage())
	} else if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
	}
	// Output:
	// on_insert lamp null → 10
	// on_update lamp 10 → 8.50
	// saved: {"sku":"lamp","price":8.50,"currency":"EUR"}
	// trigger: validate trigger "always priced": lamp has no price
}

func withTriggers(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "dochook-example-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := migrations.Open(ctx, "sqlite:"+filepath.Join(dir, "example.db"), migrations.OpenOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := migrations.Up(ctx, db, nil); err != nil {
		return err
	}
	s := documents.New(db, documents.Options{})
	if err := registerTriggers(s); err != nil {
		return err
	}
	if _, err := s.InsertDocType(ctx, doctype.DocType{Name: "Product", Autoname: "field:sku", Open: true}); err != nil {
		return err
	}
	if _, err := s.Insert(ctx, "Product", []byte(`{"sku":"lamp","price":10}`)); err != nil {
		return err
	}
	saved, err := s.Update(ctx, "Product", "lamp", []byte(`{"price":8.50}`), documents.UpdateOptions{})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(os.Stdout, "saved: %s\n", saved.Record)
	_, err = s.Update(ctx, "Product", "lamp", []byte(`{"price":null}`), documents.UpdateOptions{})
	return err
}

func registerTriggers(s *documents.Service) error {
	price := func(d *doctype.Document) string {
		if d == nil {
			return "null"
		}
		return string(record.Member(d.Record, "price"))
	}
	tell := func(_ context.Context, w *documents.Write) error {
		_, _ = fmt.Fprintf(os.Stdout, "%s %s %s → %s\n", w.Event, w.Doc.Name, price(w.Old), price(w.Doc))
		return nil
	}
	return errors.Join(
		s.On("Product", documents.Validate, "always priced", func(_ context.Context, w *documents.Write) error {
			if p := price(w.Doc); p == "" || p == "null" {
				return fmt.Errorf("%s has no price", w.Doc.Name)
			}
			return nil
		}),
		s.On("Product", documents.BeforeSave, "currency", func(_ context.Context, w *documents.Write) error {
			w.Doc.Record = record.Merge(w.Doc.Record, []byte(`{"currency":"EUR"}`))
			return nil
		}),
		s.On("*", doctype.OnInsert, "tell", tell),
		s.On("*", doctype.OnUpdate, "tell", tell),
	)
}
