//go:build !linux

package ws

import (
	"errors"
	"net"
)

const rawStreams = false

func newRawConn(*net.TCPConn, *closing) (*conn, error) {
	return nil, errors.ErrUnsupported
}
