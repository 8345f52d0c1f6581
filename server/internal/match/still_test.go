package match

import (
	"io"
	"testing"
	"time"

	"tactus/game"
	"tactus/protocol"
)

// backlog is what a player sends in so many ticks while nobody reads.
func (p *player) backlog(h *harness, ticks int) {
	for i := range uint32(ticks) {
		p.input(uint32(h.m.sim.Tick())+i, uint32(h.m.sim.Tick())+i+1, 1)
	}
}

func TestWhatCameWhileTheProcessStoodStillIsNoFlood(t *testing.T) {
	for _, pause := range []time.Duration{3 * time.Second, 9 * time.Second, 20 * time.Second, time.Minute} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		a := h.join("ann")
		a.backlog(h, 200) // a part of the burst is used up
		h.tick(1)
		h.clock.still += int64(pause)
		a.backlog(h, int(pause.Seconds()*20*messagesOfAPlayer))
		for range 40 { // clicks
			a.command(0, "none")
		}
		h.tick(2)
		h.want(pause.String()+": nobody closed", a.conn.code() == 0)
		h.tick(100) // half of the time in which a backlog may come
		h.clock.still += int64(pause)
		a.backlog(h, int(pause.Seconds()*20*messagesOfAPlayer))
		h.tick(1)
		h.want(pause.String()+": nor after the next", a.conn.code() == 0)
	}
}

// messagesOfAPlayer a tick are more than a client sends, and what it may.
const messagesOfAPlayer = 4

func TestAPauseIsNoLicenceToFlood(t *testing.T) {
	const pause = 10
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	h.clock.still += int64(pause * time.Second)
	a.backlog(h, pause*20*messagesOfAPlayer+240+1)
	h.tick(1)
	h.want("more than burst and rate give closed", a.conn.code() == protocol.CloseProtocol)
	h.tick(11 * 20)
	b.backlog(h, 240+1)
	h.tick(1)
	h.want("the burst alone later on", b.conn.code() == protocol.CloseProtocol)
}

// TestNoClockRunsWhileTheProcessStandsStill: whatever the machine's clock says,
// the match's goes on where it stopped, at its pace.
func TestNoClockRunsWhileTheProcessStandsStill(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	b.conn.Lose(io.EOF)
	h.tick(1)
	if _, err := h.reserve(Request{Player: "cyd", Name: "cyd", Team: -1, Reservation: "rc"}); err != nil {
		t.Fatal(err)
	}
	tick := h.m.sim.Tick()
	for range 10 {
		h.clock.still += int64(time.Hour)
		h.turn()
	}
	h.want("one tick a turn, at full speed", h.m.sim.Tick() == tick+10 && h.m.pacer.percent == 100)
	a.read()
	h.want("nobody closed, or asked whether they are there", a.conn.code() == 0 && a.pings == 0)
	h.want("every seat kept", h.m.seating.Players() == 3)
	again := h.resume(b, 0)
	h.want("bob to come back", again.welcome.Resumed && again.conn.code() == 0)
}
