package ws

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// conformanceCase follows the groups of the Autobahn test suite, adapted to an
// endpoint that accepts whole binary messages of at most 4,096 bytes.
type conformanceCase struct {
	name     string
	sent     []byte
	messages []string           // what arrives
	pongs    []string           // answers, when the bytes come one by one
	code     protocol.CloseCode // how it ends; 0: it does not
	peer     bool               // the client closed
}

func conformanceCases() []conformanceCase {
	var cases []conformanceCase
	add := func(c conformanceCase) { cases = append(cases, c) }
	breach := func(name string, sent ...[]byte) {
		add(conformanceCase{name: name, sent: bytes.Join(sent, nil), code: protocol.CloseProtocol})
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 4096} {
		s := strings.Repeat("*", n)
		add(conformanceCase{name: "1.2 binary", sent: binaryFrame(s), messages: []string{s}})
	}
	add(conformanceCase{name: "1.2 two in one write", sent: append(binaryFrame("a"), binaryFrame("b")...), messages: []string{"a", "b"}})
	breach("1.1 text", clientFrame(ws.OpText, []byte("hello")))

	big := func(header ...byte) {
		add(conformanceCase{name: "9 over the limit", sent: append(header, 1, 2, 3, 4), code: protocol.CloseTooBig})
	}
	big(0x82, 0xfe, 0x10, 0x01)
	big(0x82, 0xfe, 0xff, 0xff)
	big(0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0)
	big(0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	breach("length with top bit", []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	breach("length in 16 bits for 7", []byte{0x82, 0xfe, 0, 5, 1, 2, 3, 4})
	breach("length in 64 bits for 16", []byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 3, 4})

	for _, payload := range []string{"", "ping", strings.Repeat("\xfe", 125)} {
		add(conformanceCase{name: "2 ping", sent: clientFrame(ws.OpPing, []byte(payload)), pongs: []string{payload}})
	}
	breach("2.5 ping of 126", []byte{0x89, 0xfe, 0, 126, 1, 2, 3, 4}, repeat([]byte{0}, 126))
	add(conformanceCase{
		name: "2.7 unsolicited pong", sent: append(clientFrame(ws.OpPong, []byte("x")), binaryFrame("after")...),
		messages: []string{"after"},
	})
	for rsv := byte(1); rsv < 8; rsv++ {
		for _, op := range []ws.OpCode{ws.OpBinary, ws.OpText, ws.OpPing, ws.OpClose} {
			f := ws.NewFrame(op, true, nil)
			f.Header.Rsv = rsv
			breach("3 RSV bits", compile(f))
		}
	}
	for _, op := range []ws.OpCode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		breach("4 reserved opcode", clientFrame(op, []byte("x")))
	}
	breach("4 reserved opcode, empty", clientFrame(3, nil))
	breach("5 fragmented binary", compile(ws.NewFrame(ws.OpBinary, false, []byte("frag"))))
	breach("5 fragmented ping", compile(ws.NewFrame(ws.OpPing, false, []byte("x"))))
	breach("5 continuation", compile(ws.NewFrame(ws.OpContinuation, true, []byte("x"))))
	breach("5 empty fragment", compile(ws.NewFrame(ws.OpBinary, false, nil)))

	add(conformanceCase{
		name: "3.1 fault behind a good message", sent: append(binaryFrame("good"), 0xc2, 0x80, 1, 2, 3, 4),
		messages: []string{"good"}, code: protocol.CloseProtocol,
	})
	breach("unmasked", []byte{0x82, 1, 'x'})
	breach("unmasked, empty", []byte{0x82, 0})
	breach("garbage", []byte("GET / HTTP/1.1\r\n\r\n"))
	breach("zeroes", repeat([]byte{0}, 64))
	return append(cases, closingCases()...)
}

func closingCases() []conformanceCase {
	var cases []conformanceCase
	closing := func(payload []byte) []byte { return clientFrame(ws.OpClose, payload) }
	peer := func(name string, payload []byte, code protocol.CloseCode) {
		cases = append(cases, conformanceCase{name: name, sent: closing(payload), code: code, peer: true})
	}
	breach := func(name string, payload []byte) {
		cases = append(cases, conformanceCase{name: name, sent: closing(payload), code: protocol.CloseProtocol})
	}
	peer("7.3 empty close", nil, closeNoStatus)
	breach("7.3 half a code", []byte{3})
	peer("7.3 code with reason", ws.NewCloseFrameBody(1000, "bye"), 1000)
	peer("7.3 longest reason", ws.NewCloseFrameBody(1000, strings.Repeat("r", 123)), 1000)
	breach("7.5 reason is not UTF-8", ws.NewCloseFrameBody(1000, "\xce\xba\xff"))
	for _, code := range []ws.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		peer("7.7 code", ws.NewCloseFrameBody(code, ""), protocol.CloseCode(code))
	}
	for _, code := range []ws.StatusCode{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		breach("7.9 forbidden code", ws.NewCloseFrameBody(code, ""))
	}
	return append(cases, conformanceCase{
		name: "7.1 message behind the close", sent: append(append(binaryFrame("a"), closing(ws.NewCloseFrameBody(1001, ""))...), binaryFrame("b")...),
		messages: []string{"a"}, code: 1001, peer: true,
	})
}

