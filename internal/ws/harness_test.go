package ws

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"tactus/internal/testtime"
	"tactus/internal/tlstest"
	"tactus/protocol"
)

// patience is the longest wait for an event; tests that pass never reach it.
const patience = 10 * time.Second

// handler handles the messages of a test.
type handler interface{ Message(b []byte) error }

// outcome keeps the result of a read or a write.
type outcome struct {
	handler
	received Received
	sent     Sent
}

func (o *outcome) Received(r Received) { o.received = r }
func (o *outcome) Sent(s Sent)         { o.sent = s }

// What the tests read with: they follow each other.
var (
	reads   ReadBatch
	reading outcome
)

// read reads a connection by itself, and returns why it ended.
func read(c tested, now int64, h handler) error {
	reading.handler = h
	c.Read(now, &reads, &reading)
	return reading.received.Err
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// paths are the ways in which a connection is read and written. They must behave alike.
var paths = []struct {
	name                       string
	portable, together, secure bool
}{
	{name: "raw"},
	{name: "portable", portable: true},
	{name: "raw, with others", together: true},
	{name: "raw, TLS", secure: true},
	{name: "portable, TLS", portable: true, secure: true},
	{name: "raw, TLS, with others", together: true, secure: true},
}

// onAllPaths runs a test on each of them.
func onAllPaths(t *testing.T, test func(t *testing.T, r *harness)) {
	t.Helper()
	for _, path := range paths {
		t.Run(path.name, func(t *testing.T) {
			r := newHarnessOver(t, &Upgrader{ForcePortable: path.portable}, path.secure)
			r.together = path.together
			test(t, r)
		})
	}
}

// tested is a connection on one of the paths.
type tested interface {
	Read(now int64, b *ReadBatch, r Receiver)
	Write(now int64, frames []byte) (taken bool, err error)
	Flush(now int64) (idle bool, err error)
	Blocked() bool
	BlockedSince() int64
	LastReceived() int64
	Close(code protocol.CloseCode, reason string)
	BytesIn() uint64
	BytesOut() uint64
}

// joint is a connection that is read and written in batches, as those of matches
// are.
type joint struct {
	*Conn
	reads  ReadBatch
	writes WriteBatch
}

func (j *joint) Read(now int64, _ *ReadBatch, r Receiver) {
	j.reads.Add(now, j.Conn, r)
	j.reads.Run(now)
}

func (j *joint) Write(now int64, frames []byte) (bool, error) {
	var o outcome
	add(&j.writes, now, j.Conn, &o, frames)
	j.writes.Run(now)
	return o.sent.Taken, o.sent.Err
}

// add adds frames that were built elsewhere.
func add(b *WriteBatch, now int64, c *Conn, s Sender, frames []byte) {
	buf := b.Room(len(frames))
	copy(buf, frames)
	b.Add(now, c, s, buf, 0)
}

// harness is an HTTP server that upgrades every request.
type harness struct {
	t        testing.TB
	upgrader *Upgrader
	server   *httptest.Server
	upgraded chan *Pending
	together bool // connections are joint
	dialTLS  *tls.Config
}

func newHarness(t testing.TB, u *Upgrader) *harness {
	t.Helper()
	r := unstartedHarness(t, u)
	r.server.Start()
	return r
}

// newHarnessOver makes a harness over TLS, or without.
func newHarnessOver(t testing.TB, u *Upgrader, secure bool) *harness {
	t.Helper()
	if secure {
		return newTLSHarness(t, u)
	}
	return newHarness(t, u)
}

// newTLSHarness makes a harness that listens by NewTLSListener.
func newTLSHarness(t testing.TB, u *Upgrader) *harness {
	t.Helper()
	certificate, roots := tlstest.Certificate(t)
	r := unstartedHarness(t, u)
	r.server.Listener = NewTLSListener(r.server.Listener, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}})
	r.server.Start()
	r.dialTLS = &tls.Config{RootCAs: roots, ServerName: "localhost"}
	return r
}

func unstartedHarness(t testing.TB, u *Upgrader) *harness {
	t.Helper()
	r := &harness{t: t, upgrader: u, upgraded: make(chan *Pending, 1)}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if p, err := u.Upgrade(w, req); err == nil {
			r.upgraded <- p
		}
	}))
	t.Cleanup(func() {
		r.server.Close()
		u.Wait()
	})
	return r
}

const handshake = "GET /play HTTP/1.1\r\nHost: tactus.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: tactus.v1\r\n\r\n"

// dial connects a client. It sends early in the same write as the request.
func (r *harness) dial(early ...byte) *client {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	if r.dialTLS != nil {
		secure := tls.Client(nc, r.dialTLS)
		return upgrade(r.t, secure, early)
	}
	return upgrade(r.t, nc, early)
}

