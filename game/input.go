package game

import (
	"errors"
	"reflect"
	"strconv"
	"unsafe"
)

// Input gives typed access to a game's inputs: one value per game, defined once
// as a package variable.
type Input[T any] struct{ schema InputSchema }

// DefineInput describes the input struct T: words, with "min=N,max=N" tags for
// the range that the server accepts. [Check] reports mistakes.
func DefineInput[T any]() *Input[T] {
	schema, errs := describe("input", reflect.TypeFor[T]())
	schema.Capacity = 1
	if schema.Stride > MaxInputWord {
		errs = append(errs, errors.New("input: "+strconv.Itoa(schema.Stride)+" words, at most "+strconv.Itoa(MaxInputWord)))
	}
	return &Input[T]{schema: InputSchema{TableSchema: schema, err: errors.Join(errs...)}}
}

// Schema is what goes into [Info].
func (d *Input[T]) Schema() InputSchema { return d.schema }

// At returns p's input of this tick. It is read-only.
func (d *Input[T]) At(in *Inputs, p Slot) *T {
	return (*T)(unsafe.Pointer(unsafe.SliceData(in.Words(p))))
}

// Set writes p's input; bots use it.
func (d *Input[T]) Set(in *Inputs, p Slot, v T) { *d.At(in, p) = v }

// Valid reports whether every word lies in its field's range.
func (s *InputSchema) Valid(words []uint32) bool {
	if len(words) != s.Stride {
		return false
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		if !f.bounded {
			continue
		}
		for _, w := range words[f.Offset : f.Offset+f.Words] {
			if int32(w) < f.Min || int32(w) > f.Max {
				return false
			}
		}
	}
	return true
}

// Inputs holds the players' inputs of one tick. A player without a new input
// keeps the last one. It is not safe for concurrent use; owned by the
// [Simulation].
type Inputs struct {
	stride int
	words  []uint32 // per slot: lag, then the input's words
}

// LagUnit is the resolution of [Inputs.Lag]: 1/16 tick.
const LagUnit = 16

func newInputs(stride, slots int) Inputs {
	return Inputs{stride: stride, words: make([]uint32, (stride+1)*slots)}
}

// Slots is the number of seats.
func (in *Inputs) Slots() int { return len(in.words) / (in.stride + 1) }

// Words is the memory of p's input.
func (in *Inputs) Words(p Slot) []uint32 {
	at := int(p)*(in.stride+1) + 1
	return in.words[at : at+in.stride : at+in.stride]
}

// Lag is the age, in 1/16 ticks, of the picture that p acted on: the delay with
// which the client shows other players. Rules rewind by it when they judge a
// shot, and limit how far.
func (in *Inputs) Lag(p Slot) int32 { return int32(in.words[int(p)*(in.stride+1)]) }

// SetLag sets what Lag returns.
func (in *Inputs) SetLag(p Slot, lag int32) { in.words[int(p)*(in.stride+1)] = uint32(lag) }

func (in *Inputs) clear(p Slot) {
	at := int(p) * (in.stride + 1)
	clear(in.words[at : at+in.stride+1])
}
