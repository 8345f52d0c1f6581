package driver

import (
	"context"
	"math"
	"net"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"tactus/game"
	"tactus/internal/testtime"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/match/matchtest"
)

// wired is a player behind a socket of the system.
type wired struct {
	*matchtest.Client
	t    *testing.T
	net  net.Conn
	held []byte // read, and not a whole frame yet
}

func (h *harness) joinWired(l *wstest.Listener, name string) *wired {
	h.t.Helper()
	slots, err := h.d.reserve(h.clock.Time, []match.Request{{Player: name, Name: name, Team: -1, Reservation: name}}, int64(time.Minute))
	if err != nil {
		h.t.Fatal(err)
	}
	server, client := l.Dial()
	h.d.Claim(server, 0, slots[0], name, name)
	return &wired{t: h.t, net: client, Client: matchtest.NewClient(h.t)}
}

func (w *wired) send(message []byte) {
	w.t.Helper()
	if err := gobwas.WriteFrame(w.net, gobwas.MaskFrameInPlace(gobwas.NewBinaryFrame(message))); err != nil {
		w.t.Fatal(err)
	}
}

// until reads frames until the last brought what is waited for.
func (w *wired) until(what string, done func() bool) {
	w.t.Helper()
	_ = w.net.SetReadDeadline(time.Now().Add(patience))
	for !done() {
		if err := w.readSome(); err != nil {
			w.t.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// drain reads what has arrived. A descriptor's frames are there when the turn that
// wrote them is over.
func (w *wired) drain() {
	_ = w.net.SetReadDeadline(time.Now().Add(time.Millisecond))
	for w.readSome() == nil {
	}
}

func (w *wired) readSome() error {
	var b [4096]byte
	n, err := w.net.Read(b[:])
	if err != nil {
		return err
	}
	w.held = append(w.held, b[:n]...)
	for {
		size := 2
		if len(w.held) > 4 && w.held[1] == 126 {
			size = 4 + (int(w.held[2])<<8 | int(w.held[3]))
		} else if len(w.held) > 1 {
			size += int(w.held[1])
		}
		if len(w.held) < size {
			return nil
		}
		w.Receive(w.held[:size])
		w.held = w.held[size:]
	}
}

// rested brings a match with two silent players to rest.
func rested(t *testing.T, portable bool) (*harness, *wired, *wired) {
	t.Helper()
	l := wstest.Listen(t, &ws.Upgrader{ForcePortable: portable})
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	t.Cleanup(h.d.close)
	a, b := h.joinWired(l, "ann"), h.joinWired(l, "bob")
	for h.clock.Time < int64(8*time.Second) {
		h.turn()
	}
	slow := func(p *wired) bool { return p.Replica != nil && p.Last.Percent < 100 }
	// On the portable path a frame may still be on its way when the next is due.
	for deadline := time.Now().Add(patience); !slow(a) || !slow(b); h.turn() {
		if a.drain(); time.Now().After(deadline) {
			t.Fatal("the match does not hibernate")
		}
		b.drain()
	}
	return h, a, b
}

// woken waits until something has woken the match.
func (h *harness) woken() {
	h.t.Helper()
	testtime.Until(h.t, "the match is woken", func() bool { return len(h.d.hibernation.wakes) > 0 })
}

func TestHibernation_ticksOnceASecond(t *testing.T) {
	h, a, b := rested(t, false)
	h.want("a tick a second", h.d.pace == match.Hibernating)
	h.want("both told of a twentieth of the speed", a.Last.Percent == 5 && b.Last.Percent == 5)
	before, from := h.tickNumber(), h.clock.Time
	for range 5 {
		h.turn()
	}
	h.want("five ticks in five seconds", h.tickNumber() == before+5 && h.clock.Time-from == 5*int64(time.Second))
}

func TestHibernation_inputEndsIt(t *testing.T) {
	h, a, b := rested(t, false)
	tick, now := h.tickNumber(), h.clock.Time
	a.send(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: uint32(tick) + 1}, []uint32{4}))
	h.woken()
	h.turn()
	h.want("a tick at once", h.tickNumber() == tick+1 && h.clock.Time == now)
	h.want("the full rate again", h.d.pace == match.FullRate)
	b.until("what happened, at full speed", func() bool { return b.Last.Tick == uint32(tick)+1 })
	h.want("ann moved, the clock at full speed", int32(b.Replica.Row(0, 0)[0]) == 4 && b.Last.Percent == 100)
	h.turn()
	since := h.clock.Time - now
	h.want("the next tick about a matchtest.Period later, when those of other matches are", since >= matchtest.Period/2 && since <= matchtest.Period*3/2 && h.clock.Time%matchtest.Period == 0)
}

func TestHibernation_requestsEndIt(t *testing.T) {
	h, _, b := rested(t, false)
	now := h.clock.Time
	h.d.Notify(protocol.CloseDraining, "soon")
	h.woken()
	h.turn()
	h.want("awake at once", h.clock.Time == now && h.d.pace == match.FullRate)
	h.d.Evict("ann", math.MaxInt64)
	h.turn()
	b.until("ann gone", func() bool { return len(b.Roster) == 1 })
}

func TestHibernation_answersPingsWithoutATick(t *testing.T) {
	h, a, _ := rested(t, false)
	tick, now := h.tickNumber(), h.clock.Time
	a.send(protocol.AppendPing(nil, &protocol.Ping{Time: 77}))
	h.woken()
	h.turn()
	h.want("no tick, and rest", h.tickNumber() == tick && h.clock.Time == now && h.d.pace == match.Hibernating)
	a.until("a pong", func() bool { return a.Pongs > 0 })
	h.turn()
	h.want("the next tick in its turn", h.tickNumber() == tick+1 && h.clock.Time > now)
}

func TestHibernation_survivesHeartbeats(t *testing.T) {
	h, a, b := rested(t, false)
	frames := [2]int{a.Frames, b.Frames}
	for end := h.clock.Time + int64(time.Minute); h.clock.Time < end; {
		h.turn()
		for _, p := range []*wired{a, b} {
			pings := p.Pings
			if p.drain(); p.Pings > pings {
				if err := gobwas.WriteFrame(p.net, gobwas.MaskFrameInPlace(gobwas.NewPongFrame(nil))); err != nil {
					t.Fatal(err)
				}
				h.woken()
			}
		}
	}
	for i, p := range []*wired{a, b} {
		got := p.Frames - frames[i]
		h.want("a frame and a ping about every ten seconds", got >= 5 && got <= 7 && p.Pings >= 5 && p.Pings <= 8)
	}
	h.want("nobody closed, and rest", a.Conn.Code() == 0 && b.Conn.Code() == 0 && h.d.pace == match.Hibernating)
}

func TestHibernation_looksTenTimesASecondWithoutAPoller(t *testing.T) {
	h, a, b := rested(t, true)
	h.want("ten looks a second", h.interval() == int64(100*time.Millisecond))
	a.send(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: uint32(h.tickNumber()) + 3}, []uint32{4}))
	testtime.Until(t, "the input is read", func() bool { return h.d.match.Poll(h.clock.Time) })
	h.turn()
	h.want("the full rate again", h.d.pace == match.FullRate)
	b.until("the news", func() bool { return b.Last.Percent == 100 })
}