// reset makes the client's connection vanish with a reset.
func (c *client) reset() {
	tcp := lowest(c.conn).(*net.TCPConn)
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
}

func upgrade(t testing.TB, nc net.Conn, early []byte) *client {
	t.Helper()
	t.Cleanup(func() { _ = nc.Close() })
	c := &client{t: t, conn: nc, r: bufio.NewReader(nc)}
	c.send(append([]byte(handshake), early...))
	c.setDeadline()
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-WebSocket-Protocol") != protocol.Subprotocol {
		t.Fatalf("handshake answered with %s, subprotocol %q", answer.Status, answer.Header.Get("Sec-WebSocket-Protocol"))
	}
	return c
}

func (r *harness) pending() *Pending {
	r.t.Helper()
	select {
	case p := <-r.upgraded:
		return p
	case <-time.After(patience):
		r.t.Fatal("no connection was upgraded")
		return nil
	}
}

// conn returns the newest connection, as a match gets it.
func (r *harness) conn() *Conn {
	r.t.Helper()
	c, err := r.pending().Conn()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close(protocol.CloseRestart, "") })
	return c
}

// tested is conn on the path that the harness tests.
func (r *harness) tested() tested {
	r.t.Helper()
	c := r.conn()
	if r.together {
		return &joint{Conn: c}
	}
	return c
}

// client is the other end: it writes bytes and reads frames.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func (c *client) setDeadline() { _ = c.conn.SetDeadline(time.Now().Add(patience)) }

func (c *client) send(b []byte) {
	c.t.Helper()
	c.setDeadline()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// frame reads one frame of the server.
func (c *client) frame() (ws.Header, []byte) {
	c.t.Helper()
	c.setDeadline()
	f, err := c.tryFrame()
	if err != nil {
		c.t.Fatal(err)
	}
	return f.Header, f.Payload
}

func (c *client) tryFrame() (ws.Frame, error) {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return ws.Frame{}, err
	}
	if err := ws.CheckHeader(h, ws.StateClientSide); err != nil {
		return ws.Frame{}, err
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	for n := 0; n < len(f.Payload); {
		m, err := c.r.Read(f.Payload[n:])
		if err != nil {
			return ws.Frame{}, err
		}
		n += m
	}
	return f, nil
}

// closed reads on to the close frame and past it to the end of the stream.
func (c *client) closed() (code protocol.CloseCode, reason string) {
	c.t.Helper()
	for {
		h, payload := c.frame()
		if h.OpCode != ws.OpClose {
			continue
		}
		c.setDeadline()
		if extra, err := c.r.ReadByte(); err == nil {
			c.t.Fatalf("byte %#x behind the close frame", extra)
		}
		if len(payload) == 0 {
			return closeNoStatus, ""
		}
		got, reason := ws.ParseCloseFrameData(payload)
		return protocol.CloseCode(got), reason
	}
}

// clientFrame builds a masked frame with gobwas, which is the oracle here.
func clientFrame(op ws.OpCode, payload []byte) []byte {
	return compile(ws.NewFrame(op, true, slices.Clone(payload)))
}

func compile(f ws.Frame) []byte {
	f = ws.MaskFrameInPlaceWith(f, [4]byte{0x11, 0x22, 0x33, 0x44})
	b, err := ws.CompileFrame(f)
	if err != nil {
		panic(err)
	}
	return b
}

func binaryFrame(payload string) []byte { return clientFrame(ws.OpBinary, []byte(payload)) }

// inbox collects messages.
type inbox struct {
	messages []string
	fail     error
}

func (i *inbox) Message(b []byte) error {
	i.messages = append(i.messages, string(b))
	return i.fail
}

// pollUntil reads as a match does, tick after tick.
func pollUntil(t testing.TB, c tested, h handler, done func() bool) error {
	t.Helper()
	var err error
	testtime.Until(t, "the messages that the test expects, or an error", func() bool {
		err = read(c, time.Now().UnixNano(), h)
		return err != nil || done()
	})
	return err
}

// ending reads until the connection has ended and returns the reason.
func ending(t testing.TB, c tested, h handler) error {
	t.Helper()
	return pollUntil(t, c, h, func() bool { return false })
}

// writeUntilTaken retries like a match that has a newer state each tick.
func writeUntilTaken(t testing.TB, c tested, frame []byte) {
	t.Helper()
	testtime.Until(t, "the frame is taken", func() bool {
		taken, err := c.Write(time.Now().UnixNano(), frame)
		if err != nil {
			t.Fatal(err)
		}
		return taken
	})
}

func serverFrame(payload []byte) []byte {
	return Frame(append(make([]byte, FrameRoom), payload...))
}

func numbered(i int) []byte { return fmt.Appendf(nil, "snapshot %d", i) }

func wantMessages(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got messages %q, want %q", got, want)
	}
}

func repeat(b []byte, n int) []byte { return bytes.Repeat(b, n) }
