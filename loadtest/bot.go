package loadtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/zap"

	"tactus/internal/rawtls"
	"tactus/loadtest/internal/engine"
	"tactus/loadtest/internal/frame"
	"tactus/loadtest/internal/random"
	"tactus/protocol"
)

// bot is one simulated player. It searches, plays, resumes its seat when the
// connection is lost, and searches again when a match is over. It is not safe for
// concurrent use; owned by the goroutine of play, except for what its visit says.
type bot struct {
	run        *run
	index      int
	name       string
	room       *room               // of its group; nil: searches like any player
	slow       *engine.SlowReading // nil: reads in time
	engine     *meteredEngine
	rand       random.Source
	guestToken string // identity at the matchmaker
	// lastRoom is the code of the room that the bot last searched with.
	lastRoom string
	visit    *visit
	entered  bool // has been welcomed at least once
	measured bool // was in a match within the window
	// unavailable means that the bot was without snapshots for longer than [maxSilence]
	// in that match.
	unavailable bool
	missed      *visit // an earlier match that ended before it was over, until the next one's first snapshot
}

// clientName is the name of bots in the server's logs.
const clientName = "tactus-loadtest"

// How long a bot waits for an answer, and between two tries.
const (
	dialTimeout    = 10 * time.Second
	welcomeTimeout = 10 * time.Second
	searchTimeout  = 30 * time.Second
	firstRetry     = 250 * time.Millisecond
	longestRetry   = 4 * time.Second
)

// play plays matches until ctx is done.
func (b *bot) play(ctx context.Context) {
	for retry := firstRetry; ctx.Err() == nil; {
		err := b.playMatch(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			retry = firstRetry
			continue
		}
		b.run.countFailure(b, err)
		b.wait(ctx, retry)
		retry = min(2*retry, longestRetry)
	}
}

