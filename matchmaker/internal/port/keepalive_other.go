//go:build !linux

package port

import (
	"net"
	"time"
)

// setAckTimeout does nothing here: keepalive probes see silent connections only.
func setAckTimeout(*net.TCPConn, time.Duration) error { return nil }
