package match

import (
	"testing"

	gobwas "github.com/gobwas/ws"

	"tactus/game"
	"tactus/internal/testtime"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
)

// TestLag_isMeasuredBySockets: a client over loopback claims more than its socket says.
func TestLag_isMeasuredBySockets(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	listener := wstest.Listen(t, &ws.Upgrader{})
	conn, client := listener.Dial()
	slots, err := h.reserve(Request{Player: "ann", Name: "ann", Team: -1, Reservation: "r"})
	if err != nil {
		t.Fatal(err)
	}
	h.d.Claim(conn, 0, slots[0], "ann", "r")
	h.tick(1)
	testtime.Until(t, "the input is logged", func() bool {
		tick := uint32(h.m.sim.Tick()) + 2
		f := gobwas.MaskFrame(gobwas.NewBinaryFrame(protocol.AppendInput(nil, protocol.InputHeader{Seq: tick, Tick: tick, Lag: protocol.MaxLag}, []uint32{1})))
		if err := gobwas.WriteFrame(client, f); err != nil {
			t.Fatal(err)
		}
		h.tick(1)
		return len(h.log.Lags) > 0
	})
	if lag := h.log.Lags[0]; lag < minimum || lag > minimum+2*game.LagUnit {
		t.Errorf("a lag of %d sixteenths of a tick", lag)
	}
	h.d.Stop(EndShutdown)
	h.run(t.Context())
}

// minimum may always be claimed.
const minimum = 3 * game.LagUnit
