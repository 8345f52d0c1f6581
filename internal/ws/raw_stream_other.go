//go:build !linux

package ws

import (
	"errors"
	"net"
)

const rawStreams = false

func newRawConn(*net.TCPConn, int, *closers, func()) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

func keepUnsent(Stream, []byte) { panic("ws: there are no raw streams here") }

func writeLoop([]write) {}

func readLoop([]visit, []byte) {}
