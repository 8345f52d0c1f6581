package match

import (
	"testing"

	"tactus/game"
	"tactus/protocol"
)

func sendInput(h *harness, p *player) {
	p.input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 1)
}

func sendCommand(h *harness, p *player) { p.command(uint32(h.m.sim.Tick()), "boom", 1) }

// TestWhoStandsStillIsPingedAndKept: browsers answer pings also where the page's
// script stands still.
func TestWhoStandsStillIsPingedAndKept(t *testing.T) {
	for name, c := range map[string]struct {
		played, meantime func(*harness, *player)
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
			a.standStill(h, b, c.played, c.meantime)
			h.want("a ping about every ten seconds", a.pings >= 4 && a.pings <= 7)
			h.want("the connection kept", a.conn.code() == 0)
		})
	}
}

// standStill plays for two seconds, and then only answers pings for a minute.
func (p *player) standStill(h *harness, other *player, played, meantime func(*harness, *player)) {
	for range 2 * 20 {
		if played != nil {
			played(h, p)
		}
		h.tick(1)
	}
	p.read()
	for range 60 * 20 {
		other.conn.Pong()
		if meantime != nil {
			meantime(h, other)
		}
		h.tick(1)
		pings := p.pings
		p.read()
		if p.pings > pings {
			p.conn.Pong()
		}
	}
}

func TestAPingWaitsBehindAFrameThatIsStuck(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.tick(9 * 20)
	a.read()
	a.conn.Block(true)
	h.d.Notify(protocol.CloseDraining, "soon") // somebody has to notice that it is stuck
	h.tick(3 * 20)
	h.want("nothing behind it", len(a.conn.Received()) == 0)
	a.conn.Block(false)
	h.tick(1)
	a.read()
	h.want("the ping then", a.pings == 1 && a.conn.code() == 0)
}
