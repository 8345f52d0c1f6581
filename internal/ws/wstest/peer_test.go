package wstest_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
)

// receiver collects what a connection reads.
type receiver struct {
	messages []string
	err      error
}

func (r *receiver) Message(b []byte) error {
	r.messages = append(r.messages, string(b))
	return nil
}

func (r *receiver) Received(received ws.Received) { r.err = received.Err }

func read(c *ws.Conn) ([]string, error) {
	var b ws.ReadBatch
	var r receiver
	b.Add(1, c, &r)
	b.Run(1)
	return r.messages, r.err
}

func frame(payload string) []byte {
	return ws.Frame(append(make([]byte, ws.FrameRoom), payload...))
}

func TestPair_carriesMessagesBothWays(t *testing.T) {
	conn, peer := wstest.Pair()
	long := strings.Repeat("x", 3000)
	peer.Send([]byte("short"))
	peer.Pong()
	peer.Send([]byte(long))
	if got, err := read(conn); err != nil || len(got) != 2 || got[0] != "short" || got[1] != long {
		t.Errorf("read %d messages, %v", len(got), err)
	}
	if taken, err := conn.Write(2, frame("snapshot")); !taken || err != nil || !bytes.Equal(peer.Received(), frame("snapshot")) {
		t.Error(taken, err)
	}
	conn.Close(protocol.CloseFull, "")
	if code, closed := peer.Closed(); code != protocol.CloseFull || !closed {
		t.Errorf("closed with %d, %v", code, closed)
	}
}

func TestPeer_blockRefusesFrames(t *testing.T) {
	conn, peer := wstest.Pair()
	peer.Block(true)
	if taken, err := conn.Write(3, frame("first")); taken || err != nil || !conn.Blocked() || conn.BlockedSince() != 3 {
		t.Errorf("taken %v, %v, blocked since %d", taken, err, conn.BlockedSince())
	}
	peer.Block(false)
	if taken, err := conn.Write(4, frame("second")); !taken || err != nil || peer.Discard() != len(frame("second")) {
		t.Error(taken, err)
	}
}

func TestPeer_endsConnection(t *testing.T) {
	var peerClosed *ws.CloseError
	for name, end := range map[string]struct {
		do   func(*wstest.Peer)
		ends func(error) bool
	}{
		"lost":   {func(p *wstest.Peer) { p.Lose(io.EOF) }, func(err error) bool { return errors.Is(err, io.EOF) }},
		"closed": {func(p *wstest.Peer) { p.Close(1000) }, func(err error) bool { return errors.As(err, &peerClosed) && peerClosed.Peer }},
	} {
		conn, peer := wstest.Pair()
		peer.Send([]byte("last words"))
		end.do(peer)
		if got, err := read(conn); !end.ends(err) || len(got) != 1 {
			t.Errorf("%s: ended with %v after %d messages", name, err, len(got))
		}
		if _, closed := peer.Closed(); !closed {
			t.Errorf("%s: not released", name)
		}
	}
}
