package match

import (
	"context"
	"net"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
)

// wired is a player behind a socket of the system.
type wired struct {
	*player
	net  net.Conn
	held []byte // read, and not a whole frame yet
}

func (h *harness) joinWired(l *wstest.Listener, name string) *wired {
	h.t.Helper()
	slots, err := h.d.reserve(h.clock.now, []Request{{Player: name, Name: name, Team: -1, Reservation: name}}, int64(time.Minute))
	if err != nil {
		h.t.Fatal(err)
	}
	server, client := l.Dial()
	h.m.Claim(h.m.shared.Now, server, 0, slots[0], name, name)
	return &wired{net: client, player: &player{t: h.t, conn: newTestConn(), roster: map[game.Slot]protocol.RosterEntry{}}}
}

func (w *wired) say(message []byte) {
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
		var b [4096]byte
		n, err := w.net.Read(b[:])
		if err != nil {
			w.t.Fatalf("waiting for %s: %v", what, err)
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
				break
			}
			w.receive(w.held[:size])
			w.held = w.held[size:]
		}
	}
}

// rested brings a match with two silent players to rest.
func rested(t *testing.T, portable bool) (*harness, *wired, *wired) {
	t.Helper()
	l := wstest.Listen(t, &ws.Upgrader{ForcePortable: portable})
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	t.Cleanup(h.d.close)
	a, b := h.joinWired(l, "ann"), h.joinWired(l, "bob")
	for h.clock.now < int64(8*time.Second) {
		h.turn()
	}
	for _, s := range h.m.online {
		// On the portable path a frame may still be on its way when the next is due.
		full := func() bool { _, pace := s.LastSnapshot(); return pace == 0 }
		for deadline := time.Now().Add(patience); full() && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			h.turn()
		}
	}
	for _, p := range []*wired{a, b} {
		p.until("the news that the clock runs slowly", func() bool { return p.replica != nil && p.last.Percent < 100 })
	}
	return h, a, b
}

// woken waits until something has woken the match.
func (h *harness) woken() {
	h.t.Helper()
	for deadline := time.Now().Add(patience); len(h.d.hibernation.wakes) == 0; time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			h.t.Fatal("the match was not woken")
		}
	}
}

func TestMatchAtRestTicksOnceASecond(t *testing.T) {
	h, a, b := rested(t, false)
	h.want("a tick a second", h.m.pacer.interval() == restPeriod)
	h.want("both told of a twentieth of the speed", a.last.Percent == 5 && b.last.Percent == 5)
	before, from := h.m.sim.Tick(), h.clock.now
	for range 5 {
		h.turn()
	}
	h.want("five ticks in five seconds", h.m.sim.Tick() == before+5 && h.clock.now-from == 5*int64(time.Second))
}

func TestInputWakesAMatchAtRestAtOnce(t *testing.T) {
	h, a, b := rested(t, false)
	tick, now := h.m.sim.Tick(), h.clock.now
	a.say(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: uint32(tick) + 1}, []uint32{4}))
	h.woken()
	h.turn()
	h.want("a tick at once", h.m.sim.Tick() == tick+1 && h.clock.now == now)
	h.want("the full rate again", h.m.pacer.interval() == period)
	b.until("what happened, at full speed", func() bool { return b.last.Tick == uint32(tick)+1 })
	h.want("ann moved, the clock at full speed", int32(b.replica.Row(0, 0)[0]) == 4 && b.last.Percent == 100)
	h.turn()
	since := h.clock.now - now
	h.want("the next tick about a period later, when those of other matches are", since >= period/2 && since <= period*3/2 && h.clock.now%period == 0)
}

func TestOrdersWakeAMatchAtRestAtOnce(t *testing.T) {
	h, _, b := rested(t, false)
	now := h.clock.now
	h.d.Notify(protocol.CloseDraining, "soon")
	h.woken()
	h.turn()
	h.want("awake at once", h.clock.now == now && h.m.pacer.interval() == period)
	h.d.Evict("ann")
	h.turn()
	b.until("ann gone", func() bool { return len(b.roster) == 1 })
}

