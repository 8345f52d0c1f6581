package match

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
)

// crowd joins n players that read and write replies.
func (h *harness) crowd(n int) (all []*matchtest.Client) {
	for i := range n {
		all = append(all, h.joinWith(fmt.Sprint("p", i), protocol.FeatureReply))
	}
	return all
}

func TestChat_isLimitedForTheWholeMatch(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		passed int
	}{
		"short lines":  {"gg", 64},
		"longest ones": {strings.Repeat("x", protocol.MaxChat), 4096 / (protocol.MaxChat + 9)},
	} {
		h := newHarness(t, game.Mode{MaxPlayers: 32})
		all := h.crowd(20)
		for _, p := range all {
			p.Chats = nil
			for i := range 4 {
				p.Say(c.text, uint32(i)+1)
			}
		}
		h.tick(1)
		passed, busy := 0, 0
		for _, p := range all {
			p.Read()
			for _, r := range p.Replies {
				if r.OK {
					passed++
				} else if r.Reason == protocol.ReasonBusy {
					busy++
				}
			}
		}
		if passed != c.passed || passed+busy != 80 {
			t.Errorf("%s: %d passed on, %d told busy; want %d and the rest", name, passed, busy, c.passed)
		}
		if got := len(all[0].TakeChats()); got != c.passed {
			t.Errorf("%s: %d heard, want %d", name, got, c.passed)
		}
		h.tick(20)
		all[0].Say(c.text, 9)
		h.tick(1)
		all[1].Read()
		h.want(name+": room again a second later", len(all[1].TakeChats()) == c.passed+1)
	}
}

// TestChat_floodIsNotCleaned: that costs more than anything else that a client may
// send so often.
func TestChat_floodIsNotCleaned(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.joinWith("ann", protocol.FeatureReply)
	for i := range uint32(50) {
		a.Say(strings.Repeat("\u3164", 50), i+1) // fillers: nothing is left of them
	}
	h.tick(1)
	a.Read()
	reasons := map[string]int{}
	for _, r := range a.Replies {
		reasons[r.Reason]++
	}
	h.want("as many looked at as may be said", reasons[protocol.ReasonBadText] == 5 && reasons[protocol.ReasonBusy] == 45)
}

func TestChat_isBoundedForAClientThatReadsNothing(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 32})
	all := h.crowd(10)
	reader := all[0]
	reader.Chats = nil
	for range 40 { // it plays, and then stands still
		sendInput(h, reader)
		h.tick(1)
	}
	reader.Read()
	for i := range 25 * 20 {
		sendInput(h, all[1])
		if i%5 == 0 {
			all[1+i/5%9].Say(strings.Repeat("x", protocol.MaxChat), 0)
		}
		h.tick(1)
	}
	h.want("the connection kept", reader.Conn.Code() == 0)
	sendInput(h, reader)
	h.tick(1)
	reader.Read()
	if got := len(reader.TakeChats()); got < 4096/(protocol.MaxChat+9)-1 || got > 4096/protocol.MaxChat+25 {
		t.Errorf("%d lines for who stood still", got)
	}
}

func TestChat_isReplayedAfterAResume(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	say := func(text string) {
		a.Say(text, 0)
		h.tick(2 * 20) // a line in two seconds
	}
	say("before")
	b.Read()
	h.want("what was said while bob was there, at once", slices.Equal(b.TakeChats(), []string{"before"}))
	b.Conn.Lose(io.EOF)
	h.tick(1)
	var want []string
	for i := range 14 {
		say(fmt.Sprint("line ", i))
		want = append(want, fmt.Sprint("line ", i))
	}
	again := h.resume(b, 0)
	if got := again.TakeChats(); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	again.Conn.Lose(io.EOF)
	h.tick(1)
	again = h.resume(again, 0)
	h.want("nothing twice", len(again.TakeChats()) == 0)
	h.want("and nothing for a newcomer", len(h.join("cyd").TakeChats()) == 0)
}

func TestChat_keepsTheLastLinesOnly(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 32})
	all := h.crowd(11)
	gone := all[10]
	gone.Conn.Lose(io.EOF)
	h.tick(1)
	for i := range 20 {
		all[i%10].Say(fmt.Sprint(i), 0)
		h.tick(4)
	}
	got := h.resume(gone, 0).TakeChats()
	h.want("the last sixteen", len(got) == 16 && got[0] == "4" && got[15] == "19")
}

// TestOutcome_followsTheEventsThatLedToIt: a client may apply in order.
func TestOutcome_followsTheEventsThatLedToIt(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	for range 40 { // bob plays, and then stands still
		sendInput(h, b)
		h.tick(1)
	}
	h.tick(30)
	a.Read()
	b.Read()
	for h.clock.Time+matchtest.Period < h.m.outcome.nextCheck { // the match looks at its outcome at the next tick
		h.tick(1)
	}
	a.Command(0, "boom", 7)
	a.Command(0, "finish")
	h.tick(2)
	a.Read()
	h.want("the result, and the event before it", len(a.Results) == 1 && a.EventsAtResult == 1)
	b.Read()
	h.want("nothing yet for bob", len(b.Results) == 0)
	b.Read()
	sendInput(h, b)
	h.tick(2)
	b.Read()
	h.want("bob, when heard again", len(b.Results) == 1 && b.EventsAtResult == 1)
}
