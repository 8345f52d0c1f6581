package loadtest

import (
	"context"
	"math"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/zap"

	"tactus/protocol"
)

// held returns how many seats nobody has left.
func (s *fakeServer) heldSeats() int {
	s.seats.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// TestRun_leavesNoSeatBehind: a test that ends at any moment gives every seat back,
// also those of bots that are just coming in or coming back.
func TestRun_leavesNoSeatBehind(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]fakeRules{
		"playing":     {},
		"coming in":   {slowly: 300 * time.Millisecond},
		"coming back": {closeAt: 1, closeWith: protocol.CloseRestart},
		"lost":        {closeAt: 1},
	} {
		for path, portable := range map[string]bool{"descriptors": false, "streams": true} {
			t.Run(name+", "+path, func(t *testing.T) {
				t.Parallel()
				s := newFakeServer(t, rules)
				r, err := newRun(quickConfig(s).withDefaults(), zap.NewNop(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if portable {
					for _, b := range r.bots {
						b.loop = r.streams
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
				defer cancel()
				// Interrupted before it could measure anything, which is an error.
				_, _ = r.execute(ctx)
				if n := s.heldSeats(); n != 0 {
					t.Errorf("%d seats are held for players who do not come back", n)
				}
			})
		}
	}
}

// TestRun_countsRemovedPlayersAsUnavailable: players who are thrown out and find no other
// match are missed until the end.
func TestRun_countsRemovedPlayersAsUnavailable(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{closeAt: 4, closeWith: protocol.CloseKicked, once: true})
	c := quickConfig(s)
	c.Duration = 2 * time.Second
	c.Thresholds = []string{"unavailable==0"}
	r := mustRun(t, c)
	if r.Clients != 8 || r.UnavailableClients != 8 || r.UnavailableS < 8 || r.Delivered > 0.5 || !r.Failed {
		t.Errorf("%d clients, %d of them unavailable for %v s, delivered %v, failed %v; want 8, 8 and most of the time",
			r.Clients, r.UnavailableClients, r.UnavailableS, r.Delivered, r.Failed)
	}
}

// TestStreamLoop_endsAtAnyMoment: the loop, the server and the link itself may end a
// connection at the same time, while messages arrive that want an answer.
func TestStreamLoop_endsAtAnyMoment(t *testing.T) {
	t.Parallel()
	for i := range 60 {
		w := newWindow()
		w.to.Store(math.MaxInt64)
		w.from.Store(0)
		c := newClock()
		p := newStreamLoop(c, w)
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- p.run(ctx) }()
		var links []*connection
		var servers []net.Conn
		for range 4 {
			client, server := net.Pipe()
			servers = append(servers, server)
			l := newConnection(&protocol.Welcome{Rate: fakeRate, Every: 1, Schema: fakeSchema()}, &visit{bot: &bot{}}, p.metered(), newRandom(1, 1), false, c.now())
			links = append(links, l)
			p.serve(l, client, nil)
			go drainPipe(server)
			go floodWithPings(server)
		}
		time.Sleep(time.Duration(i%6) * time.Millisecond)
		if i%2 == 0 {
			servers[0].Close()
		}
		cancel()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			<-l.ended
		}
		for _, s := range servers {
			s.Close()
		}
	}
}

func drainPipe(conn net.Conn) {
	for buf := make([]byte, 1024); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// floodWithPings sends pings, each of which wants an answer, and then a close
// frame, until the connection ends.
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
