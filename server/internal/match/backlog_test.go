package match

import (
	"errors"
	"fmt"
	"testing"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
)

// churn has others do what they can to fill the queue of a player: they lose their
// connections and come back, leave and join, chat, make events.
func churn(h *harness, others []*matchtest.Client) {
	h.t.Helper()
	for round := range 20 {
		for _, c := range others {
			c.Conn.Lose(errors.New("gone"))
		}
		h.tick(1)
		for i, c := range others {
			n := matchtest.NewClient(h.t)
			h.d.Resume(n.Conn.Server, 0, c.Welcome.Slot, c.Secret(), 0)
			others[i] = n
		}
		for range 50 {
			h.d.Notify(0, longName(round))
		}
		h.tick(1)
		for i, c := range others {
			c.Read()
			c.Command(0, "boom", 1)
			if i == round {
				c.Say(longName(round), 0)
			}
		}
	}
	others[0].Bye()
	h.tick(1)
}

// TestBacklog_othersCannotFillTheQueue of a player that reads nothing, or nothing any
// more, by what they do.
func TestBacklog_othersCannotFillTheQueue(t *testing.T) {
	for name, c := range map[string]struct {
		silence, back func(h *harness, p *matchtest.Client)
	}{
		"a socket that takes nothing": {
			silence: func(_ *harness, p *matchtest.Client) { p.Conn.Block(true) },
			back:    func(_ *harness, p *matchtest.Client) { p.Conn.Block(false) },
		},
		"a player that stands still": {
			silence: func(h *harness, p *matchtest.Client) {
				for range 40 {
					sendInput(h, p)
					h.tick(1)
				}
			},
			back: sendInput,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, game.Mode{MaxPlayers: 48})
			reader := h.join("reader")
			others := make([]*matchtest.Client, 40)
			for i := range others {
				others[i] = h.join(longName(i))
			}
			c.silence(h, reader)
			h.tick(25)
			reader.Read()
			reader.Notices, reader.Chats = nil, nil
			churn(h, others)
			h.join(longName(99))
			s := &h.m.players[reader.Welcome.Slot].session
			if n := s.ReliableBytes(); n > maxRosterPart+3*4096 {
				t.Errorf("%d bytes wait", n)
			}
			c.back(h, reader)
			h.tick(3)
			reader.Read()
			h.want("the connection kept", reader.Conn.Code() == 0)
			newest := reader.Roster[others[0].Welcome.Slot]
			h.want("the newest state of the roster", len(reader.Roster) == len(others)+1 && newest.Name == longName(99))
			if n := len(reader.Notices); n < 30 || n > 40 || reader.Notices[n-1].Text != longName(19) {
				t.Errorf("%d notices, want the newest", n)
			}
			if n := len(reader.Chats); n < 10 || reader.Chats[n-1].Text != longName(19) {
				t.Errorf("%d lines of chat, want the newest", n)
			}
		})
	}
}

// TestBacklog_ownAnswersCloseTheirOwnPlayer only.
func TestBacklog_ownAnswersCloseTheirOwnPlayer(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	for _, p := range []*matchtest.Client{a, b} {
		p.Conn.Block(true)
	}
	words := make([]int32, protocol.MaxCommandArgs)
	for i := range words {
		words[i] = -1 << 31
	}
	for i := range uint32(190) {
		for n := range uint32(4) {
			a.Command(i*4+n+1, "boom", words...)
		}
		h.tick(1)
	}
	h.want("ann closed as slow", a.Conn.Code() == protocol.CloseSlow)
	h.want("bob kept", b.Conn.Code() == 0)
}

// TestRoster_partsAreOfTheirTime: a part that waits is followed by what has changed
// since, and a newcomer never keeps a player that left while the parts came.
func TestRoster_partsAreOfTheirTime(t *testing.T) {
	const seats = 600
	mode := game.Mode{Name: "m", MaxPlayers: seats}
	f := newFullMatch(t, matchtest.Game{Mode: mode}, mode)
	f.inTurns(1, func(p game.Slot, c *matchtest.Conn) {
		if p < seats-1 {
			f.m.Claim(f.now, c.Server, 0, p, fmt.Sprint("p", p), fmt.Sprint("r", p))
		}
	})
	f.tick()
	const late = seats - 1
	c := f.clients[late]
	f.m.Claim(f.now, c.Server, 0, late, fmt.Sprint("p", late), fmt.Sprint("r", late))
	f.tick()
	first := len(f.rosters[late])
	if first == 0 || first > maxRosterPart/protocol.MaxNameBytes {
		t.Fatalf("%d seats in the first part", first)
	}
	c.Block(true)
	for _, p := range []int{0, first + 1, seats - 2} { // one it knows, one in the part that waits, one it will hear of
		f.clients[p].Send(protocol.AppendBye(nil))
		f.tick()
	}
	if n := len(f.rosters[late]); n != first {
		t.Fatalf("%d seats while nothing is read", n)
	}
	c.Block(false)
	for range 10 {
		f.tick()
	}
	if n := len(f.rosters[late]); n != seats-3 {
		t.Errorf("%d seats in the end, want %d", n, seats-3)
	}
	for _, p := range []game.Slot{0, game.Slot(first) + 1, seats - 2} {
		if e, ok := f.rosters[late][p]; ok {
			t.Errorf("seat %d is still %+v", p, e)
		}
	}
}
