package match

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
)

// sealFor is the seal of a player in these tests.
func sealFor(player string) []byte { return bytes.Repeat([]byte(player[:1]), SealSize) }

// joinSealed seats a player whose token has a seal.
func (h *harness) joinSealed(player string) *matchtest.Client {
	h.t.Helper()
	p := h.join(player)
	h.d.post(func(int64) { h.m.Seal(p.Conn.Server, p.Welcome.Slot, sealFor(player)) })
	h.tick(1)
	return p
}

// finish ends the match by another player, who has no seal.
func (h *harness) finish() EndReport {
	h.t.Helper()
	h.join("zoe").Command(0, "finish")
	h.tick(30)
	if len(h.over) != 1 {
		h.t.Fatalf("%d reports", len(h.over))
	}
	return h.over[0]
}

func leaving(mode game.Mode, policy LeavePolicy) Config {
	mode.Name = "m"
	return Config{Match: game.MatchConfig{Mode: mode}, Leave: policy}
}

func TestAttendance_resultsReturnTheSeals(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.joinSealed("ann")
	h.join("bob")
	h.want("the seal in the log", h.log.Has(fmt.Sprintf("seal 0 %x", sealFor("ann"))))
	seals := map[string][]byte{}
	for _, r := range h.finish().Results {
		seals[r.Player] = r.Seal
	}
	h.want("the seal of the player that has one", len(seals) == 3 && bytes.Equal(seals["ann"], sealFor("ann")) && seals["bob"] == nil)
}

func TestAttendance_sealIsForTheConnectionOfTheSeat(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	ann, bob := h.join("ann"), h.join("bob")
	h.d.post(func(int64) {
		h.m.Seal(bob.Conn.Server, ann.Welcome.Slot, sealFor("ann"))
		h.m.Seal(ann.Conn.Server, ann.Welcome.Slot, sealFor("ann")[:8])
		h.m.Seal(ann.Conn.Server, 99, sealFor("ann"))
	})
	h.tick(1)
	for _, r := range h.finish().Results {
		h.want("no seal for "+r.Player, r.Seal == nil)
	}
}

func TestAttendance_listsWhoLeft(t *testing.T) {
	policy := LeavePolicy{Loss: true, After: time.Second}
	cfg := leaving(game.Mode{MaxPlayers: 8}, policy)
	h := newHarnessFor(t, matchtest.Game{Mode: cfg.Match.Mode}, cfg)
	h.joinSealed("stays")
	early := h.joinSealed("early")
	early.Bye()
	h.tick(20)
	quit, timeout := h.joinSealed("quit"), h.joinSealed("timeout")
	h.joinSealed("moved")
	back, unsealed, kicked := h.joinSealed("back"), h.join("unsealed"), h.joinSealed("kicked")
	back.Conn.Lose(io.EOF)
	timeout.Conn.Lose(io.EOF)
	h.tick(5)
	quit.Bye()
	unsealed.Bye()
	h.tick(5)
	h.d.Evict("moved")
	h.tick(5)
	h.resume(back, 0)
	kicked.Conn.Lose(&ws.CloseError{Code: protocol.CloseProtocol})
	h.tick(31 * 20)
	report := h.finish()
	var got []string
	for _, l := range report.Leavers {
		got = append(got, fmt.Sprintf("%s=%d", l.Player, l.Left))
		if !bytes.Equal(l.Seal, sealFor(l.Player)) || l.Tick < 20 || l.Name != l.Player {
			t.Errorf("%+v", l)
		}
	}
	want := fmt.Sprintf("quit=%d moved=%d kicked=%d timeout=%d", LeftQuit, LeftReplaced, LeftKicked, LeftTimeout)
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if len(report.Results) != 3 { // stays, back, zoe
		t.Errorf("%d players at the end", len(report.Results))
	}
}

func TestAttendance_faultsOfOursAreNone(t *testing.T) {
	for name, lose := range map[string]func(h *harness, p *matchtest.Client){
		"a restart": func(_ *harness, p *matchtest.Client) { p.Conn.Lose(&ws.CloseError{Code: protocol.CloseRestart}) },
		"a drain":   func(_ *harness, p *matchtest.Client) { p.Conn.Lose(&ws.CloseError{Code: protocol.CloseDraining}) },
		"the rules": func(_ *harness, p *matchtest.Client) { p.Conn.Lose(&ws.CloseError{Code: protocol.CloseMoved}) },
		"a long stop": func(h *harness, p *matchtest.Client) {
			p.Conn.Lose(io.EOF)
			h.tick(1)
			h.clock.Still += int64(2 * time.Second)
		},
	} {
		cfg := leaving(game.Mode{MaxPlayers: 4}, LeavePolicy{Loss: true})
		h := newHarnessFor(t, matchtest.Game{Mode: cfg.Match.Mode}, cfg)
		h.joinSealed("ann")
		lose(h, h.joinSealed("bob"))
		h.tick(31 * 20)
		leavers := h.finish().Leavers
		if len(leavers) != 1 || leavers[0].Left != LeftOurs {
			t.Errorf("%s: %+v", name, leavers)
		}
	}
	h := newHarness(t, game.Mode{MaxPlayers: 4}) // its queue does not ask
	h.joinSealed("ann")
	h.joinSealed("bob").Bye()
	h.tick(20)
	h.want("no leavers without a policy", h.finish().Leavers == nil)
}