// TestHibernation_hasNoGoroutine: between its ticks a match at rest is a timer
// and a place in the epoll set, and continues when a player sends, when a tick is
// due, and when the server ends.
func TestHibernation_hasNoGoroutine(t *testing.T) {
	l := wstest.Listen(t, &ws.Upgrader{})
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.joinWired(l, "ann"), h.joinWired(l, "bob")
	asleep := func() {
		t.Helper()
		testtime.Until(t, "the match hibernates", h.d.hibernation.asleep.Load)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	h.d.Start(ctx, func() { close(over) })
	asleep()
	a.until("rest", func() bool { return a.Replica != nil && a.Last.Percent < 100 })
	testtime.Until(t, "the hibernating match has no goroutine", func() bool { return stacksOf("(*Driver).continueRun") == 0 })
	for range 3 {
		frames := b.Frames
		a.send(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: a.Last.Tick + 1}, []uint32{0}))
		b.until("a frame at full speed, then one at rest", func() bool { return b.Frames >= frames+2 && b.Last.Percent < 100 })
		asleep()
	}
	a.send(protocol.AppendPing(nil, &protocol.Ping{Time: 1}))
	a.until("a pong", func() bool { return a.Pongs > 0 })
	asleep()
	stop()
	<-over
	if h.d.ended != match.EndShutdown {
		t.Errorf("the match ended with %q", h.d.ended)
	}
}
