// Package wasm is what the WebAssembly build of any game's rules exports to the
// page. A game's own main for it is
//
//	//go:build wasip1
//
//	package main
//
//	import "tactus/game/wasm"
//
//	func init() { wasm.Register(mygame.Game) }
//	func main() {}
//
// built with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared. The page
// calls _initialize once, then the exports; see exports.go for their contract.
// Everything else compiles anywhere, so that it can be tested natively.
package wasm

import (
	"errors"
	"strconv"
	"strings"

	"tactus/game"
	"tactus/game/script"
)

// Register makes a game known to the exports. Call it from init.
func Register(g game.Game) { page.games = append(page.games, g) }

// page is the state behind the exports: an instance serves one page.
var page host

// Limits of what the page may ask for.
const (
	maxBuffer  = 1 << 20 // bytes
	maxPredict = 256     // ticks in one call
	maxRandom  = 1 << 24 // ticks of a random match
)

// host keeps one world, which the page fills with what it knows and lets
// predict.
type host struct {
	games  []game.Game
	buffer []byte
	sim    *game.Simulation
}

// grow makes the buffer at least n bytes long and returns it. Its memory stays
// where it is until a call with a larger n.
func (h *host) grow(n int) []byte {
	if n > len(h.buffer) && n <= maxBuffer {
		h.buffer = make([]byte, max(n, 4096))
	}
	return h.buffer
}

// text is the first n bytes of the buffer.
func (h *host) text(n int) (string, error) {
	if n < 0 || n > len(h.buffer) {
		return "", errors.New("the buffer is shorter than " + strconv.Itoa(n) + " bytes")
	}
	return string(h.buffer[:n]), nil
}

// initialize makes the world of a match from lines: game, mode, then options as
// name=value.
func (h *host) initialize(n int) error {
	text, err := h.text(n)
	if err != nil {
		return err
	}
	h.sim = nil
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	g, err := h.game(lines[0])
	if err != nil {
		return err
	}
	info := g.Info()
	name := ""
	if len(lines) > 1 {
		name = lines[1]
	}
	mode, ok := info.Mode(name)
	if !ok {
		return errors.New("these rules of " + info.Name + " have no mode " + strconv.Quote(name))
	}
	config := game.MatchConfig{Mode: mode}
	for _, line := range lines[min(2, len(lines)):] {
		option, err := parseOption(line)
		if err != nil {
			return err
		}
		config.Options = append(config.Options, option)
	}
	h.sim, err = game.NewSimulation(g, config)
	return err
}

func (h *host) game(name string) (game.Game, error) {
	for _, g := range h.games {
		if g.Info().Name == name {
			return g, nil
		}
	}
	return nil, errors.New("no rules of " + strconv.Quote(name) + " in this module")
}

func parseOption(line string) (game.Option, error) {
	name, value, _ := strings.Cut(line, "=")
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return game.Option{}, errors.New("option " + strconv.Quote(line) + " is not name=number")
	}
	return game.Option{Name: name, Value: int32(n)}, nil
}

// schema is the hash of the world's schema, 0 without a world.
func (h *host) schema() uint32 {
	if h.sim == nil {
		return 0
	}
	return h.sim.Schema().Hash()
}

// table returns a table by its place in the schema, nil for none.
func (h *host) table(i uint32) *game.RawTable {
	if h.sim == nil || uint64(i) >= uint64(len(h.sim.Tables().Tables())) {
		return nil
	}
	return h.sim.Tables().Tables()[i]
}

// put makes a row live with zero words; it does nothing where there is no such
// row.
func (h *host) put(table, index, generation uint32) {
	if t := h.table(table); t != nil && index < uint32(t.Schema().Capacity) {
		t.Put(int(index), generation)
	}
}

// remove frees a row.
func (h *host) remove(table, index uint32) {
	if t := h.table(table); t != nil && index < uint32(t.Schema().Capacity) {
		t.Remove(int(index))
	}
}

// clear frees all rows of all tables.
func (h *host) clear() {
	if h.sim == nil {
		return
	}
	for _, t := range h.sim.Tables().Tables() {
		t.Clear()
	}
}

var errCannotPredict = errors.New("this game does not predict")

// predict runs the ticks from tick on for one player. The buffer holds for each
// of them a lag and the input's words.
func (h *host) predict(tick, slot, count uint32) error {
	if h.sim == nil {
		return errors.New("no match; call tactus_init")
	}
	predictor, ok := h.sim.World().(game.Predictor)
	if !ok {
		return errCannotPredict
	}
	inputs := h.sim.Inputs()
	p, row := game.Slot(slot), uint32(h.sim.Info().Input.Stride+1)
	if count > maxPredict || int(count*row*4) > len(h.buffer) {
		return errors.New("inputs of " + strconv.Itoa(int(count)) + " ticks do not fit the buffer, or are more than " + strconv.Itoa(maxPredict))
	}
	if int(slot) >= inputs.Slots() {
		return errors.New("slot " + strconv.Itoa(int(slot)) + " is none of this mode's")
	}
	for i := range count {
		inputs.SetLag(p, int32(h.word(i*row)))
		for w := range inputs.Words(p) {
			inputs.Words(p)[w] = h.word(i*row + 1 + uint32(w))
		}
		predictor.Predict(game.Tick(tick+i), p, inputs)
		for _, events := range h.sim.Tables().Events() {
			events.Clear() // rules may emit them; nothing else removes them here
		}
	}
	return nil
}

// random plays a random match of the first game and leaves its hash, lower half
// first, at the start of the buffer.
func (h *host) random(n int, seed uint64, ticks uint32) error {
	mode, err := h.text(n)
	if err != nil {
		return err
	}
	if len(h.games) == 0 || ticks > maxRandom {
		return errors.New("no game registered, or too many ticks")
	}
	hash, err := script.RandomHash(h.games[0], mode, seed, int(ticks))
	if err != nil {
		return err
	}
	h.grow(8)
	h.setWord(0, uint32(hash))
	h.setWord(1, uint32(hash>>32))
	return nil
}

// word is the i-th word of the buffer. WebAssembly is little-endian, and so are
// the typed arrays of every browser's platform.
func (h *host) word(i uint32) uint32 {
	b := h.buffer[4*i : 4*i+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func (h *host) setWord(i, w uint32) {
	b := h.buffer[4*i : 4*i+4]
	b[0], b[1], b[2], b[3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
}

// guarded runs what may fail or panic in the game's rules. It returns 0, or the
// length of the error's text, which it leaves in the buffer. A panic must not
// end the instance: the page goes on without prediction.
func (h *host) guarded(do func() error) (length int32) {
	defer func() {
		if p := recover(); p != nil {
			length = h.fail("panic in the rules: " + panicText(p))
		}
	}()
	if err := do(); err != nil {
		return h.fail(err.Error())
	}
	return 0
}

func (h *host) fail(text string) int32 {
	text = text[:min(len(text), 1024)]
	h.grow(len(text))
	return int32(copy(h.buffer, text))
}

func panicText(p any) string {
	switch p := p.(type) {
	case error:
		return p.Error()
	case string:
		return p
	default:
		return "a value that is neither an error nor a string"
	}
}
