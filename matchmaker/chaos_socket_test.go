//go:build unix

package matchmaker_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// closedError is a close frame of the server's.
type closedError protocol.CloseCode

func (e closedError) Error() string { return "closed: " + protocol.CloseCode(e).String() }

// codeOf is the code by which a server closed; 0: the connection broke.
func codeOf(err error) protocol.CloseCode {
	if closed, ok := errors.AsType[closedError](err); ok {
		return protocol.CloseCode(closed)
	}
	return 0
}

// gameSocket is a player's connection to a game server.
type gameSocket struct {
	conn net.Conn
	in   *bufio.Reader
	room []byte
}

const socketPatience = 10 * time.Second

// openSocket says hello and waits for the welcome.
func openSocket(ctx context.Context, url string, hello protocol.Hello) (*gameSocket, protocol.Welcome, error) {
	dialer := ws.Dialer{Timeout: socketPatience, Protocols: []string{protocol.Subprotocol}}
	conn, early, _, err := dialer.Dial(ctx, url)
	if err != nil {
		return nil, protocol.Welcome{}, err
	}
	s := &gameSocket{conn: conn, in: bufio.NewReader(conn)}
	if early != nil {
		s.in = early
	}
	w, err := s.introduce(hello)
	if err != nil {
		_ = conn.Close()
		return nil, protocol.Welcome{}, err
	}
	return s, w, nil
}

func (s *gameSocket) introduce(hello protocol.Hello) (protocol.Welcome, error) {
	if err := s.send(ws.OpBinary, protocol.AppendHello(nil, &hello)); err != nil {
		return protocol.Welcome{}, err
	}
	for {
		message, err := s.next()
		if err != nil {
			return protocol.Welcome{}, err
		}
		if kind, err := protocol.Type(message); err == nil && kind == protocol.TypeWelcome {
			return protocol.ParseWelcome(message)
		}
	}
}

func (s *gameSocket) send(op ws.OpCode, payload []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(socketPatience))
	return ws.WriteFrame(s.conn, ws.MaskFrame(ws.NewFrame(op, true, payload)))
}

// next reads one message, which is valid until the next call. Snapshots come
// thirty times a second: a server that says nothing for long is gone.
func (s *gameSocket) next() ([]byte, error) {
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(socketPatience))
		h, err := ws.ReadHeader(s.in)
		if err != nil {
			return nil, err
		}
		if h.Length > 1<<20 {
			return nil, fmt.Errorf("a frame of %d bytes", h.Length)
		}
		if int(h.Length) > cap(s.room) {
			s.room = make([]byte, h.Length)
		}
		payload := s.room[:h.Length]
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpBinary:
			return payload, nil
		case ws.OpPing:
			if err := s.send(ws.OpPong, payload); err != nil {
				return nil, err
			}
		case ws.OpClose:
			if len(payload) < 2 {
				return nil, io.EOF
			}
			return nil, closedError(binary.BigEndian.Uint16(payload))
		}
	}
}

// result reads on until the match is over.
func (s *gameSocket) result(until time.Time) (*protocol.Result, error) {
	for time.Now().Before(until) {
		message, err := s.next()
		if err != nil {
			return nil, err
		}
		if kind, err := protocol.Type(message); err != nil || kind != protocol.TypeResult {
			continue
		}
		r, err := protocol.ParseResult(message)
		if err != nil {
			return nil, err
		}
		if r.Over {
			return &r, nil
		}
	}
	return nil, errNeverOver
}

var errNeverOver = errors.New("the match is not over long after it should be")

// leave frees the seat.
func (s *gameSocket) leave() {
	_ = s.send(ws.OpBinary, protocol.AppendBye(nil))
	_ = s.conn.Close()
}
