//go:build !linux

package ws

import (
	"errors"
	"net"
)

const rawStreams = false

func newRawStream(*net.TCPConn, *closing) (stream, error) {
	return nil, errors.ErrUnsupported
}
