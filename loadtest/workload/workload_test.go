package workload_test

import (
	"testing"

	"tactus/game"
	"tactus/game/gametest"
	"tactus/loadtest/workload"
)

func TestRooms_keepsContract(t *testing.T) { gametest.Run(t, workload.Rooms) }
func TestCrowd_keepsContract(t *testing.T) {
	gametest.Run(t, workload.Crowd, gametest.Ticks(100))
}

// match makes a full match of a mode.
func match(t *testing.T, g game.Game, name string) *game.Simulation {
	t.Helper()
	info := g.Info()
	mode, _ := info.Mode(name)
	sim, err := game.NewSimulation(g, game.MatchConfig{Mode: mode, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for p := range mode.MaxPlayers {
		sim.Join(game.Slot(p), game.PlayerInfo{Team: -1})
	}
	return sim
}

// Every player moves and turns in every tick, and one player a second is hit.
func TestWorkloads_movePlayersInEveryTick(t *testing.T) {
	for name, g := range map[string]game.Game{workload.ModeRooms: workload.Rooms, workload.ModeCrowd: workload.Crowd} {
		sim := match(t, g, name)
		table := sim.Tables().Tables()[0]
		seats, rate := sim.Inputs().Slots(), sim.Info().Rate()
		before := make([][]uint32, seats)
		hits := 0
		for tick := range 10 * rate {
			for p := range seats {
				before[p] = append(before[p][:0], table.Row(p)...)
				sim.SetInput(game.Slot(p), 0, []uint32{uint32(1 + (p*31+tick/rate*17)%256), uint32((tick + 1) * 256 & 0xFFFF)})
			}
			sim.Step()
			for p := range seats {
				row := table.Row(p)
				if row[0] == before[p][0] && row[1] == before[p][1] || row[2] == before[p][2] {
					t.Fatalf("%s, tick %d: player %d stands still: %v", name, sim.Tick(), p, row)
				}
				if row[4] != before[p][4] {
					hits++
				}
			}
		}
		if hits != 10 {
			t.Errorf("%s: %d points in ten seconds, want 10", name, hits)
		}
	}
}

func TestIdle_changesNothingUntilPlayerMoves(t *testing.T) {
	sim := match(t, workload.Rooms, workload.ModeIdle)
	words := func() []uint32 { return append([]uint32(nil), sim.Tables().Tables()[0].Words()...) }
	first := words()
	for range 100 {
		sim.Step()
	}
	if !same(first, words()) {
		t.Fatal("a player moved without an input")
	}
	sim.SetInput(3, 0, []uint32{64, 0})
	sim.Step()
	if same(first, words()) {
		t.Fatal("no player moved after an input")
	}
}

func same(a, b []uint32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
