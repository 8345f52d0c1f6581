package driver

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"tactus/game"
	"tactus/internal/testtime"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/scheduler"
	"tactus/server/internal/watchdog"
)

// hangChecks is the limit of a turn in these tests, in checks of the watchdog.
const hangChecks = 3

// hanging runs a match whose next turn hangs until wake is called.
func hanging(t *testing.T) (h *harness, f *faults, order *[]string, wake func()) {
	t.Helper()
	h, f, order = newFaultyHarness(t, game.Mode{MaxPlayers: 4})
	h.d.cfg.Watchdog = watchdog.New(watchdog.Config{Limit: hangChecks * watchdog.CheckEvery})
	h.d.cfg.Watchdog.Watch(&h.d.turns, h.d.giveUp)
	entered, wakes := make(chan struct{}), make(chan struct{})
	h.join("ann")
	f.step = func() {
		f.step = nil
		close(entered)
		<-wakes
	}
	back := make(chan struct{})
	h.clock.SleepUntil(h.d.due, nil)
	turn := scheduler.Turn{Now: h.clock.Time, Due: h.d.due}
	go func() {
		defer close(back)
		h.d.Run(turn)
	}()
	<-entered
	return h, f, order, func() {
		close(wakes)
		<-back
	}
}

func (h *harness) giveUp() {
	for range hangChecks + 1 {
		h.d.cfg.Watchdog.Check()
	}
}

func TestDriver_turnThatHangsIsGivenUp(t *testing.T) {
	h, _, _, wake := hanging(t)
	defer wake()
	ann := h.d.inbox.conns.list[0]
	late, closed := matchtest.NewClient(t), matchtest.NewClient(t)
	h.d.Claim(late.Conn.Server, 0, 1, "bob", "rb")
	answer := make(chan error, 1)
	go func() {
		_, err := h.d.Reserve(context.Background(), []match.Request{{Player: "cyd", Reservation: "rc"}}, int64(time.Second))
		answer <- err
	}()
	testtime.Until(t, "the request waits", func() bool {
		h.d.inbox.mu.Lock()
		defer h.d.inbox.mu.Unlock()
		return len(h.d.inbox.requests) == 2
	})
	h.giveUp()
	h.want("the player's connection cut off", ann.Released())
	h.want("4512 for a player on the way", late.Conn.Code() == protocol.CloseGameError)
	if err := <-answer; !errors.Is(err, match.ErrOver) {
		t.Errorf("a reservation gets %v", err)
	}
	h.d.Claim(closed.Conn.Server, 0, 1, "dan", "rd")
	h.want("4512 for a later player", closed.Conn.Code() == protocol.CloseGameError)
	if len(h.ended) != 1 || h.ended[0].Reason != match.EndError || len(h.ended[0].Results) != 0 {
		t.Errorf("reports %+v, want one with %s", h.ended, match.EndError)
	}
	if last := h.log.Lines[len(h.log.Lines)-1]; last != "abandon game_error" {
		t.Errorf("the log ends with %q", last)
	}
	h.want("one turn that hangs", h.d.cfg.Watchdog.Hanging() == 1)
}

// A turn that comes back after it was given up neither reports nor publishes anything.
func TestDriver_turnThatComesBackHasNoEffect(t *testing.T) {
	h, f, order, wake := hanging(t)
	statuses := 0
	h.d.cfg.OnStatus = func() { statuses++ }
	f.over = true
	h.giveUp()
	lines, seen := slices.Clone(h.log.Lines), slices.Clone(*order)
	wake()
	testtime.Until(t, "the turn is closed", func() bool { return h.d.cfg.Watchdog.Hanging() == 0 })
	if len(h.ended) != 1 || statuses != 0 {
		t.Errorf("%d reports, %d statuses", len(h.ended), statuses)
	}
	if !slices.Equal(lines, h.log.Lines) || !slices.Contains(seen, "seated ann") {
		t.Errorf("log %q", h.log.Lines[len(lines):])
	}
}

// A result that was reported before the hang counts.
func TestDriver_hangBehindTheResultKeepsIt(t *testing.T) {
	h, _, _, wake := hanging(t)
	defer wake()
	h.d.finished.Store(true)
	h.giveUp()
	if len(h.ended) != 1 || h.ended[0].Reason != match.EndOver {
		t.Errorf("reports %+v, want one with %s", h.ended, match.EndOver)
	}
}

// Freeing a seat calls the rules when the match has ended already.
func TestDriver_survivesRulesThatPanicWhileMatchCloses(t *testing.T) {
	h, f, _ := newFaultyHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	h.d.match.End(match.EndShutdown)
	h.d.ended = match.EndShutdown
	f.leave = true
	h.d.Evict("ann", math.MaxInt64)
	h.d.continueRun()
	if len(h.ended) != 1 || h.ended[0].Reason != match.EndShutdown {
		t.Errorf("reports %+v, want one with %s", h.ended, match.EndShutdown)
	}
}

func TestConns_forgetsClosedConnections(t *testing.T) {
	var c conns
	for range 10 * minConns {
		p := matchtest.NewClient(t)
		c.add(p.Conn.Server)
		p.Conn.Server.Close(protocol.CloseLeft, "")
	}
	if len(c.list) > minConns {
		t.Errorf("%d connections, all of them closed", len(c.list))
	}
	var open []*matchtest.Client
	for range 3 * minConns {
		p := matchtest.NewClient(t)
		open = append(open, p)
		c.add(p.Conn.Server)
	}
	for _, p := range open {
		if !slices.Contains(c.list, p.Conn.Server) {
			t.Error("an open connection was forgotten")
		}
	}
}
