package access_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// clock is a time that moves when told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 3, 1, 10, 0, 0, 123456789, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func wantCode(t *testing.T, err error, code, field string) {
	t.Helper()
	var e *access.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an access.Error %s", err, code)
	}
	if e.Code() != code || e.FieldName() != field || e.Error() == "" {
		t.Errorf("got code %q field %q (%s), want %q %q", e.Code(), e.FieldName(), e, code, field)
	}
}

func create(t *testing.T, s *access.Service, k access.Key) (access.Key, string) {
	t.Helper()
	k.Enabled = true
	made, secret, err := s.Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return made, secret
}

func TestCreateGetList(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		c := newClock()
		s := access.New(db, access.Options{Now: c.Now})
		made, secret := create(t, s, access.Key{Role: access.RoleWriter, Description: "Zürich ' feed", DocTypes: []string{"Product", "Sales Order"}})
		if !regexp.MustCompile(`^[a-z2-7]{15}$`).MatchString(made.Name) {
			t.Errorf("name %q", made.Name)
		}
		if !regexp.MustCompile(`^[a-z2-7]{32}$`).MatchString(secret) {
			t.Errorf("secret of %d characters", len(secret))
		}
		if made.Owner != made.Name || made.ModifiedBy != "Administrator" || !made.Creation.Equal(c.Now().Truncate(time.Microsecond)) {
			t.Errorf("defaults: %+v", made)
		}
		got, err := s.Get(t.Context(), made.Name)
		if err != nil || !reflect.DeepEqual(got, made) {
			t.Errorf("Get = %+v, %v; want %+v", got, err, made)
		}
		admin, _ := create(t, s, access.Key{Name: "0.first_KEY-", Role: access.RoleAdmin, ModifiedBy: "jo@example.com"})
		if admin.Owner != "Administrator" || admin.ModifiedBy != "jo@example.com" {
			t.Errorf("admin: %+v", admin)
		}
		keys, err := s.List(t.Context())
		if err != nil || len(keys) != 2 || keys[0].Name != admin.Name || !reflect.DeepEqual(keys[1], made) {
			t.Errorf("List = %+v, %v", keys, err)
		}
		_, _, err = s.Create(t.Context(), access.Key{Name: admin.Name, Role: access.RoleReader})
		wantCode(t, err, "conflict", "name")
		for _, name := range []string{"nobody", "", "a' OR '1'='1", "a\x00b", strings.Repeat("x", 10_000)} {
			_, err = s.Get(t.Context(), name)
			wantCode(t, err, "not_found", "")
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	s := access.New(dbtest.New(t, "sqlite"), access.Options{})
	for _, tc := range []struct {
		what, code, field string
		key               access.Key
	}{
		{"no role", "mandatory", "role", access.Key{}},
		{"unknown role", "invalid", "role", access.Key{Role: "root"}},
		{"colon in the name", "name", "name", access.Key{Name: "a:b", Role: access.RoleReader}},
		{"blank in the name", "name", "name", access.Key{Name: "a b", Role: access.RoleReader}},
		{"long name", "name", "name", access.Key{Name: strings.Repeat("a", 141), Role: access.RoleReader}},
		{"limited reader", "invalid", "doctypes", access.Key{Role: access.RoleReader, DocTypes: []string{"A"}}},
		{"emptied limit", "invalid", "doctypes", access.Key{Role: access.RoleWriter, DocTypes: []string{}}},
		{"blank DocType", "invalid", "doctypes", access.Key{Role: access.RoleWriter, DocTypes: []string{" "}}},
		{"NUL in the user", "invalid", "user", access.Key{Role: access.RoleReader, Owner: "a\x00"}},
		{"line break in the description", "invalid", "description", access.Key{Role: access.RoleReader, Description: "a\r\nb"}},
		{"broken UTF-8", "invalid", "description", access.Key{Role: access.RoleReader, Description: "\xff"}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			_, _, err := s.Create(t.Context(), tc.key)
			wantCode(t, err, tc.code, tc.field)
		})
	}
	if keys, err := s.List(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("a refused key was stored: %v, %v", keys, err)
	}
}

