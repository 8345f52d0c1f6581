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

func keepRest(stream, []byte) { panic("ws: there are no raw streams here") }

func writeRaw([]letter) {}

func readRaw([]visit, []byte) {}
