package loadtest

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// A bot that goes leaves no seat behind: a test that runs next would play among
// seats that are kept for players who do not come back.

// errLeft is why a bot is not in a match any more: the test has ended, and the
// seat has been given back.
var errLeft = errors.New("loadtest: the bot has gone")

// freeSeatTimeout bounds how long a bot takes to give a seat back after the test,
// which needs a connection where it has none.
const freeSeatTimeout = 2 * time.Second

// freeSeat frees the seat that hello claims or resumes. The test has ended, so
// that nobody measures, and a failure costs no more than the seat's hold or
// grace.
func (b *bot) freeSeat(url string, hello *protocol.Hello) {
	ctx, cancel := context.WithTimeout(context.Background(), freeSeatTimeout)
	defer cancel()
	conn, early, err := dial(ctx, url, false)
	if err != nil {
		return
	}
	defer conn.Close()
	if _, _, err := introduce(conn, early, hello, &b.rand, freeSeatTimeout); err == nil {
		sendBye(conn, &b.rand)
	}
}

// sendBye writes bye and a close frame, and waits until the server has closed
// the connection: a socket that is closed before with bytes unread is reset,
// which may overtake what was written.
func sendBye(conn net.Conn, r *random) {
	if err := conn.SetDeadline(time.Now().Add(leaveTimeout)); err != nil {
		return
	}
	bye := protocol.AppendBye(beginFrame(nil))
	closing := append(beginFrame(nil), ws.NewCloseFrameBody(ws.StatusNormalClosure, "")...)
	out := append([]byte(nil), bye[endFrame(bye, 0, ws.OpBinary, r.next()):]...)
	out = append(out, closing[endFrame(closing, 0, ws.OpClose, r.next()):]...)
	if _, err := conn.Write(out); err != nil {
		return
	}
	for buf := make([]byte, 4096); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}