func TestAuthenticate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := access.New(db, access.Options{})
		k, secret := create(t, s, access.Key{Role: access.RoleReader})
		other, otherSecret := create(t, s, access.Key{Role: access.RoleReader})
		for range 2 { // from the table, then from memory
			got, err := s.Authenticate(t.Context(), k.Name+":"+secret)
			if err != nil || !reflect.DeepEqual(got, k) {
				t.Fatalf("Authenticate = %+v, %v", got, err)
			}
		}
		var texts []string
		for _, token := range []string{
			k.Name + ":" + otherSecret,
			k.Name + ":" + secret + "x",
			k.Name + ":" + secret[:31],
			strings.ToUpper(k.Name) + ":" + secret,
			"nobody:" + secret,
			other.Name + ":" + secret,
		} {
			_, err := s.Authenticate(t.Context(), token)
			wantCode(t, err, "unauthenticated", "")
			texts = append(texts, err.Error())
		}
		for _, text := range texts {
			if text != texts[0] {
				t.Errorf("the answer tells a wrong key from a wrong secret: %q, %q", text, texts[0])
			}
		}
		for _, token := range []string{"", ":", "a", "a:", ":b", k.Name, "a b:" + secret, "a:" + strings.Repeat("s", 2000)} {
			_, err := s.Authenticate(t.Context(), token)
			wantCode(t, err, "unauthenticated", "")
		}
	})
}

func TestSecretIsNotStored(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		var logged bytes.Buffer
		s := access.New(db, access.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		k, secret := create(t, s, access.Key{Role: access.RoleAdmin})
		if err := s.EnsureToken(t.Context(), "ops:0123456789abcdef"); err != nil {
			t.Fatal(err)
		}
		var rows []struct {
			Name, Data string
			Hash       []byte
		}
		if err := db.Read.NewRaw("SELECT name, data, hash FROM api_keys").Scan(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			all := r.Name + r.Data + string(r.Hash)
			if strings.Contains(all, secret) || strings.Contains(all, "0123456789abcdef") || len(r.Hash) != 32 {
				t.Errorf("row %s holds the secret, or no hash", r.Name)
			}
		}
		if !strings.Contains(logged.String(), k.Name) || strings.Contains(logged.String(), secret) || strings.Contains(logged.String(), "0123456789abcdef") {
			t.Errorf("log: %s", logged.String())
		}
	})
}

// TestRevocationSpreads has two services, as two machines, on one database.
func TestRevocationSpreads(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		c := newClock()
		here, there := access.New(db, access.Options{Now: c.Now}), access.New(db, access.Options{Now: c.Now})
		k, secret := create(t, here, access.Key{Role: access.RoleReader})
		token := k.Name + ":" + secret
		for _, s := range []*access.Service{here, there} {
			if _, err := s.Authenticate(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		if err := here.Revoke(t.Context(), k.Name); err != nil {
			t.Fatal(err)
		}
		_, err := here.Authenticate(t.Context(), token)
		wantCode(t, err, "unauthenticated", "")
		c.advance(2*time.Second - time.Millisecond)
		if _, err := there.Authenticate(t.Context(), token); err != nil {
			t.Errorf("not remembered: %v", err)
		}
		c.advance(time.Millisecond)
		_, err = there.Authenticate(t.Context(), token)
		wantCode(t, err, "unauthenticated", "")
		wantCode(t, here.Revoke(t.Context(), k.Name), "not_found", "")
	})
}

