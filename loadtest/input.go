package loadtest

import "tactus/game"

// random is a small generator for choices that only have to be cheap and
// repeatable: splitmix64 (Steele, Lea and Flood, 2014).
type random uint64

func newRandom(seed uint64, index int) random {
	r := random(seed ^ uint64(index)*0xd1342543de82ef95)
	r.next()
	return r
}

func (r *random) next() uint32 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return uint32(z >> 32)
}

// below returns a number in [0, n), 0 for n 0.
func (r *random) below(n uint32) uint32 { return uint32(uint64(r.next()) * uint64(n) >> 32) }

// within returns a number in [lo, hi].
func (r *random) within(lo, hi int32) int32 {
	span := uint64(int64(hi) - int64(lo) + 1)
	return int32(int64(lo) + int64(uint64(r.next())*span>>32))
}

// inputGenerator chooses a bot's inputs by what the schema says of the input's fields:
// each second new values within their ranges, and between them angles that turn
// a little with every tick, as a hand on a mouse does.
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
	step          int32 // what an angle turns by with each input
}

// Where a field has no range of its own, these are taken: an angle's whole
// turn, one unit of fixed point either way, and small numbers for the rest.
const (
	fullTurn      = 1 << 16
	fixedOne      = 1 << 16
	unboundedInt  = 7
	maxTurnPerTick = fullTurn / 128
)

func newInputGenerator(input *game.TableSchema, rate int, r *random) inputGenerator {
	p := inputGenerator{words: make([]uint32, input.Stride), rate: rate, left: int(r.below(uint32(rate)))}
	for i := range input.Fields {
		f := &input.Fields[i]
		c := inputField{offset: f.Offset, words: f.Words, min: f.Min, max: f.Max, turns: f.Kind == game.KindAngle}
		lo, hi := defaultRange(f.Kind)
		if c.min == -1<<31 {
			c.min = lo
		}
		if c.max == 1<<31-1 {
			c.max = max(hi, c.min)
		}
		c.min = min(c.min, c.max)
		p.fields = append(p.fields, c)
	}
	p.choose(r)
	return p
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
func (p *inputGenerator) next(r *random) []uint32 {
	if p.left--; p.left < 0 {
		p.left = p.rate - 1
		p.choose(r)
		return p.words
	}
	for i := range p.fields {
		c := &p.fields[i]
		if !c.turns {
			continue
		}
		for w := c.offset; w < c.offset+c.words; w++ {
			p.words[w] = uint32(c.turn(int32(p.words[w])))
		}
	}
	return p.words
}

func (p *inputGenerator) choose(r *random) {
	for i := range p.fields {
		c := &p.fields[i]
		for w := c.offset; w < c.offset+c.words; w++ {
			p.words[w] = uint32(r.within(c.min, c.max))
		}
		c.step = r.within(-maxTurnPerTick, maxTurnPerTick)
	}
}

// turn adds the step and comes round at the ends of the range.
func (c *inputField) turn(angle int32) int32 {
	next := int64(angle) + int64(c.step)
	switch {
	case next > int64(c.max):
		return c.min
	case next < int64(c.min):
		return c.max
	default:
		return int32(next)
	}
}
