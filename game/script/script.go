// Package script plays random matches that are the same on every machine: the
// conformance kit steps games with it, and the proof that a game's WebAssembly
// build agrees with the native one. It imports nothing but the contract, so
// that it can be linked into that build.
package script

import (
	"errors"

	"tactus/game"
)

// Script chooses joins, leaves, commands and inputs. Its choices before a tick
// depend only on its seed and the state of the simulation, so that a restored
// match continues as the saved one did.
type Script struct {
	Seed     uint64
	Commands []string // names of commands to send, beside unknown ones
}

// Sizes of the script's random choices: one in so many.
const (
	seatChange   = 64  // per tick: a player leaves although there is room
	commandEvery = 16  // per tick
	inputEvery   = 8   // per player and tick: a new input
	epochTicks   = 128 // ticks for which the wanted number of players holds
)

const golden = 0x9e3779b97f4a7c15

// Border does what happens before the next tick: joins, leaves, commands, and
// inputs for it. It does not allocate.
func (s *Script) Border(sim *game.Simulation) {
	var r game.Rand
	r.Seed(s.Seed ^ (uint64(sim.Tick())+1)*golden)
	s.seatPlayers(sim, &r)
	if r.Intn(commandEvery) == 0 {
		s.command(sim, &r)
	}
	schema := &sim.Info().Input
	var words [game.MaxInputWord]uint32
	for p := range game.Slot(sim.Inputs().Slots()) {
		if taken, bot := sim.Taken(p); !taken || bot || r.Intn(inputEvery) != 0 {
			continue
		}
		randomInput(&r, schema, words[:schema.Stride])
		sim.SetInput(p, r.Range(0, 255), words[:schema.Stride])
	}
}

// Play is Border and a step.
func (s *Script) Play(sim *game.Simulation) {
	s.Border(sim)
	sim.Step()
}

// wanted is how many seats should be taken: a random number that holds for a
// while, in every fourth epoch all.
func (s *Script) wanted(tick game.Tick, seats int32) int32 {
	epoch := uint64(tick / epochTicks)
	if epoch%4 == 0 {
		return seats
	}
	var r game.Rand
	r.Seed(s.Seed + epoch*golden)
	return r.Range(0, seats)
}

func (s *Script) seatPlayers(sim *game.Simulation, r *game.Rand) {
	seats, taken := int32(sim.Inputs().Slots()), int32(0)
	for p := range seats {
		if is, _ := sim.Taken(game.Slot(p)); is {
			taken++
		}
	}
	wanted := s.wanted(sim.Tick(), seats)
	for range r.Range(0, 1+seats/8) {
		switch {
		case taken < wanted:
			join(sim, r, findSeat(sim, r, false))
			taken++
		case taken > wanted:
			leave(sim, r, findSeat(sim, r, true))
			taken--
		}
	}
	if taken > 0 && r.Intn(seatChange) == 0 {
		leave(sim, r, findSeat(sim, r, true))
	}
}

// findSeat returns a random seat that is taken, or is not; there is one.
func findSeat(sim *game.Simulation, r *game.Rand, taken bool) game.Slot {
	seats := game.Slot(sim.Inputs().Slots())
	p := game.Slot(r.Intn(int32(seats)))
	for range seats {
		if is, _ := sim.Taken(p); is == taken {
			break
		}
		p = (p + 1) % seats
	}
	return p
}

func join(sim *game.Simulation, r *game.Rand, p game.Slot) {
	_, thinks := sim.World().(game.Botter)
	team := r.Range(-1, int32(sim.Config().Mode.Teams)-1)
	sim.Join(p, game.PlayerInfo{Bot: r.Intn(2) == 0 && thinks, Team: team})
}

func leave(sim *game.Simulation, r *game.Rand, p game.Slot) {
	sim.Leave(p, game.LeaveReason(r.Range(int32(game.LeaveQuit), int32(game.LeaveReplaced))))
}

func (s *Script) command(sim *game.Simulation, r *game.Rand) {
	name := "no-such-command"
	if i := int(r.Intn(int32(len(s.Commands)) + 1)); i < len(s.Commands) {
		name = s.Commands[i]
	}
	var args [game.MaxCommandArgs]int32
	n := r.Range(0, int32(len(args)))
	for i := range args[:n] {
		args[i] = randomWord(r, -1<<31, 1<<31-1)
	}
	sim.Command(findSeat(sim, r, true), name, args[:n])
}

func randomInput(r *game.Rand, schema *game.InputSchema, words []uint32) {
	for i := range schema.Fields {
		f := &schema.Fields[i]
		for w := range f.Words {
			words[f.Offset+w] = uint32(randomWord(r, f.Min, f.Max))
		}
	}
}

// randomWord returns a number between lo and hi: the ends and the smallest
// numbers more often than others, since rules stumble there.
func randomWord(r *game.Rand, lo, hi int32) int32 {
	switch r.Intn(8) {
	case 0:
		return lo
	case 1:
		return hi
	case 2, 3:
		return min(max(r.Range(-3, 3), lo), hi)
	default:
		return r.Range(lo, hi)
	}
}

// RandomHash plays random matches of a mode for so many ticks in all and
// returns a hash over the state after every tick. A match that is over is
// followed by another with the next seed.
func RandomHash(g game.Game, mode string, seed uint64, ticks int) (uint64, error) {
	info := g.Info()
	m, ok := info.Mode(mode)
	if !ok {
		return 0, errors.New("game " + info.Name + " has no mode " + mode)
	}
	sum := game.NewHash()
	for ticks > 0 {
		sim, err := game.NewSimulation(g, game.MatchConfig{Mode: m, Seed: seed})
		if err != nil {
			return 0, err
		}
		s := Script{Seed: seed}
		for over := false; ticks > 0 && !over; ticks-- {
			s.Play(sim)
			h := sim.Hash()
			sum.Word(uint32(h))
			sum.Word(uint32(h >> 32))
			var outcome game.Outcome
			outcome, over = sim.Outcome()
			for _, r := range outcome.Results {
				sum.Words([]uint32{uint32(r.Slot), uint32(r.Team), uint32(r.Score), uint32(r.Rank)})
			}
		}
		seed++
	}
	return sum.Sum64(), nil
}