func TestUpdate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		c := newClock()
		s := access.New(db, access.Options{Now: c.Now})
		k, secret := create(t, s, access.Key{Role: access.RoleWriter, DocTypes: []string{"A"}})
		token := k.Name + ":" + secret
		if _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		steps := []struct {
			patch string
			want  func(*access.Key)
		}{
			{`{"description":"d","user":"jo@example.com","name":"ignored","creation":"ignored","enabled":1}`, func(k *access.Key) { k.Description, k.Owner = "d", "jo@example.com" }},
			{`{"doctypes":["B","C"]}`, func(k *access.Key) { k.DocTypes = []string{"B", "C"} }},
			{`{"role":"writer"}`, func(*access.Key) {}},
			{`{"doctypes":null}`, func(k *access.Key) { k.DocTypes = nil }},
			{`{"doctypes":["B"]}`, func(k *access.Key) { k.DocTypes = []string{"B"} }},
			{`{"role":"reader"}`, func(k *access.Key) { k.Role, k.DocTypes = access.RoleReader, nil }},
			{`{"enabled":"0"}`, func(k *access.Key) { k.Enabled = false }},
		}
		want := k
		for _, step := range steps {
			p, err := access.ParsePatch([]byte(step.patch))
			if err != nil {
				t.Fatal(err)
			}
			c.advance(time.Second)
			p.ModifiedBy = "kim"
			step.want(&want)
			want.Modified, want.ModifiedBy = c.Now().Truncate(time.Microsecond), "kim"
			got, err := s.Update(t.Context(), k.Name, p)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, %v; want %+v", step.patch, got, err, want)
			}
			if stored, err := s.Get(t.Context(), k.Name); err != nil || !reflect.DeepEqual(stored, want) {
				t.Errorf("%s: stored %+v, %v", step.patch, stored, err)
			}
		}
		_, err := s.Authenticate(t.Context(), token)
		wantCode(t, err, "unauthenticated", "")
		if !strings.Contains(err.Error(), "disabled") {
			t.Errorf("the right secret of a disabled key is answered %q", err)
		}
		_, err = s.Update(t.Context(), k.Name, access.Patch{DocTypes: &[]string{"A"}})
		wantCode(t, err, "invalid", "doctypes")
		_, err = s.Update(t.Context(), "nobody", access.Patch{})
		wantCode(t, err, "not_found", "")
	})
}

func TestLastAdminStays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := access.New(db, access.Options{})
		a, _ := create(t, s, access.Key{Role: access.RoleAdmin})
		b, _ := create(t, s, access.Key{Role: access.RoleAdmin})
		create(t, s, access.Key{Role: access.RoleReader})
		off, reader := false, access.RoleReader
		if _, err := s.Update(t.Context(), a.Name, access.Patch{Enabled: &off}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Update(t.Context(), b.Name, access.Patch{Enabled: &off})
		wantCode(t, err, "invalid", "")
		_, err = s.Update(t.Context(), b.Name, access.Patch{Role: &reader})
		wantCode(t, err, "invalid", "")
		wantCode(t, s.Revoke(t.Context(), b.Name), "invalid", "")
		if err := s.Revoke(t.Context(), a.Name); err != nil {
			t.Errorf("a disabled admin key cannot be revoked: %v", err)
		}
		if _, err := s.Update(t.Context(), b.Name, access.Patch{ModifiedBy: "x"}); err != nil {
			t.Errorf("a harmless change of the last admin key: %v", err)
		}
	})
}

// TestLastAdminStaysAgainstTwo revokes two admin keys at the same time.
func TestLastAdminStaysAgainstTwo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		s := access.New(db, access.Options{})
		a, _ := create(t, s, access.Key{Role: access.RoleAdmin})
		b, _ := create(t, s, access.Key{Role: access.RoleAdmin})
		errs := inParallel(t, db, 2, func(i int) error {
			return access.New(db, access.Options{}).Revoke(t.Context(), []string{a.Name, b.Name}[i])
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("revoked both or none: %v", errs)
		}
	})
}

