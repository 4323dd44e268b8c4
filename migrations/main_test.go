package migrations_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"dochook/migrations"
	"dochook/migrations/dbtest"
)

const envOpen = "DOCHOOK_TEST_OPEN"

// TestMain is also the other process of TestOpen_second_process_is_refused: there it exits with 3 for a locked database.
func TestMain(m *testing.M) {
	if url := os.Getenv(envOpen); url != "" {
		os.Exit(openAndExit(url))
	}
	os.Exit(dbtest.Main(m))
}

func openAndExit(url string) int {
	db, err := migrations.Open(context.Background(), url, migrations.OpenOptions{})
	var own *migrations.Error
	switch {
	case err == nil:
		return map[bool]int{true: 0, false: 1}[db.Close() == nil]
	case errors.As(err, &own) && own.Code() == migrations.CodeLocked:
		return 3
	}
	return 2
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}
