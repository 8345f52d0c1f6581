package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/testtime"
)

func TestEngine_sendsInputsAndReceives(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient()
			server := serve(t, start(t, open), c, nil)
			if _, err := server.Write(serverFrame(300)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				f, err := ws.ReadFrame(server)
				if err != nil || string(ws.UnmaskFrame(f).Payload) != "x" {
					t.Fatalf("got %v, %v; want an input", f, err)
				}
			}
			testtime.Until(t, "the client receives all", func() bool { return c.received.Load() == 304 })
			server.Close()
			if err := <-c.ended; err == nil {
				t.Error("a lost connection ended without an error")
			}
		})
	}
}

func TestEngine_deliversBytesThatWereReadBefore(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, open)
			c := newTestClient()
			client, _ := connect(t)
			e.Serve(Served{
				Client: c, Conn: client, Early: ws.MustCompileFrame(ws.NewCloseFrame(nil)),
				Attach: func(out Sender) { c.out = out },
			})
			if err := <-c.ended; err != nil {
				t.Errorf("the client ended with %v", err)
			}
		})
	}
}

// A client without descriptor ends instead of staying.
func TestEngine_endsClientsAfterStop(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(Config{Clock: newClock()})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := e.Run(ctx); err != nil {
				t.Fatal(err)
			}
			c := newTestClient()
			serve(t, e, c, nil)
			if err := <-c.ended; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// Bytes come over a slow link evenly, and not faster than the link is.
func TestEngine_slowLinkTakesItsTime(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient()
			slow := &SlowReading{Bytes: 100, Every: 50 * time.Millisecond}
			server := serve(t, start(t, open), c, slow)
			size := int64(10 * slow.Bytes)
			begin := time.Now()
			if _, err := server.Write(serverFrame(int(size))); err != nil {
				t.Fatal(err)
			}
			testtime.Until(t, "the client receives all", func() bool { return c.received.Load() >= size })
			if took := time.Since(begin); took < 9*slow.Every/2 {
				t.Errorf("%d bytes came in %v: faster than the link is", size, took)
			}
		})
	}
}

func TestEngine_stoppedReaderGoesOnSending(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestClient()
			slow := &SlowReading{Every: time.Hour}
			server := serve(t, start(t, open), c, slow)
			readInputs(t, server, 1)
			if _, err := server.Write(serverFrame(50)); err != nil {
				t.Fatal(err)
			}
			readInputs(t, server, 4)
			if n := c.received.Load(); n != 0 {
				t.Errorf("%d bytes were read", n)
			}
		})
	}
}

func readInputs(t *testing.T, server net.Conn, n int) {
	t.Helper()
	for range n {
		if _, err := ws.ReadFrame(server); err != nil {
			t.Fatal(err)
		}
	}
}

// A client that does not read learns of the end of its connection by its writes.
func TestEngine_stoppedReaderLearnsOfTheEnd(t *testing.T) {
	c := newTestClient()
	server := serve(t, start(t, New), c, &SlowReading{Every: time.Hour})
	readInputs(t, server, 1)
	server.Close()
	select {
	case err := <-c.ended:
		if err == nil {
			t.Error("ended without an error")
		}
	case <-time.After(time.Minute):
		t.Fatal("the client goes on without a server")
	}
}

// The engine, the server and the client itself may end a connection at the same time,
// while messages arrive that want an answer.
func TestPortable_endsAtAnyMoment(t *testing.T) {
	t.Parallel()
	for i := range 60 {
		p := NewPortable(Config{Clock: newClock()})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- p.Run(ctx) }()
		var clients []*testClient
		var servers []net.Conn
		for range 4 {
			client, server := net.Pipe()
			servers = append(servers, server)
			c := newTestClient()
			clients = append(clients, c)
			p.Serve(Served{Client: c, Conn: client, Attach: func(out Sender) { c.out = out }})
			go func() { _, _ = io.Copy(io.Discard, server) }()
			go floodWithPings(server)
		}
		testtime.Until(t, "a client receives pings", func() bool { return clients[0].received.Load() > int64(i%6*20) })
		if i%2 == 0 {
			servers[0].Close()
		}
		cancel()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			if err := <-c.ended; errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the client ended with %v", err)
			}
		}
		for _, s := range servers {
			s.Close()
		}
	}
}

// floodWithPings sends pings, each of which wants an answer, and then a close frame,
// until the connection ends.
func floodWithPings(conn net.Conn) {
	ping := ws.MustCompileFrame(ws.NewPingFrame([]byte("x")))
	closing := ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	for n := 1; ; n++ {
		frame := ping
		if n%50 == 0 {
			frame = closing
		}
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}

func TestInputs_sendsWhatIsDue(t *testing.T) {
	var s inputs
	var out countingSender
	first, second := newTestClient(), newTestClient()
	first.out, second.out = &out, &out
	second.due = 5 * testPeriod
	if a, b := s.add(first), s.add(second); a != 0 || b != 1 {
		t.Fatalf("numbers %d and %d", a, b)
	}
	s.sendDue(testPeriod)
	if out.posted != 1 || first.due != 2*testPeriod {
		t.Errorf("%d inputs sent, the next is due at %d", out.posted, first.due)
	}
	s.release(0)
	s.sendDue(6 * testPeriod)
	if out.posted != 2 || second.due != 7*testPeriod {
		t.Errorf("%d inputs sent, the next is due at %d", out.posted, second.due)
	}
	never := newTestClient()
	never.due = Never
	if n := s.add(never); n != 0 {
		t.Errorf("number %d, want the free one", n)
	}
	s.sendDue(1000 * testPeriod)
	if out.posted != 3 {
		t.Errorf("%d inputs sent; a client without inputs sent one", out.posted)
	}
}

type countingSender struct{ posted int }

func (s *countingSender) Send([]byte) bool { return true }
func (s *countingSender) Post([]byte)      { s.posted++ }

func TestArrivals_spreadsSnapshotsReadLate(t *testing.T) {
	var a Arrivals
	a.Begin(3, 100, 400)
	for i, want := range []int64{200, 300, 400, 400} {
		if at, estimated := a.Next(400); at != want || estimated != (i < 2) {
			t.Errorf("snapshot %d arrived at %d, estimated %v; want %d", i, at, estimated, want)
		}
	}
	for _, snapshots := range []int64{0, 1} {
		a.Begin(snapshots, 100, 400)
		if at, estimated := a.Next(400); at != 400 || estimated {
			t.Errorf("of %d: arrived at %d, estimated %v", snapshots, at, estimated)
		}
	}
}

func TestSlowReading_pausesAndResumes(t *testing.T) {
	s := &SlowReading{For: 2 * time.Second, Every: 10 * time.Second}
	begin := int64(time.Minute)
	s.restart(begin)
	for second := range int64(30) {
		now := begin + second*int64(time.Second)
		reads := s.reads(now)
		if reads != (second%10 < 2) {
			t.Errorf("second %d: reads %v", second, reads)
		}
		s.update(now, reads)
		if left := s.pauseLeft(now); !reads && left != time.Duration(10-second%10)*time.Second {
			t.Errorf("second %d: %v of the pause left", second, left)
		}
	}
	if s.Pauses != 3 || s.Resumed != begin+20*int64(time.Second) {
		t.Errorf("%d pauses, resumed at %v", s.Pauses, time.Duration(s.Resumed-begin))
	}
}
