package loadtest

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/loadtest/internal/engine"
	"tactus/loadtest/internal/frame"
	"tactus/loadtest/internal/random"
	"tactus/protocol"
)

// A bot leaves no seat behind. Otherwise the next test would play among seats that
// are kept for players of this one.

// errLeft means that the test has ended and the bot has freed its seat.
var errLeft = errors.New("loadtest: the bot has left")

// freeSeatTimeout bounds how long a bot takes to free its seat after the test. It may
// need a connection for that.
const freeSeatTimeout = 2 * time.Second

// freeSeat frees the seat that hello claims or resumes. The test has ended, so that
// nothing is measured. After a failure the server keeps the seat for its hold or
// grace.
func (b *bot) freeSeat(url string, hello *protocol.Hello) {
	ctx, cancel := context.WithTimeout(context.Background(), freeSeatTimeout)
	defer cancel()
	conn, early, err := dial(ctx, url, b.run.cfg.TLS, false)
	if err != nil {
		return
	}
	defer conn.Close()
	if _, _, err := introduce(conn, early, hello, &b.rand, freeSeatTimeout); err == nil {
		sendBye(conn, &b.rand)
	}
}

// sendBye writes bye and a close frame, and waits until the server has closed the
// connection: a socket that is closed with unread bytes is reset, which may overtake
// what was written.
func sendBye(conn net.Conn, r *random.Source) {
	if err := conn.SetDeadline(time.Now().Add(engine.LeaveTimeout)); err != nil {
		return
	}
	bye := protocol.AppendBye(frame.Begin(nil))
	closing := append(frame.Begin(nil), ws.NewCloseFrameBody(ws.StatusNormalClosure, "")...)
	out := append([]byte(nil), bye[frame.End(bye, 0, ws.OpBinary, r.Next()):]...)
	out = append(out, closing[frame.End(closing, 0, ws.OpClose, r.Next()):]...)
	if _, err := conn.Write(out); err != nil {
		return
	}
	for buf := make([]byte, 4096); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}
