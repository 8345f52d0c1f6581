package arena

import (
	"strconv"
	"testing"

	"tactus/game"
)

func crowdedSim(tb testing.TB, mode string, players int) (*game.Simulation, *world) {
	tb.Helper()
	sim, w := newSim(tb, mode, 7, game.Option{Name: "seconds", Value: 0}, game.Option{Name: "warmup", Value: 0})
	for p := range players {
		sim.Join(game.Slot(p), game.PlayerInfo{Bot: true, Team: -1})
	}
	for range 300 {
		sim.Step()
	}
	return sim, w
}

func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		mode    string
		players int
	}{{modeDuel, 2}, {modeFFA, 8}, {modeFFA, 16}, {modeTeams8, 16}, {modeSwarm, 40}, {modeSwarm, 1000}, {modeSwarm, 3000}} {
		b.Run(c.mode+"-"+strconv.Itoa(c.players), func(b *testing.B) {
			sim, _ := crowdedSim(b, c.mode, c.players)
			b.ReportAllocs()
			for b.Loop() {
				sim.Step()
			}
		})
	}
}

func BenchmarkThink(b *testing.B) {
	for _, c := range []struct {
		mode    string
		players int
	}{{modeFFA, 16}, {modeSwarm, 1000}} {
		b.Run(c.mode+"-"+strconv.Itoa(c.players), func(b *testing.B) {
			sim, w := crowdedSim(b, c.mode, c.players)
			b.ReportAllocs()
			for b.Loop() {
				for p := range c.players {
					w.Think(sim.Tick()+1, game.Slot(p), sim.Inputs())
				}
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	sim, w := crowdedSim(b, modeFFA, 8)
	for b.Loop() {
		w.Predict(sim.Tick()+1, 0, sim.Inputs())
	}
}

func BenchmarkNewWorld(b *testing.B) {
	for _, mode := range []string{modeFFA, modeSwarm} {
		b.Run(mode, func(b *testing.B) {
			for b.Loop() {
				newSim(b, mode, 1)
			}
		})
	}
}
