//go:build movedclock

package migrations

import (
	"os"
	"strconv"
	"strings"
)

// movedBy is what the file "clock" in the working folder says, if there is one. No release is built with it: it is for tests that
// move the clock of a program, which the system lets nobody do to one process.
func movedBy() int64 {
	text, _ := os.ReadFile("clock") // without it the clock is right
	us, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return us
}
