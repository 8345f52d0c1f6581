package script_test

import (
	"testing"

	"tactus/game"
	"tactus/game/script"
	"tactus/game/tag"
)

func newMatch(t *testing.T) *game.Simulation {
	t.Helper()
	mode, _ := tag.Game.Info().Mode("")
	sim, err := game.NewSimulation(tag.Game, game.MatchConfig{Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

func taken(sim *game.Simulation) (n int) {
	for p := range game.Slot(sim.Inputs().Slots()) {
		if is, _ := sim.Taken(p); is {
			n++
		}
	}
	return n
}

// TestScript_coversEverySituation: a kit that plays the same few situations all the
// time would find little.
func TestScript_coversEverySituation(t *testing.T) {
	sim, s := newMatch(t), script.Script{Seed: 5}
	seats := map[int]bool{}
	inputs := map[uint32]bool{}
	for range 3000 {
		s.Play(sim)
		seats[taken(sim)] = true
		inputs[sim.Inputs().Words(0)[0]] = true
	}
	for n := range sim.Inputs().Slots() + 1 {
		if !seats[n] {
			t.Errorf("there were never %d players", n)
		}
	}
	one := uint32(65536)
	for _, edge := range []uint32{0, 1, one, -one} {
		if !inputs[edge] {
			t.Errorf("%d was never wanted", int32(edge))
		}
	}
	if len(inputs) < 50 {
		t.Errorf("only %d different inputs in 3000 ticks", len(inputs))
	}
}

// TestScript_dependsOnStateOnly: it keeps nothing of its own, so that another
// one goes on where the first has stopped.
func TestScript_dependsOnStateOnly(t *testing.T) {
	sim, other, s := newMatch(t), newMatch(t), script.Script{Seed: 5}
	for range 200 {
		s.Play(sim)
	}
	if err := other.Restore(sim.Save(nil)); err != nil {
		t.Fatal(err)
	}
	again := script.Script{Seed: 5}
	for range 200 {
		s.Play(sim)
		again.Play(other)
		if sim.Hash() != other.Hash() {
			t.Fatalf("differs at tick %d", sim.Tick())
		}
	}
}

func TestBorder_doesNotAllocate(t *testing.T) {
	sim, s := newMatch(t), script.Script{Seed: 5, Commands: []string{"buy"}}
	if n := testing.AllocsPerRun(300, func() { s.Play(sim) }); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
}

func TestRandomHash_playsMatchAfterMatch(t *testing.T) {
	const match = 60*30 + 1 // ticks until tag says it is over
	long, err := script.RandomHash(tag.Game, "classic", 1, 3*match)
	if err != nil {
		t.Fatal(err)
	}
	other, err := script.RandomHash(tag.Game, "", 1, 3*match)
	if err != nil || other != long {
		t.Errorf("hashes %x, %x, error %v", long, other, err)
	}
	if _, err := script.RandomHash(tag.Game, "blitz", 1, 1); err == nil {
		t.Error("an unknown mode was played")
	}
}
