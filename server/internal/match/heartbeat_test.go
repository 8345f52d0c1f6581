package match

import (
	"testing"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
)

func sendInput(h *harness, p *matchtest.Client) {
	p.Input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 1)
}

func sendCommand(h *harness, p *matchtest.Client) { p.Command(uint32(h.m.sim.Tick()), "boom", 1) }

// TestHeartbeat_keepsIdlePlayers: browsers answer pings also where the page's
// script stands still.
func TestHeartbeat_keepsIdlePlayers(t *testing.T) {
	for name, c := range map[string]struct {
		played, meantime func(*harness, *matchtest.Client)
	}{
		"never sent a thing":                     {},
		"never sent a thing while others play":   {meantime: sendInput},
		"played":                                 {played: sendInput},
		"played, and others go on":               {played: sendInput, meantime: sendInput},
		"played, and events happen":              {played: sendInput, meantime: sendCommand},
		"played by commands alone":               {played: sendCommand},
		"played by commands alone, others go on": {played: sendCommand, meantime: sendCommand},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, game.Mode{MaxPlayers: 4})
			a, b := h.join("ann"), h.join("bob")
			standStill(h, a, b, c.played, c.meantime)
			h.want("a ping about every ten seconds", a.Pings >= 4 && a.Pings <= 7)
			h.want("the connection kept", a.Conn.Code() == 0)
		})
	}
}

// standStill plays for two seconds, and then only answers pings for a minute.
func standStill(h *harness, p, other *matchtest.Client, played, meantime func(*harness, *matchtest.Client)) {
	for range 2 * 20 {
		if played != nil {
			played(h, p)
		}
		h.tick(1)
	}
	p.Read()
	for range 60 * 20 {
		other.Conn.Pong()
		if meantime != nil {
			meantime(h, other)
		}
		h.tick(1)
		pings := p.Pings
		p.Read()
		if p.Pings > pings {
			p.Conn.Pong()
		}
	}
}

func TestHeartbeat_waitsBehindABlockedFrame(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.tick(9 * 20)
	a.Read()
	a.Conn.Block(true)
	h.d.Notify(protocol.CloseDraining, "soon") // so that the block is noticed
	h.tick(3 * 20)
	h.want("nothing behind it", len(a.Conn.Received()) == 0)
	a.Conn.Block(false)
	h.tick(1)
	a.Read()
	h.want("the ping then", a.Pings == 1 && a.Conn.Code() == 0)
}
