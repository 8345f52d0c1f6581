package match

import (
	"io"
	"testing"
	"time"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
)

// backlog is what a player sends in so many ticks while nobody reads.
func backlog(h *harness, p *matchtest.Client, ticks int) {
	for i := range uint32(ticks) {
		p.Input(uint32(h.m.sim.Tick())+i, uint32(h.m.sim.Tick())+i+1, 1)
	}
}

func TestSuspension_backlogIsNoFlood(t *testing.T) {
	for _, pause := range []time.Duration{3 * time.Second, 9 * time.Second, 20 * time.Second, time.Minute} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		a := h.join("ann")
		backlog(h, a, 200) // a part of the burst is used up
		h.tick(1)
		h.clock.Still += int64(pause)
		backlog(h, a, int(pause.Seconds()*20*messagesOfAPlayer))
		for range 40 { // clicks
			a.Command(0, "none")
		}
		h.tick(2)
		h.want(pause.String()+": nobody closed", a.Conn.Code() == 0)
		h.tick(100) // half of the time in which a backlog may come
		h.clock.Still += int64(pause)
		backlog(h, a, int(pause.Seconds()*20*messagesOfAPlayer))
		h.tick(1)
		h.want(pause.String()+": nor after the next", a.Conn.Code() == 0)
	}
}

// messagesOfAPlayer a tick are more than a client sends, and what it may.
const messagesOfAPlayer = 4

func TestSuspension_isNoLicenceToFlood(t *testing.T) {
	const pause = 10
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	h.clock.Still += int64(pause * time.Second)
	backlog(h, a, pause*20*messagesOfAPlayer+240+1)
	h.tick(1)
	h.want("more than burst and rate give closed", a.Conn.Code() == protocol.CloseProtocol)
	h.tick(11 * 20)
	backlog(h, b, 240+1)
	h.tick(1)
	h.want("the burst alone later on", b.Conn.Code() == protocol.CloseProtocol)
}

// TestSuspension_stopsEveryClock: whatever the machine's clock says,
// the match's goes on where it stopped, at its pace.
func TestSuspension_stopsEveryClock(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	b.Conn.Lose(io.EOF)
	h.tick(1)
	if _, err := h.reserve(Request{Player: "cyd", Name: "cyd", Team: -1, Reservation: "rc"}); err != nil {
		t.Fatal(err)
	}
	tick := h.m.sim.Tick()
	for range 10 {
		h.clock.Still += int64(time.Hour)
		h.turn()
	}
	h.want("one tick a turn, at full speed", h.m.sim.Tick() == tick+10 && h.m.pacer.percent == 100)
	a.Read()
	h.want("nobody closed, or asked whether they are there", a.Conn.Code() == 0 && a.Pings == 0)
	h.want("every seat kept", h.m.seating.Players() == 3)
	again := h.resume(b, 0)
	h.want("bob to come back", again.Welcome.Resumed && again.Conn.Code() == 0)
}
