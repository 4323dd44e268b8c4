package access_test

import (
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
	"dochook/server/access"
)

func refusedSession(t *testing.T, s *access.Service, id string) {
	t.Helper()
	k, err := s.Session(t.Context(), id)
	if k.Name != "" {
		t.Errorf("the session is still that of %q", k.Name)
	}
	wantCode(t, err, "unauthenticated", "")
}

func TestSession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *migrations.DB) {
		ctx, c := t.Context(), newClock()
		s := access.New(db, access.Options{Now: c.Now})
		other := access.New(db, access.Options{Now: c.Now}) // of another process
		if err := s.EnsureToken(ctx, "root:0123456789abcdef"); err != nil {
			t.Fatal(err)
		}
		admin := "root"
		open := func(name string) string {
			t.Helper()
			id, err := s.OpenSession(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			if k, err := other.Session(ctx, id); err != nil || k.Name != name {
				t.Fatalf("the session of %s is that of %q (%v)", name, k.Name, err)
			}
			return id
		}
		made := func(name string) string {
			t.Helper()
			if _, _, err := s.Create(ctx, access.Key{Name: name, Role: access.RoleWriter, Enabled: true}); err != nil {
				t.Fatal(err)
			}
			return open(name)
		}

		t.Run("it ends twelve hours after its last use", func(t *testing.T) {
			id := open(admin)
			for range 5 {
				c.advance(11*time.Hour + 54*time.Minute)
				if _, err := other.Session(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
			c.advance(12 * time.Hour)
			refusedSession(t, s, id)
		})
		t.Run("it is closed", func(t *testing.T) {
			id, still := open(admin), open(admin)
			if err := s.CloseSession(ctx, id); err != nil {
				t.Fatal(err)
			}
			refusedSession(t, other, id)
			if _, err := other.Session(ctx, still); err != nil {
				t.Error(err)
			}
		})
		t.Run("its key is disabled and enabled again", func(t *testing.T) {
			id := made("switched")
			for _, on := range []bool{false, true} {
				if _, err := other.Update(ctx, "switched", access.Patch{Enabled: &on}); err != nil {
					t.Fatal(err)
				}
				refusedSession(t, s, id)
			}
			off := false
			if _, err := other.Update(ctx, "switched", access.Patch{Enabled: &off}); err != nil {
				t.Fatal(err)
			}
			_, err := s.OpenSession(ctx, "switched")
			wantCode(t, err, "unauthenticated", "")
		})
		t.Run("its key is revoked and made again", func(t *testing.T) {
			id := made("revoked")
			if err := other.Revoke(ctx, "revoked"); err != nil {
				t.Fatal(err)
			}
			refusedSession(t, s, id)
			made("revoked")
			refusedSession(t, s, id)
		})
		t.Run("its key gets another secret", func(t *testing.T) {
			id := open(admin)
			if err := other.EnsureToken(ctx, "root:fedcba9876543210"); err != nil {
				t.Fatal(err)
			}
			refusedSession(t, s, id)
		})
		t.Run("its key changes", func(t *testing.T) {
			id, role := made("promoted"), access.RoleReader
			if _, err := other.Update(ctx, "promoted", access.Patch{Role: &role}); err != nil {
				t.Fatal(err)
			}
			if k, err := s.Session(ctx, id); err != nil || k.Role != role {
				t.Errorf("role %s, %v", k.Role, err)
			}
		})
		t.Run("there never was one", func(t *testing.T) {
			for _, id := range []string{"", "x", "' OR 1=1 --", "\x00", string(make([]byte, 500))} {
				refusedSession(t, s, id)
			}
			_, err := s.OpenSession(ctx, "nobody")
			wantCode(t, err, "unauthenticated", "")
		})
		t.Run("only its hash is kept, and old ones go", func(t *testing.T) {
			c.advance(24 * time.Hour)
			id := open(admin)
			var rows, same int
			if err := db.Read.QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if err := db.Read.QueryRowContext(ctx, "SELECT count(*) FROM sessions WHERE id = ?", []byte(id)).Scan(&same); err != nil {
				t.Fatal(err)
			}
			if rows != 1 || same != 0 {
				t.Errorf("%d rows, %d with the id itself", rows, same)
			}
		})
	})
}
