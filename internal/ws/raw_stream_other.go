//go:build !linux

package ws

import (
	"crypto/tls"
	"errors"
	"net"
)

const rawStreams = false

func newRawConn(*net.TCPConn, *tls.Conn, int, *closers, func()) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

func keepUnsent(Stream, []byte) { panic("ws: there are no raw streams here") }

func sendAnswer(Stream, []byte) error { panic("ws: there are no raw streams here") }

func writeLoop([]write) {}

func readLoop([]visit, []byte) {}
