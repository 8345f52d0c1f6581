package engine

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/loadtest/internal/frame"
)

const testPeriod = int64(20 * time.Millisecond)

// testClient sends a byte each period and counts what it receives. It answers a ping
// and ends the connection on a close frame.
type testClient struct {
	out      Sender
	due      int64
	newest   int64
	partial  []byte
	received atomic.Int64
	dropped  atomic.Int64
	late     atomic.Int64
	ended    chan error
}

func newTestClient() *testClient { return &testClient{ended: make(chan error, 1)} }

func (c *testClient) InputDue() int64 { return c.due }

func (c *testClient) SendInput(now int64) {
	c.due = now + testPeriod
	c.out.Post(clientFrame(ws.OpBinary, "x"))
}

func (c *testClient) InputDropped(int64) { c.dropped.Add(1) }

func (c *testClient) Receive(data []byte, at int64, late bool) bool {
	c.received.Add(int64(len(data)))
	c.newest = at
	if late {
		c.late.Add(1)
	}
	for c.partial = append(c.partial, data...); ; {
		f, rest, complete, err := frame.Cut(c.partial)
		if err != nil || !complete {
			return err == nil
		}
		switch f.Op {
		case ws.OpPing:
			c.out.Send(clientFrame(ws.OpPong, string(f.Payload)))
		case ws.OpClose:
			return false
		default:
		}
		c.partial = append([]byte(nil), rest...)
	}
}

func (c *testClient) Newest() (at, period int64) { return c.newest, testPeriod }

func (c *testClient) Goodbye() bool { return c.out.Send(clientFrame(ws.OpClose, "")) }

func (c *testClient) Ended(err error) { c.ended <- err }

func clientFrame(op ws.OpCode, payload string) []byte {
	b := append(frame.Begin(nil), payload...)
	return b[frame.End(b, 0, op, 0x01020304):]
}

func newClock() func() int64 {
	start := time.Now()
	return func() int64 { return int64(time.Since(start)) }
}

// engines are the kinds of engine.
var engines = map[string]func(Config) Engine{
	"fastest":  New,
	"portable": func(c Config) Engine { return NewPortable(c) },
}

// start runs an engine until the test ends.
func start(t *testing.T, open func(Config) Engine) Engine {
	t.Helper()
	e := open(Config{Clock: newClock()})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return e
}

// serve connects a client to a server and returns the server's end.
func serve(t *testing.T, e Engine, c *testClient, slow *SlowReading) net.Conn {
	t.Helper()
	client, server := connect(t)
	e.Serve(Served{Client: c, Conn: client, Slow: slow, Attach: func(out Sender) { c.out = out }})
	return server
}

// connect returns both ends of a connection.
func connect(t *testing.T) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func serverFrame(size int) []byte {
	return ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, size)))
}