// wait sleeps for d, give or take a quarter, so that bots that failed together do not
// retry together.
func (b *bot) wait(ctx context.Context, d time.Duration) {
	d = d*3/4 + time.Duration(b.rand.Below(uint32(d/2)))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// playMatch plays one match, from the ticket to its end. It returns nil when the
// match was over.
func (b *bot) playMatch(ctx context.Context) error {
	url, token, err := b.search(ctx)
	if err != nil {
		return err
	}
	b.beginVisit()
	hello := protocol.Hello{Token: token, Client: clientName}
	end, err := b.connect(ctx, url, &hello)
	if err != nil && ctx.Err() != nil && !errors.Is(err, errLeft) {
		b.freeSeat(url, &hello)
	}
	for err == nil {
		if end.over || end.code == protocol.CloseMatchOver {
			b.visit.matchOver()
			return nil
		}
		if end.left() {
			return nil
		}
		if end.code != 0 && !end.code.Reconnect() {
			return failed(end.code.String(), errors.New(end.code.Text()))
		}
		if ctx.Err() == nil {
			b.run.lost(b, end)
		}
		end, err = b.resume(ctx, url)
	}
	return err
}

// beginVisit begins a visit. Until its first snapshot the bot misses those of the
// match before, if that was not over.
func (b *bot) beginVisit() {
	if b.visit != nil && b.visit.at != 0 && b.missed == nil {
		b.missed = b.visit
	}
	b.visit = &visit{bot: b}
}

func (b *bot) search(ctx context.Context) (url, token string, err error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	code := ""
	if b.room != nil {
		if code, err = b.room.enter(ctx, b.run.matchmaker, b.lastRoom); err != nil {
			return "", "", err
		}
	}
	a, err := b.run.matchmaker.search(ctx, b, code)
	if err == nil || errors.Is(err, errRoomClosed) {
		b.lastRoom = code
	}
	if err != nil {
		return "", "", err
	}
	return a.GetUrl(), a.GetJoinToken(), nil
}

// resume tries to resume the seat for as long as the server keeps it.
func (b *bot) resume(ctx context.Context, url string) (ending, error) {
	deadline := time.Now().Add(protocol.SeatGrace)
	for retry := firstRetry; ; retry = min(2*retry, longestRetry) {
		b.wait(ctx, retry)
		hello := protocol.Hello{Resume: b.visit.resume, Event: b.visit.events, Client: clientName}
		if ctx.Err() != nil {
			b.freeSeat(url, &hello)
			return ending{}, errLeft
		}
		end, err := b.connect(ctx, url, &hello)
		if kind := kindOf(err); err == nil || ctx.Err() != nil || kind != kindDial && kind != kindLost || time.Now().After(deadline) {
			return end, err
		}
	}
}

// Kinds of failure after which a retry may succeed.
const (
	kindDial = "dial"
	kindLost = "connection lost"
)

// connect opens a connection, says hello and plays until the connection ends.
// An error means that the bot was not welcomed.
func (b *bot) connect(ctx context.Context, url string, hello *protocol.Hello) (ending, error) {
	conn, early, err := dial(ctx, url, b.run.cfg.TLS, b.slow != nil)
	if err != nil {
		return ending{}, err
	}
	// A bot that has said hello may have a seat, so that it waits for its welcome.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now().Add(engine.LeaveTimeout)) })
	w, early, err := introduce(conn, early, hello, &b.rand, welcomeTimeout)
	stopped := !stop()
	if err == nil && stopped {
		sendBye(conn, &b.rand)
		err = errLeft
	}
	if err == nil {
		if err = conn.SetDeadline(time.Time{}); err != nil {
			err = failed(kindLost, err)
		}
	}
	if err != nil {
		conn.Close()
		return ending{}, err
	}
	return b.playConnection(conn, early, &w), nil
}

// playConnection plays until the connection ends.
func (b *bot) playConnection(conn net.Conn, early []byte, w *protocol.Welcome) ending {
	e := b.engine
	if !engine.Serves(conn) {
		e = b.run.portable
	}
	b.visit.resume = w.Resume
	c := newConnection(w, b.visit, e.meter, b.rand, b.run.cfg.Verify, b.run.clock.now())
	c.slow = b.slow
	b.rand.Next()
	b.run.welcomed(b, w)
	e.Serve(engine.Served{
		Client: c, Conn: conn, Early: early, Slow: b.slow,
		Attach: func(out engine.Sender) { c.out = out },
	})
	end := <-c.ended
	b.run.online.Add(-1)
	return end
}

// dial opens a WebSocket. early holds the bytes that were read after the handshake.
func dial(ctx context.Context, url string, secure *tls.Config, slow bool) (conn net.Conn, early []byte, err error) {
	dialer := ws.Dialer{
		Timeout: dialTimeout, Protocols: []string{protocol.Subprotocol},
		TLSClient: func(conn net.Conn, host string) net.Conn {
			return tls.Client(rawtls.Transport(conn), tlsFor(secure, host))
		},
	}
	conn, reader, shaken, err := dialer.Dial(ctx, url)
	var refused ws.StatusError
	switch {
	case errors.As(err, &refused):
		return nil, nil, failed(fmt.Sprintf("http %d", int(refused)), err)
	case err != nil:
		return nil, nil, failed(kindDial, err)
	case shaken.Protocol != protocol.Subprotocol:
		conn.Close()
		return nil, nil, failed("subprotocol", fmt.Errorf("the server chose %q", shaken.Protocol))
	}
	if reader != nil {
		early, err = io.ReadAll(io.LimitReader(reader, int64(reader.Buffered())))
		ws.PutReader(reader)
		if err != nil {
			conn.Close()
			return nil, nil, failed(kindLost, err)
		}
	}
	if tcp, ok := lowest(conn).(*net.TCPConn); ok && slow {
		// The test goes on if the system refuses the small buffer.
		_ = tcp.SetReadBuffer(slowBuffer)
	}
	return conn, early, nil
}

// tlsFor returns the configuration for a host.
func tlsFor(shared *tls.Config, host string) *tls.Config {
	c := shared.Clone()
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	return c
}

// lowest returns the connection below TLS.
func lowest(c net.Conn) net.Conn {
	for {
		layer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = layer.NetConn()
	}
}

// introduce says hello and waits for the welcome. rest holds the bytes after it.
func introduce(conn net.Conn, early []byte, hello *protocol.Hello, r *random.Source, timeout time.Duration) (w protocol.Welcome, rest []byte, err error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return w, nil, failed(kindLost, err)
	}
	out := protocol.AppendHello(frame.Begin(nil), hello)
	if _, err := conn.Write(out[frame.End(out, 0, ws.OpBinary, r.Next()):]); err != nil {
		return w, nil, failed(kindLost, err)
	}
	data, room := early, make([]byte, 4096)
	for {
		f, rest, complete, err := frame.Cut(data)
		switch {
		case err != nil:
			return w, nil, failed("bad frame", err)
		case complete && f.Op == ws.OpClose && len(f.Payload) >= 2:
			code := protocol.CloseCode(uint16(f.Payload[0])<<8 | uint16(f.Payload[1]))
			return w, nil, failed(code.String(), errors.New(string(f.Payload[2:])))
		case complete && f.Op == ws.OpBinary:
			w, err = protocol.ParseWelcome(f.Payload)
			if err != nil {
				return w, nil, failed("bad welcome", err)
			}
			return w, rest, nil
		case complete:
			data = rest
			continue
		}
		n, err := conn.Read(room)
		if err != nil {
			return w, nil, failed(kindLost, err)
		}
		data = append(data, room[:n]...)
	}
}

// countFailure counts a failure. The first of its kind is logged.
func (r *run) countFailure(b *bot, err error) {
	kind := kindOf(err)
	if r.errors.add(kind) == 1 {
		r.log.Warn("bot failed; more of this kind are only counted",
			zap.String("bot", b.name), zap.String("kind", kind), zap.Error(err))
	}
}

// lost counts a connection that ended before its match. A connection that the server
// closed to hand its player over is no failure.
func (r *run) lost(b *bot, end ending) {
	if end.code >= protocol.CloseDraining {
		r.reconnects.add(end.code.String())
		return
	}
	kind := kindLost
	switch {
	case errors.Is(end.err, frame.ErrInvalid):
		kind = "bad frame"
	case errors.Is(end.err, errMessage):
		kind = "bad message"
	case end.code != 0:
		kind = end.code.String()
	}
	if end.err == nil {
		end.err = errors.New("closed by the server")
	}
	r.reconnects.add(kind)
	r.countFailure(b, failed(kind, end.err))
}