func TestPingsAreAnsweredWithoutWakingAMatch(t *testing.T) {
	h, a, _ := rested(t, false)
	tick, now := h.m.sim.Tick(), h.clock.now
	a.say(protocol.AppendPing(nil, &protocol.Ping{Time: 77}))
	h.woken()
	h.turn()
	h.want("no tick, and rest", h.m.sim.Tick() == tick && h.clock.now == now && h.m.pacer.interval() == restPeriod)
	a.until("a pong", func() bool { return a.pongs > 0 })
	h.turn()
	h.want("the next tick in its turn", h.m.sim.Tick() == tick+1 && h.clock.now > now)
}

func TestHeartbeatsHoldAMatchAtRest(t *testing.T) {
	h, a, b := rested(t, false)
	frames := [2]int{a.frames, b.frames}
	for end := h.clock.now + int64(time.Minute); h.clock.now < end; {
		h.turn()
		for _, p := range []*wired{a, b} {
			if at, _ := h.m.players[p.welcome.Slot].session.LastSnapshot(); at != h.clock.now {
				continue
			}
			pings := p.pings
			p.until("the frame", func() bool { return p.last.Tick == uint32(h.m.sim.Tick()) })
			if p.pings > pings {
				if err := gobwas.WriteFrame(p.net, gobwas.MaskFrameInPlace(gobwas.NewPongFrame(nil))); err != nil {
					t.Fatal(err)
				}
				h.woken()
			}
		}
	}
	for i, p := range []*wired{a, b} {
		got := p.frames - frames[i]
		h.want("a frame and a ping about every ten seconds", got >= 5 && got <= 7 && p.pings >= 5 && p.pings <= 8)
	}
	h.want("nobody closed, and rest", len(h.m.online) == 2 && h.m.pacer.interval() == restPeriod)
}

func TestMatchWhoseSocketsCannotBeWatchedRestsLess(t *testing.T) {
	h, a, b := rested(t, true)
	h.want("ten looks a second", h.m.pacer.interval() == lookPeriod)
	a.say(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: uint32(h.m.sim.Tick()) + 3}, []uint32{4}))
	h.m.stirred = false
	for deadline := time.Now().Add(patience); !h.m.stirred; time.Sleep(50 * time.Microsecond) {
		if h.m.Poll(h.clock.now); time.Now().After(deadline) {
			t.Fatal("the input was not read")
		}
	}
	h.turn()
	h.want("the full rate again", h.m.pacer.interval() == period)
	b.until("the news", func() bool { return b.last.Percent == 100 })
}

// TestAMatchAtRestHasNoGoroutine: between its ticks a match at rest is a timer
// and a place in the epoll set, and goes on when somebody speaks, when a tick is
// due, and when the server ends.
func TestAMatchAtRestHasNoGoroutine(t *testing.T) {
	l := wstest.Listen(t, &ws.Upgrader{})
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.joinWired(l, "ann"), h.joinWired(l, "bob")
	asleep := func() {
		t.Helper()
		for deadline := time.Now().Add(patience); !h.d.hibernation.asleep.Load(); time.Sleep(50 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Fatal("the match does not doze off")
			}
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	h.d.Start(ctx, func() { close(over) })
	asleep()
	a.until("rest", func() bool { return a.replica != nil && a.last.Percent < 100 })
	for deadline := time.Now().Add(patience); stacksOf("(*Driver).continueRun") != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a match that dozes has a goroutine")
		}
	}
	for range 3 {
		frames := b.frames
		a.say(protocol.AppendInput(nil, protocol.InputHeader{Seq: 1, Tick: a.last.Tick + 1}, []uint32{0}))
		b.until("a frame at full speed, then one at rest", func() bool { return b.frames >= frames+2 && b.last.Percent < 100 })
		asleep()
	}
	a.say(protocol.AppendPing(nil, &protocol.Ping{Time: 1}))
	a.until("a pong", func() bool { return a.pongs > 0 })
	asleep()
	stop()
	<-over
	if h.m.ended != EndShutdown {
		t.Errorf("the match ended with %q", h.m.ended)
	}
}
