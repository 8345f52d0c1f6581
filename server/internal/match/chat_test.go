package match

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tactus/game"
	"tactus/protocol"
)

func (p *player) heard() (texts []string) {
	for _, c := range p.chats {
		texts = append(texts, c.Text)
	}
	p.chats = nil
	return texts
}

// crowd joins so many who read and write replies.
func (h *harness) crowd(n int) (all []*player) {
	for i := range n {
		all = append(all, h.joinWith(fmt.Sprint("p", i), protocol.FeatureReply))
	}
	return all
}

func TestAMatchPassesOnSoMuchChatAndTellsWhoIsOverIt(t *testing.T) {
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
			p.chats = nil
			for i := range 4 {
				p.say(c.text, uint32(i)+1)
			}
		}
		h.tick(1)
		passed, busy := 0, 0
		for _, p := range all {
			p.read()
			for _, r := range p.replies {
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
		if got := len(all[0].heard()); got != c.passed {
			t.Errorf("%s: %d heard, want %d", name, got, c.passed)
		}
		h.tick(20)
		all[0].say(c.text, 9)
		h.tick(1)
		all[1].read()
		h.want(name+": room again a second later", len(all[1].heard()) == c.passed+1)
	}
}

// TestAFloodOfTextsIsNotCleaned: that costs more than anything else that a client may
// send so often.
func TestAFloodOfTextsIsNotCleaned(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.joinWith("ann", protocol.FeatureReply)
	for i := range uint32(50) {
		a.say(strings.Repeat("\u3164", 50), i+1) // fillers: nothing is left of them
	}
	h.tick(1)
	a.read()
	reasons := map[string]int{}
	for _, r := range a.replies {
		reasons[r.Reason]++
	}
	h.want("as many looked at as may be said", reasons[protocol.ReasonBadText] == 5 && reasons[protocol.ReasonBusy] == 45)
}

func TestChatForWhoReadsNothingIsBounded(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 32})
	all := h.crowd(10)
	reader := all[0]
	reader.chats = nil
	for range 40 { // it plays, and then stands still
		sendInput(h, reader)
		h.tick(1)
	}
	reader.read()
	for i := range 25 * 20 {
		sendInput(h, all[1])
		if i%5 == 0 {
			all[1+i/5%9].say(strings.Repeat("x", protocol.MaxChat), 0)
		}
		h.tick(1)
	}
	h.want("the connection kept", reader.conn.code() == 0)
	sendInput(h, reader)
	h.tick(1)
	reader.read()
	if got := len(reader.heard()); got < 4096/(protocol.MaxChat+9)-1 || got > 4096/protocol.MaxChat+25 {
		t.Errorf("%d lines for who stood still", got)
	}
}

func TestWhoComesBackHearsWhatWasSaid(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	say := func(text string) {
		a.say(text, 0)
		h.tick(2 * 20) // a line in two seconds
	}
	say("before")
	b.read()
	h.want("what was said while bob was there, at once", slices.Equal(b.heard(), []string{"before"}))
	b.conn.Lose(io.EOF)
	h.tick(1)
	var want []string
	for i := range 14 {
		say(fmt.Sprint("line ", i))
		want = append(want, fmt.Sprint("line ", i))
	}
	again := h.resume(b, 0)
	if got := again.heard(); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	again.conn.Lose(io.EOF)
	h.tick(1)
	again = h.resume(again, 0)
	h.want("nothing twice", len(again.heard()) == 0)
	h.want("and nothing for a newcomer", len(h.join("cyd").heard()) == 0)
}

func TestOnlyTheLastLinesAreKept(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 32})
	all := h.crowd(11)
	gone := all[10]
	gone.conn.Lose(io.EOF)
	h.tick(1)
	for i := range 20 {
		all[i%10].say(fmt.Sprint(i), 0)
		h.tick(4)
	}
	got := h.resume(gone, 0).heard()
	h.want("the last sixteen", len(got) == 16 && got[0] == "4" && got[15] == "19")
}

// TestAResultComesBehindTheEventsThatLedToIt: a client may apply in order.
func TestAResultComesBehindTheEventsThatLedToIt(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	for range 40 { // bob plays, and then stands still
		sendInput(h, b)
		h.tick(1)
	}
	h.tick(30)
	a.read()
	b.read()
	for h.clock.now+period < h.m.outcome.nextCheck { // the match looks at its outcome at the next tick
		h.tick(1)
	}
	a.command(0, "boom", 7)
	a.command(0, "finish")
	h.tick(2)
	a.read()
	h.want("the result, and the event before it", len(a.results) == 1 && a.eventsAtResult == 1)
	b.read()
	h.want("nothing yet for bob", len(b.results) == 0)
	b.read()
	sendInput(h, b)
	h.tick(2)
	b.read()
	h.want("bob, when heard again", len(b.results) == 1 && b.eventsAtResult == 1)
}
