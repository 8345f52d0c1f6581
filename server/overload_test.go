package server

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/game/tag"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/overload"
)

func TestReserve_overloadRefusesMatchesThenPlayers(t *testing.T) {
	s, err := New(Config{Matchmakers: []string{"127.0.0.1:1"}}, zap.NewNop(), tag.Game)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.matches.stop()
		s.matches.running.Wait()
		if err := s.logs.Close(); err != nil {
			t.Error(err)
		}
	})
	reserve := func(matchID string, create bool, player string) string {
		t.Helper()
		return host{s}.Reserve(context.Background(), &fleetv1.Reserve{
			MatchId: matchID, Create: create, Game: tag.Game.Info().Name, Mode: firstMode(tag.Game).Name,
			Seats: []*fleetv1.Seat{{PlayerId: player, PlayerName: player, Team: -1, Reservation: "r-" + player}},
		}).GetReason()
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: refused with %q, want %q", what, got, want)
		}
	}
	want("calm, a new match", reserve("m1", true, "ada"), "")

	now := int64(time.Second)
	press := func(pressure float64, until overload.Rung) {
		t.Helper()
		for range 1000 {
			now += int64(overload.JudgeEvery)
			if s.overload.Judge(now, overload.Load{MeanWait: pressure, Worst: pressure}) == until {
				break
			}
		}
		if got := s.overload.Rung(); got != until {
			t.Fatalf("the process stands on %v, want %v", got, until)
		}
	}
	press(2, overload.Dilated)
	want("dilated, a new match", reserve("m2", true, "bob"), "")
	press(2, overload.NoMatches)
	want("no matches, a new match", reserve("m3", true, "cyd"), "overloaded")
	want("no matches, a running match", reserve("m1", true, "dan"), "")
	press(2, overload.NoJoins)
	want("no joins, a running match", reserve("m1", false, "eve"), "overloaded")
	want("no joins, a player with a seat", reserve("m1", false, "ada"), "")
	press(0, overload.Calm)
	want("a border later, a player with a seat", reserve("m1", false, "ada"), "")
	want("calm again, a running match", reserve("m1", false, "eve"), "")
	want("calm again, a new match", reserve("m3", true, "cyd"), "")
}

func firstMode(g game.Game) game.Mode { return g.Info().Modes[0] }
