package match

import (
	"slices"
	"testing"

	"tactus/game"
	"tactus/server/internal/match/matchtest"
)

// Traps of passing a match from one goroutine to another, and of the order in which
// a tick does things. Each of these was, or nearly was, a mistake.

func TestMatch_releasesInputsBeforeItLogsALeave(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.join("bob")
	a.Input(1, a.Last.Tick+1, 5)
	h.tick(1)
	a.Conn.Send([]byte{0xc1}) // garbage, which closes for good
	h.tick(1)
	released, left := slices.Index(h.log.Lines, "input 0 0"), slices.Index(h.log.Lines, "leave 0 why=2")
	if left < 0 {
		left = slices.IndexFunc(h.log.Lines, func(l string) bool { return len(l) > 7 && l[:7] == "leave 0" })
	}
	h.want("the input released, then the leave", released >= 0 && left > released)
}

func TestMatch_claimReplacesAConnectionAndKeepsThePlayer(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	h.join("ann")
	joins := 0
	for _, l := range h.log.Lines {
		if l == "join 0 ann bot=false team=-1" || l == "join 0 ann bot=false team=0" {
			joins++
		}
	}
	h.want("one join of the world, no leave", joins == 1 && !slices.ContainsFunc(h.log.Lines, func(l string) bool { return len(l) > 5 && l[:5] == "leave" }))
}

// TestMatch_losesConnectionsInOrderOfSlots: reads of all come first, then what they
// brought takes effect, in the order of slots.
func TestMatch_losesConnectionsInOrderOfSlots(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	players := []*matchtest.Client{h.join("ann"), h.join("bob"), h.join("cleo")}
	for _, p := range []*matchtest.Client{players[2], players[0]} {
		p.Conn.Send([]byte{0xc1})
	}
	players[1].Command(0, "boom", 1)
	from := len(h.log.Lines)
	h.tick(1)
	var order []string
	for _, l := range h.log.Lines[from:] {
		if l[:5] == "leave" || l[:5] == "comma" {
			order = append(order, l[:9])
		}
	}
	h.want("leaves by slot, then what the others sent", slices.Equal(order, []string{"leave 0 w", "leave 2 w", "command 1"}))
}

func TestMatch_endsSnapshotsThatAreNotSent(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.Conn.Block(true)
	h.tick(5) // no snapshot is sent
	a.Conn.Block(false)
	h.tick(2)
	a.Read() // checks the hash of each snapshot
	h.want("the newest state", a.Last.Tick == uint32(h.m.sim.Tick()))
}

// TestMatch_readStepAndSendAreATick: a tick is Read, Step and Send, with anything
// between them.
func TestMatch_readStepAndSendAreATick(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.Input(1, a.Last.Tick+1, 3)
	h.clock.Time += matchtest.Period
	h.m.Read(h.clock.Time)
	tick := h.m.sim.Tick()
	h.m.Step(h.clock.Time)
	h.want("a step", h.m.sim.Tick() == tick+1)
	a.Read()
	h.want("nothing sent yet", a.Last.Tick == uint32(tick))
	h.m.Send(h.clock.Time)
	a.Read()
	h.want("the snapshot", a.Last.Tick == uint32(tick)+1 && a.X() == 3 && h.m.Effects().Snapshot)
}
