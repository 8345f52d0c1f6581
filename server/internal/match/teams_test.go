package match

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/session"
)

// seat reserves a place in a team and takes it.
func (h *harness) seat(name string, team int32, skill float64) game.Slot {
	h.t.Helper()
	slots, err := h.reserve(Request{Player: name, Name: name, Team: team, Reservation: "r-" + name, Skill: skill, Queue: h.m.cfg.Queue})
	if err != nil {
		h.t.Fatalf("a seat for %s in team %d: %v", name, team, err)
	}
	h.d.Claim(matchtest.NewConn().Server, 0, slots[0], name, "r-"+name)
	h.tick(1)
	return slots[0]
}

func TestTeams_playersPlayInTheTeamOfTheirSeat(t *testing.T) {
	for _, fill := range []int{0, 4, 6} {
		h := newHarness(t, game.Mode{MaxPlayers: 6, Teams: 2, Fill: fill})
		h.tick(5) // the bots are there first
		for i, team := range []int32{1, 1, 0, 1} {
			slot := h.seat(fmt.Sprint("p", i), team, 0)
			if got := h.m.seating.Team(slot); got != team {
				t.Errorf("fill %d: player %d plays in team %d, was seated in %d", fill, i, got, team)
			}
		}
		members := map[int32]int{}
		for p := range h.m.players {
			if taken, _ := h.m.sim.Taken(game.Slot(p)); taken {
				members[h.m.seating.Team(game.Slot(p))]++
			}
		}
		if members[0] > 3 || members[1] > 3 {
			t.Errorf("fill %d: teams of %v in a match of 3 against 3", fill, members)
		}
	}
}

func TestTeams_fullTeamRefuses(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Teams: 2})
	ask := func(name string, team int32) error {
		_, err := h.reserve(Request{Player: name, Team: team, Reservation: "r-" + name})
		return err
	}
	// Seats count from the moment they are reserved, and a refused request
	// leaves none behind.
	if _, err := h.reserve(
		Request{Player: "a", Team: 0, Reservation: "a"}, Request{Player: "b", Team: 0, Reservation: "b"},
		Request{Player: "c", Team: 0, Reservation: "c"},
	); !errors.Is(err, ErrFull) {
		t.Errorf("three in a team of two: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if err := ask(name, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ask("c", 0); !errors.Is(err, ErrFull) {
		t.Errorf("a third in a team of two: %v", err)
	}
	if err := ask("a", 0); err != nil {
		t.Errorf("a again, who has his seat: %v", err)
	}
	if err := ask("c", 1); err != nil {
		t.Errorf("c in the other team: %v", err)
	}
	// A player without a wish gets a team without reservations.
	if slot := h.seat("d", -1, 0); h.m.seating.Team(slot) != 1 {
		t.Errorf("d plays in team %d, whose seats are reserved", h.m.seating.Team(slot))
	}
}

func TestStatus_hasTeams(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 7, Teams: 2, Fill: 4})
	h.tick(5)
	h.seat("a", 1, 1400)
	h.seat("b", 1, 1600)
	if _, err := h.reserve(Request{Player: "c", Team: 0, Reservation: "c", Skill: 900}); err != nil {
		t.Fatal(err)
	}
	want := "[{1 3 900} {2 3 1500}]"
	if got := fmt.Sprint(h.d.Status().Teams); got != want {
		t.Errorf("teams %s, want %s", got, want)
	}
	free := newHarness(t, game.Mode{MaxPlayers: 4})
	if got := free.d.Status().Teams; got != nil {
		t.Errorf("a game without teams tells of %v", got)
	}
	free.setQueue("ranked")
	free.seat("a", 3, 1200) // a team of free-for-all means nothing to the rules
	if got := fmt.Sprint(free.d.Status().Teams); got != "[{1 4 1200}]" {
		t.Errorf("a queue's match without teams tells of %s", got)
	}
}

// timed is a world that knows its end.
type timed struct {
	*matchtest.Units
	left *game.Tick
}

func (w timed) Remaining() game.Tick { return *w.left }

type timedGame struct {
	matchtest.Game
	left *game.Tick
}

func (g timedGame) NewWorld(cfg game.MatchConfig) game.World {
	return timed{Units: g.Game.NewWorld(cfg).(*matchtest.Units), left: g.left}
}

func TestStatus_asksForPlayersAfterLosingSome(t *testing.T) {
	left := new(game.Tick)
	mode := game.Mode{Name: "m", MaxPlayers: 4}
	h := newHarnessFor(t, timedGame{matchtest.Game{Mode: mode}, left}, Config{
		Match: game.MatchConfig{Mode: mode}, Queue: "ranked", RulesVersion: "v7", Backfill: true,
	})
	asks := func(when string, want bool) {
		t.Helper()
		h.tick(10)
		st := h.d.Status()
		if st.Backfill != want || st.Open || st.Queue != "ranked" || st.RulesVersion != "v7" {
			t.Errorf("%s: %+v, want backfill %v", when, st, want)
		}
	}
	asks("before anybody came", false)
	a := h.join("a")
	h.seat("b", -1, 0)
	asks("with everybody who was to come, and seats that nobody lost", false)
	a.Conn.Send(protocol.AppendBye(nil))
	asks("after one left for good", true)
	*left = 20 * 20
	asks("20 s before the end", false)
	*left = 21 * 20
	asks("21 s before the end", true)
	if _, err := h.reserve(Request{Player: "c", Team: -1, Reservation: "c", Queue: "ranked"}); err != nil {
		t.Fatal(err)
	}
	asks("while one is on his way", false)
	h.d.Release([]string{"c"})
	asks("when he does not come", true)
	h.seat("d", -1, 0)
	asks("when the seat is filled", false)
}

func TestStatus_queuesMatchIsClosedToQuickPlay(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("a")
	if st := h.d.Status(); !st.Open || st.Backfill {
		t.Errorf("quick play: %+v", st)
	}
	h.m.cfg.Queue = "ranked"
	b := h.join("b")
	b.Conn.Send(protocol.AppendBye(nil))
	h.tick(3)
	if st := h.d.Status(); st.Open || st.Backfill {
		t.Errorf("a queue that does not fill up: %+v", st)
	}
}

func TestReport_hasTheNamesThatWereAskedFor(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ada")
	slots, err := h.reserve(Request{Player: "other", Name: "Ada", Team: -1, Reservation: "r-other"})
	if err != nil {
		t.Fatal(err)
	}
	h.claim(slots[0], "other", "r-other", 0)
	a.Command(0, "finish")
	h.tick(int(2*time.Second/time.Duration(matchtest.Period)) + 10)
	if r := h.m.outcome.results; len(r) != 2 || r[0].Player != "ada" || r[0].Name != "ada" || r[1].Player != "other" || r[1].Name != "Ada" {
		t.Errorf("results %+v", r) // the name that was asked for: a leaderboard has no two in one match
	}
	if e, _ := h.m.roster.entry(slots[0], &session.RosterCursor{}); e.Name != "Ada 2" {
		t.Errorf("%+v", e)
	}
}

// setQueue makes the match one of a queue; it has no players yet.
func (h *harness) setQueue(queue string) {
	h.m.cfg.Queue = queue
	makePlayers(h.m)
}