// inParallel runs fn n times at once. On PostgreSQL it lets all of them run
// into a lock first, so that they really overlap.
func inParallel(t *testing.T, db *migrations.DB, n int, fn func(i int) error) []error {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := func() {
		for i := range n {
			wg.Go(func() { errs[i] = fn(i) })
		}
	}
	if !db.Postgres() {
		start()
		wg.Wait()
		return errs
	}
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		start()
		for waiting := 0; waiting < n; {
			if err := db.Read.NewRaw("SELECT count(*) FROM pg_locks WHERE relation = 'api_keys'::regclass AND NOT granted").Scan(ctx, &waiting); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return errs
}

func TestEnsureFirst(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		tokens := make([]string, 4)
		errs := inParallel(t, db, len(tokens), func(i int) error {
			token, created, err := access.New(db, access.Options{}).EnsureFirst(t.Context())
			if created != (token != "") {
				t.Errorf("created %v with token %q", created, token)
			}
			tokens[i] = token
			return err
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		token := strings.Join(tokens, "")
		s := access.New(db, access.Options{})
		keys, err := s.List(t.Context())
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys %+v, %v", keys, err)
		}
		k, err := s.Authenticate(t.Context(), token)
		if err != nil || k.Role != access.RoleAdmin || k.Owner != "Administrator" {
			t.Errorf("first key: %+v, %v", k, err)
		}
	})
}

func TestEnsureToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		c := newClock()
		s := access.New(db, access.Options{Now: c.Now})
		const first, second = "ops:a-secret:with-a-colon", "ops:another-long-secret"
		auth := func(token string) error {
			k, err := s.Authenticate(t.Context(), token)
			if err == nil && (k.Role != access.RoleAdmin || k.Name != "ops") {
				t.Errorf("key %+v", k)
			}
			return err
		}
		ensure := func(token string) {
			t.Helper()
			if err := s.EnsureToken(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		ensure(first)
		if err := auth(first); err != nil {
			t.Error(err)
		}
		before, _ := s.Get(t.Context(), "ops")
		c.advance(time.Minute)
		ensure(first)
		if after, _ := s.Get(t.Context(), "ops"); !after.Modified.Equal(before.Modified) {
			t.Error("a token that works was written again")
		}
		ensure(second)
		wantCode(t, auth(first), "unauthenticated", "")
		if err := auth(second); err != nil {
			t.Error(err)
		}
		create(t, s, access.Key{Role: access.RoleAdmin})
		off, writer := false, access.RoleWriter
		if _, err := s.Update(t.Context(), "ops", access.Patch{Enabled: &off, Role: &writer, DocTypes: &[]string{"A"}}); err != nil {
			t.Fatal(err)
		}
		ensure(second)
		if err := auth(second); err != nil {
			t.Errorf("a demoted and disabled operator key is not restored: %v", err)
		}
		for _, bad := range []string{"", "nocolon-but-quite-long", "ops:", "ops:fifteen-chars-x", ":0123456789abcdef", "o s:0123456789abcdef"} {
			if bad == "ops:fifteen-chars-x" {
				bad = "ops:" + strings.Repeat("x", 15)
			}
			wantCode(t, s.EnsureToken(t.Context(), bad), "invalid", "token")
		}
	})
}

func TestUnavailable(t *testing.T) {
	db := dbtest.New(t, "postgres")
	s := access.New(db, access.Options{})
	if err := db.Write.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), "a:b"); err == nil || isCode(err, "unauthenticated") {
		t.Errorf("a dead database is answered as a wrong key: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	s := access.New(dbtest.New(t, "sqlite"), access.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Authenticate(ctx, "a:b"); err == nil || isCode(err, "unauthenticated") {
		t.Errorf("a cancelled look-up is answered as a wrong key: %v", err)
	}
}

func isCode(err error, code string) bool {
	var e *access.Error
	return errors.As(err, &e) && e.Code() == code
}
