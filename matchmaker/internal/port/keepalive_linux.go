package port

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// setAckTimeout ends the connection when sent data is not acknowledged in time
// (tcp(7), TCP_USER_TIMEOUT; RFC 5482). The default is about 15 min.
func setAckTimeout(c *net.TCPConn, after time.Duration) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
