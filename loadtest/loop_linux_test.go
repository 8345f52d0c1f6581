package loadtest

import (
	"context"
	"math"
	"net"
	"testing"
	"time"

	"tactus/protocol"
)

// served is a link in a running loop, and the server's end of its connection.
type served struct {
	loop   loop
	link   *connection
	server net.Conn
}

func serveOne(t *testing.T, slow Slowness, open func(clock, *window) (loop, error)) *served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	w := newWindow()
	w.to.Store(math.MaxInt64)
	w.from.Store(0)
	c := newClock()
	p, err := open(c, w)
	if err != nil {
		t.Fatal(err)
	}
	l := newConnection(&protocol.Welcome{Rate: fakeRate, Every: 1, Schema: fakeSchema()}, &visit{bot: &bot{}}, p.metered(), newRandom(1, 1), false, c.now())
	l.slow = slow
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- p.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		server.Close()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	p.serve(l, client, nil)
	return &served{p, l, server}
}

// TestLoop_slowLinkTakesItsTime: what comes over a slow link comes evenly, and not
// faster than that.
func TestLoop_slowLinkTakesItsTime(t *testing.T) {
	for name, loop := range map[string]func(clock, *window) (loop, error){
		"descriptors": newLoop,
		"streams":     func(c clock, w *window) (loop, error) { return newStreamLoop(c, w), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveOne(t, SlowLink, loop)
			const size = 10 * slowLinkBytes
			start := time.Now()
			for sent := 0; sent < size; {
				n, err := s.server.Write(serverFrame(snapshotAt(uint32(sent+1), 0, false, false)))
				if err != nil {
					t.Fatal(err)
				}
				sent += n
			}
			for s.loop.metered().live.received.Load() < size {
				if time.Since(start) > time.Minute {
					t.Fatal("it does not come at all")
				}
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(start); took < 9*time.Duration(slowLinkInterval)/2 {
				t.Errorf("%d bytes came in %v: faster than the link is", size, took)
			}
		})
	}
}

// TestLoop_stoppedReaderGoesOnSending: it goes on playing, though.
func TestLoop_stoppedReaderGoesOnSending(t *testing.T) {
	s := serveOne(t, SlowStopped, newLoop)
	buf := make([]byte, 1)
	for range 3 { // it is in, and has had the time of two inputs
		if _, err := s.server.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.server.Write(serverFrame(snapshotAt(1, 0, false, false))); err != nil {
		t.Fatal(err)
	}
	input := make([]byte, 256)
	for range 4 {
		if _, err := s.server.Read(input); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.loop.metered().live.received.Load(); n != 0 {
		t.Errorf("%d bytes were read", n)
	}
}

// TestLoop_stoppedReaderLearnsOfTheEnd: by what he sends.
func TestLoop_stoppedReaderLearnsOfTheEnd(t *testing.T) {
	s := serveOne(t, SlowStopped, newLoop)
	if _, err := s.server.Read(make([]byte, 1)); err != nil { // it is in
		t.Fatal(err)
	}
	s.server.Close()
	select {
	case end := <-s.link.ended:
		if end.err == nil {
			t.Errorf("it ended with %+v", end)
		}
	case <-time.After(time.Minute):
		t.Fatal("it plays on without a server")
	}
}
