//go:build unix

package sender

import (
	"net"
	"syscall"
)

// isAlive reports that an idle connection was neither closed by the other side nor has anything to say unasked. Of a connection that is not
// a socket it says so without looking.
func isAlive(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	var found error
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, found = syscall.Read(int(fd), one[:])
		return true // whatever it says, do not wait
	})
	return err == nil && n <= 0 && (found == syscall.EAGAIN || found == syscall.EWOULDBLOCK)
}
