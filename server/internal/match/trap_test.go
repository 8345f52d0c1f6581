package match

import (
	"context"
	"slices"
	"testing"
	"time"

	"tactus/game"
)

// Traps of passing a match from one goroutine to another, and of the order in which
// a tick does things. Each of these was, or nearly was, a mistake.

func TestDriver_publishesBeforeItAnswersAReservation(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	var people int
	if !h.d.post(func(now int64) {
		if _, err := h.d.reserve(now, []Request{{Player: "ann", Team: -1, Reservation: "r"}}, int64(time.Minute)); err != nil {
			t.Error(err)
		}
		people = h.d.Status().People
	}) {
		t.Fatal("a new match accepts no requests")
	}
	h.tick(1)
	h.want("the reservation in the status when its answer comes", people == 1)
}

func TestDriver_freesTheSeatsOfACancelledReservation(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.d.Reserve(ctx, []Request{{Player: "ann", Team: -1, Reservation: "r"}}, int64(time.Minute)); err == nil {
		t.Fatal("a cancelled reservation is answered")
	}
	h.tick(1)
	h.want("no seat kept", h.d.Status().People == 0)
}

func TestDriver_statusOfAnEndedMatchStaysReadable(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	h.d.Stop(EndShutdown)
	h.run(context.Background())
	h.want("the last status", h.d.Status() != nil && h.d.Status().ID == "match" && h.d.Status().People == 1)
	select {
	case <-h.d.Done():
	default:
		t.Error("an ended match is not done")
	}
}

func TestMatch_releasesInputsBeforeItLogsALeave(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.join("bob")
	a.input(1, a.last.Tick+1, 5)
	h.tick(1)
	a.conn.Send([]byte{0xc1}) // garbage, which closes for good
	h.tick(1)
	released, left := slices.Index(h.log.lines, "input 0 0"), slices.Index(h.log.lines, "leave 0 why=2")
	if left < 0 {
		left = slices.IndexFunc(h.log.lines, func(l string) bool { return len(l) > 7 && l[:7] == "leave 0" })
	}
	h.want("the input released, then the leave", released >= 0 && left > released)
}

func TestMatch_claimReplacesAConnectionAndKeepsThePlayer(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	h.join("ann")
	joins := 0
	for _, l := range h.log.lines {
		if l == "join 0 ann bot=false team=-1" || l == "join 0 ann bot=false team=0" {
			joins++
		}
	}
	h.want("one join of the world, no leave", joins == 1 && !slices.ContainsFunc(h.log.lines, func(l string) bool { return len(l) > 5 && l[:5] == "leave" }))
}

// TestMatch_losesConnectionsInOrderOfSlots: reads of all come first, then what they
// brought takes effect, in the order of slots.
func TestMatch_losesConnectionsInOrderOfSlots(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	players := []*player{h.join("ann"), h.join("bob"), h.join("cleo")}
	for _, p := range []*player{players[2], players[0]} {
		p.conn.Send([]byte{0xc1})
	}
	players[1].command(0, "boom", 1)
	from := len(h.log.lines)
	h.tick(1)
	var order []string
	for _, l := range h.log.lines[from:] {
		if l[:5] == "leave" || l[:5] == "comma" {
			order = append(order, l[:9])
		}
	}
	h.want("leaves by slot, then what the others sent", slices.Equal(order, []string{"leave 0 w", "leave 2 w", "command 1"}))
}

func TestMatch_endsSnapshotsThatAreNotSent(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.conn.Block(true)
	h.tick(5) // no snapshot is sent
	a.conn.Block(false)
	h.tick(2)
	a.read() // checks the hash of each snapshot
	h.want("the newest state", a.last.Tick == uint32(h.m.sim.Tick()))
}

// TestMatch_readStepAndSendAreATick: a tick is Read, Step and Send, with anything
// between them.
func TestMatch_readStepAndSendAreATick(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.input(1, a.last.Tick+1, 3)
	h.clock.now += period
	h.m.Read(h.clock.now)
	tick := h.m.TickNumber()
	h.m.Step(h.clock.now)
	h.want("a step", h.m.TickNumber() == tick+1)
	a.read()
	h.want("nothing sent yet", a.last.Tick == uint32(tick))
	h.m.Send(h.clock.now)
	a.read()
	h.want("the snapshot", a.last.Tick == uint32(tick)+1 && a.x() == 3 && h.m.Effects().Snapshot)
}
