package rest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sdkChecks is how many groups of calls the script has.
const sdkChecks = 19

// TestSDK runs the unmodified npm package frappe-js-sdk against the service. It
// is skipped without Node, unless DOCHOOK_REQUIRE names node.
func TestSDK(t *testing.T) {
	folder := installSDK(t)
	each(t, func(t *testing.T, s *site) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", "sdk.mjs")
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "URL_OF_SERVICE="+s.url, "TOKEN="+adminToken)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got, want := strings.TrimSpace(string(out)), fmt.Sprintf("checked %d", sdkChecks); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// installSDK puts the script and what it needs into a temporary folder.
func installSDK(t *testing.T) string {
	t.Helper()
	required := slices.Contains(strings.Split(os.Getenv("DOCHOOK_REQUIRE"), ","), "node")
	missing := func(why string) {
		if required {
			t.Fatalf("Node is required, but %s", why)
		}
		t.Skipf("THE SDK IS NOT TESTED: %s", why)
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing("there is no " + program)
		}
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("testdata", "sdk"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &out
	if err := cmd.Run(); err != nil {
		missing("npm ci failed: " + err.Error() + "\n" + out.String())
	}
	return folder
}