func TestConn_conformance(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		conforms(t, r, func(t *testing.T) driver { return &connDriver{t: t, conn: r.tested()} })
	})
	t.Run("pending", func(t *testing.T) {
		r := newHarness(t, &Upgrader{})
		conforms(t, r, func(t *testing.T) driver { return newPendingDriver(t, r.pending()) })
	})
}

func conforms(t *testing.T, r *harness, drive func(t *testing.T) driver) {
	t.Helper()
	for _, c := range conformanceCases() {
		t.Run(c.name, func(t *testing.T) {
			cl := r.dial()
			runWhole(t, c, cl, drive(t))
		})
		if r.dialTLS != nil && r.upgrader.ForcePortable {
			continue // a record per byte is costly, and this path knows neither records nor ticks
		}
		t.Run("octets/"+c.name, func(t *testing.T) {
			cl := r.dial()
			runOctets(t, c, cl, drive(t))
		})
	}
}

// driver reads a connection before or after its hello.
type driver interface {
	// step reads until n messages have arrived or the connection has ended.
	step(n int) (messages []string, err error)
	// drain reads the data that has arrived. It is called after each byte sent.
	drain()
	stop()
}

func runWhole(t *testing.T, c conformanceCase, cl *client, d driver) {
	t.Helper()
	defer d.stop()
	cl.send(c.sent)
	checkOutcome(t, c, cl, d)
}

// runOctets stops when the connection has ended: a fault may be noticed at its first
// byte.
func runOctets(t *testing.T, c conformanceCase, cl *client, d driver) {
	t.Helper()
	defer d.stop()
	for i := range c.sent {
		cl.setDeadline()
		if _, err := cl.conn.Write(c.sent[i : i+1]); err != nil {
			break
		}
		d.drain()
	}
	checkOutcome(t, c, cl, d)
}

func checkOutcome(t *testing.T, c conformanceCase, cl *client, d driver) {
	t.Helper()
	want := len(c.messages)
	if c.code != 0 {
		want++ // never reached: the end comes first
	}
	if len(c.pongs) > 0 {
		// The arrival of a message after the pings shows that they were read.
		cl.send(binaryFrame("behind"))
		c.messages = append(c.messages, "behind")
		want++
	}
	messages, err := d.step(want)
	wantMessages(t, messages, c.messages...)
	for _, pong := range c.pongs {
		h, payload := cl.frame()
		if h.OpCode != ws.OpPong || string(payload) != pong {
			t.Fatalf("got %v %q, want a pong with %q", h.OpCode, payload, pong)
		}
	}
	if c.code == 0 {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var closeErr *CloseError
	if !errors.As(err, &closeErr) || closeErr.Code != c.code || closeErr.Peer != c.peer {
		t.Fatalf("ended with %v, want code %d, by the peer: %v", err, c.code, c.peer)
	}
	code, reason := cl.closed()
	if code != c.code {
		t.Fatalf("close frame with %d, want %d", code, c.code)
	}
	if !c.peer && reason == "" {
		t.Error("close frame without a reason")
	}
}

type connDriver struct {
	t    *testing.T
	conn tested
	inbox
	err error
}

func (d *connDriver) step(n int) ([]string, error) {
	if d.err == nil {
		d.err = pollUntil(d.t, d.conn, d, func() bool { return len(d.messages) >= n })
	}
	return d.messages, d.err
}

func (d *connDriver) drain() {
	if d.err == nil {
		before := d.conn.BytesIn()
		d.err = pollUntil(d.t, d.conn, d, func() bool { return d.conn.BytesIn() > before })
	}
}

func (d *connDriver) stop() { d.conn.Close(1000, "") }

// pendingDriver reads in its own goroutine, as the server's handshake does.
type pendingDriver struct {
	t       *testing.T
	pending *Pending
	got     chan string
	err     error
	inbox
}

func newPendingDriver(t *testing.T, p *Pending) *pendingDriver {
	t.Helper()
	d := &pendingDriver{t: t, pending: p, got: make(chan string, 64)}
	go func() {
		defer close(d.got)
		for {
			b, err := p.ReadMessage(time.Now().Add(patience))
			if err != nil {
				d.err = err
				return
			}
			d.got <- string(b)
		}
	}()
	return d
}

func (d *pendingDriver) step(n int) ([]string, error) {
	for len(d.messages) < n {
		m, ok := <-d.got
		if !ok {
			return d.messages, d.err
		}
		d.messages = append(d.messages, m)
	}
	return d.messages, nil
}

func (d *pendingDriver) drain() {}

// stop ends the reading goroutine by closing the socket under it.
func (d *pendingDriver) stop() {
	_ = d.pending.conn.Close()
	for m := range d.got {
		d.messages = append(d.messages, m)
	}
}
