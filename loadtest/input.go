package loadtest

import (
	"tactus/game"
	"tactus/loadtest/internal/random"
)

// inputGenerator chooses a bot's inputs by the schema of the game's input: each
// second new values within the fields' ranges. In between, angles turn a little with
// every tick, as by a hand on a mouse. It is not safe for concurrent use; owned by
// its connection.
type inputGenerator struct {
	fields []inputField
	words  []uint32
	rate   int // inputs between new choices
	left   int // inputs until the next choice
}

type inputField struct {
	offset, words int
	min, max      int32
	turns         bool
	step          int32 // the turn of an angle with each input
}

// Ranges of fields that have none of their own: an angle's whole turn, one unit of
// fixed point either way, and small numbers for the rest.
const (
	fullTurn       = 1 << 16
	fixedOne       = 1 << 16
	unboundedInt   = 7
	maxTurnPerTick = fullTurn / 128
)

func newInputGenerator(input *game.TableSchema, rate int, r *random.Source) inputGenerator {
	g := inputGenerator{words: make([]uint32, input.Stride), rate: rate, left: int(r.Below(uint32(rate)))}
	for i := range input.Fields {
		f := &input.Fields[i]
		field := inputField{offset: f.Offset, words: f.Words, min: f.Min, max: f.Max, turns: f.Kind == game.KindAngle}
		lo, hi := defaultRange(f.Kind)
		if field.min == -1<<31 {
			field.min = lo
		}
		if field.max == 1<<31-1 {
			field.max = max(hi, field.min)
		}
		field.min = min(field.min, field.max)
		g.fields = append(g.fields, field)
	}
	g.choose(r)
	return g
}

func defaultRange(k game.Kind) (lo, hi int32) {
	switch k {
	case game.KindFixed, game.KindVec:
		return -fixedOne, fixedOne
	case game.KindAngle:
		return 0, fullTurn - 1
	default:
		return 0, unboundedInt
	}
}

// next returns the words of the next input, valid until the next call.
func (g *inputGenerator) next(r *random.Source) []uint32 {
	if g.left--; g.left < 0 {
		g.left = g.rate - 1
		g.choose(r)
		return g.words
	}
	for i := range g.fields {
		f := &g.fields[i]
		if !f.turns {
			continue
		}
		for w := f.offset; w < f.offset+f.words; w++ {
			g.words[w] = uint32(f.turn(int32(g.words[w])))
		}
	}
	return g.words
}

func (g *inputGenerator) choose(r *random.Source) {
	for i := range g.fields {
		f := &g.fields[i]
		for w := f.offset; w < f.offset+f.words; w++ {
			g.words[w] = uint32(r.Within(f.min, f.max))
		}
		f.step = r.Within(-maxTurnPerTick, maxTurnPerTick)
	}
}

// turn adds the step to an angle. At the ends of the range it starts from the other
// end.
func (f *inputField) turn(angle int32) int32 {
	next := int64(angle) + int64(f.step)
	switch {
	case next > int64(f.max):
		return f.min
	case next < int64(f.min):
		return f.max
	default:
		return int32(next)
	}
}
