//go:build unix

package publicport

import (
	"net"
	"syscall"
)

// readable reports whether bytes have arrived that were not read yet. It does not wait.
func readable(c net.Conn) (arrived bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		arrived = err == nil && n > 0
	})
	return arrived
}
