//go:build linux || darwin

package doctor

import "syscall"

// room is how many bytes of a file system are left to us, and how many it has.
func room(folder string) (free, total uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil || s.Bsize <= 0 {
		return 0, 0, false
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), true
}
