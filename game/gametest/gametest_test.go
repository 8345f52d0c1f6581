package gametest_test

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"tactus/game"
	"tactus/game/fixed"
	"tactus/game/gametest"
)

// ruled is a game without a fault, but for what step, predict and outcome add.
type ruled struct {
	far     bool // players see 1 unit far only
	step    func(*world, game.Tick, *game.Inputs)
	predict func(*world, game.Tick, game.Slot, *game.Inputs)
	outcome func(*world) []game.Result
}

type want struct {
	Go int32 `tactus:"min=-5,max=5"`
}

var input = game.DefineInput[want]()

type ship struct {
	Pos    fixed.Vec   `tactus:"pos,q=4"`
	Slot   game.Slot   `tactus:"slot"`
	Target game.Entity // another ship
	Hunter game.Slot
	Value  int32
	Fuel   int32     `tactus:"owner"`
	Secret int32     `tactus:"server"`
	Wait   game.Tick `tactus:"server"`
}

type clock struct {
	Value int32
	Rand  game.Rand `tactus:"server"`
}

type note struct {
	Pos  fixed.Vec `tactus:"pos"`
	Slot game.Slot
}

type world struct {
	rules  ruled
	tables *game.Tables
	ships  *game.Table[ship]
	clock  *clock
	notes  *game.Events[note]
	seed   uint64

	hidden int32
	cached bool
	byName map[int32]int32
}

func (g ruled) Info() game.Info {
	return game.Info{
		Name: "ruled", Version: "1", Input: input.Schema(),
		Modes: []game.Mode{{Name: "all", MaxPlayers: 6}},
	}
}

func (g ruled) NewWorld(cfg game.MatchConfig) game.World {
	w := &world{rules: g, tables: game.NewTables(), seed: cfg.Seed, byName: map[int32]int32{}}
	w.ships = game.NewTable[ship](w.tables, "ship", 6)
	w.clock = game.NewSingle[clock](w.tables, "clock")
	w.notes = game.NewEvents[note](w.tables, "note", 6)
	w.clock.Rand.Seed(cfg.Seed)
	for i := range int32(20) {
		w.byName[i] = i
	}
	return w
}

func (w *world) Tables() *game.Tables { return w.tables }

func (w *world) Join(p game.Slot, _ game.PlayerInfo) {
	_, s := w.ships.Spawn()
	s.Slot, s.Fuel, s.Secret = p, 5+int32(p), 7
	s.Pos.X = fixed.Num(w.clock.Rand.Range(-500, 500))
	w.cached = false
}

func (w *world) Leave(p game.Slot, _ game.LeaveReason) {
	for e, s := range w.ships.All() {
		if s.Slot == p {
			w.ships.Despawn(e)
		}
	}
	w.cached = false
}

func (w *world) Step(t game.Tick, in *game.Inputs) {
	for _, s := range w.ships.All() {
		s.Pos.X += fixed.Num(input.At(in, s.Slot).Go)
		w.notes.Emit(note{Pos: s.Pos, Slot: s.Slot})
	}
	w.clock.Value += w.clock.Rand.Intn(3)
	if w.rules.step != nil {
		w.rules.step(w, t, in)
	}
}

func (w *world) Predict(t game.Tick, p game.Slot, in *game.Inputs) {
	if own := w.shipOf(p); own != nil {
		own.Pos.X += fixed.Num(input.At(in, p).Go)
		own.Value += own.Fuel
		w.notes.Emit(note{Pos: own.Pos, Slot: p})
	}
	if w.rules.predict != nil {
		w.rules.predict(w, t, p, in)
	}
}

func (w *world) Outcome() (game.Outcome, bool) {
	if w.rules.outcome != nil {
		return game.Outcome{Results: w.rules.outcome(w)}, false
	}
	return game.Outcome{}, false
}

func (w *world) Interest() game.Interest {
	if !w.rules.far {
		return game.Interest{}
	}
	return game.Interest{Max: fixed.Vec{X: fixed.One}, Cell: fixed.One}
}

func (w *world) View(p game.Slot) game.View {
	if own := w.shipOf(p); own != nil {
		return game.View{Center: own.Pos, Near: 1}
	}
	return game.View{}
}

func (w *world) shipOf(p game.Slot) *ship {
	for _, s := range w.ships.All() {
		if s.Slot == p {
			return s
		}
	}
	return nil
}

// stranger is a ship that is not p's.
func (w *world) stranger(p game.Slot) *ship {
	for _, s := range w.ships.All() {
		if s.Slot != p {
			return s
		}
	}
	return &ship{}
}

var (
	shared int32  // what matches must not share
	sink   []byte // keeps allocations from being optimised away
)

func TestRun_correctGamePasses(t *testing.T) {
	gametest.Run(t, ruled{}, gametest.Commands("fire"))
	gametest.Run(t, ruled{far: true})
}

// faults are games that break one promise each, and what has to be said of them.
var faults = map[string]struct {
	game ruled
	want []string
}{
	"map iteration": {ruled{step: func(w *world, _ game.Tick, _ *game.Inputs) {
		for name := range w.byName {
			w.clock.Value = name
			break
		}
	}}, []string{"same inputs, same state", "after tick 1:", "table clock, row 0, field value"}},
	"reading the clock": {ruled{step: func(w *world, t game.Tick, _ *game.Inputs) {
		if s := w.shipOf(0); s != nil && t > 20 {
			s.Secret = int32(time.Now().UnixNano())
		}
	}}, []string{"same inputs, same state", "table ship", "field secret"}},
	"matches that share a variable": {ruled{step: func(w *world, t game.Tick, _ *game.Inputs) {
		if shared++; t == 10 {
			w.clock.Value = shared
		}
	}}, []string{"same inputs, same state", "after tick 10:", "field value"}},
	"addresses": {ruled{step: func(w *world, _ game.Tick, _ *game.Inputs) {
		w.clock.Value = int32(uintptr(unsafe.Pointer(w)))
	}}, []string{"same inputs, same state", "after tick 1:", "field value"}},
	"a bot's input from a map": {ruled{step: func(w *world, _ game.Tick, in *game.Inputs) {
		for name := range w.byName {
			input.Set(in, 5, want{Go: name})
			break
		}
	}}, []string{"same inputs, same state", "input of slot 5, field go"}},
	"state beside the tables": {ruled{step: func(w *world, t game.Tick, _ *game.Inputs) {
		if w.hidden++; t%10 == 0 {
			if s := w.shipOf(2); s != nil {
				s.Value = w.hidden
			}
		}
	}}, []string{"all state is in tables", "into a fresh world", "table ship", "field value"}},
	"a cache that outlives a restore": {ruled{step: func(w *world, _ game.Tick, _ *game.Inputs) {
		if !w.cached {
			w.hidden, w.cached = int32(w.ships.Len()), true
		}
		w.clock.Value = w.hidden
	}}, []string{"all state is in tables", "into a used world", "table clock, row 0, field value"}},
	"an allocation in one tick": {ruled{step: func(_ *world, t game.Tick, _ *game.Inputs) {
		if t == 333 {
			sink = make([]byte, 100)
		}
	}}, []string{"step does not allocate", "tick 333: Step allocates 1 times"}},
	"predicting from a server word": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		if own := w.shipOf(p); own != nil {
			own.Value += own.Secret
		}
	}}, []string{"prediction keeps", "reads what the player may not see", "table ship", "field value"}},
	"predicting from another's private word": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		if own := w.shipOf(p); own != nil {
			own.Value += w.stranger(p).Fuel
		}
	}}, []string{"prediction keeps", "reads what the player may not see", "field value"}},
	"predicting from another's low bits": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		if own := w.shipOf(p); own != nil {
			own.Value += int32(w.stranger(p).Pos.X)
		}
	}}, []string{"prediction keeps", "reads what the player may not see", "field value"}},
	"predicting from what is far away": {ruled{far: true, predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		if own := w.shipOf(p); own != nil {
			own.Value += int32(w.stranger(p).Slot)
		}
	}}, []string{"prediction keeps", "reads what the player may not see", "field value"}},
	"predicting from another's input": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, in *game.Inputs) {
		if own := w.shipOf(p); own != nil {
			own.Value += input.At(in, (p+1)%6).Go
		}
	}}, []string{"prediction keeps", "reads what the player may not see", "field value"}},
	"predicting from the seed": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		if own := w.shipOf(p); own != nil {
			own.Value += int32(w.seed)
		}
	}}, []string{"prediction keeps", "reads what the player may not see", "field value"}},
	"predicting chance": {ruled{predict: func(w *world, _ game.Tick, _ game.Slot, _ *game.Inputs) {
		w.clock.Rand.Uint32()
	}}, []string{"prediction keeps", "table clock, row 0, field rand.s"}},
	"predicting another's row": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		w.stranger(p).Value++
	}}, []string{"prediction keeps", "changed table ship", "field value", "does not name the player"}},
	"predicting another's end": {ruled{predict: func(w *world, _ game.Tick, p game.Slot, _ *game.Inputs) {
		for e, s := range w.ships.All() {
			if s.Slot != p {
				w.ships.Despawn(e)
			}
		}
	}}, []string{"prediction keeps", "removed row", "table ship"}},
	"an entity that never was": {ruled{step: func(w *world, t game.Tick, _ *game.Inputs) {
		if s := w.shipOf(1); s != nil && t > 50 {
			s.Target = game.MakeEntity(3, 9000)
		}
	}}, []string{"fields hold what", "after tick 51", "table ship", "field target is entity 3:9000"}},
	"a slot that is none": {ruled{step: func(w *world, _ game.Tick, _ *game.Inputs) {
		w.notes.Emit(note{Slot: 6})
		w.stranger(0).Hunter = 6
	}}, []string{"fields hold what", "field hunter is 6", "6 seats"}},
	"a result for nobody": {ruled{outcome: func(*world) []game.Result {
		return []game.Result{{Slot: 17, Rank: 1}}
	}}, []string{"outcome makes sense", "slot 17"}},
	"two results for one": {ruled{outcome: func(*world) []game.Result {
		return []game.Result{{Slot: 1, Rank: 1}, {Slot: 1, Rank: 2}}
	}}, []string{"outcome makes sense", "slot 1 has two"}},
	"rank zero": {ruled{outcome: func(*world) []game.Result {
		return []game.Result{{Slot: 1}}
	}}, []string{"outcome makes sense", "rank 0"}},
	"a panic": {ruled{step: func(_ *world, t game.Tick, _ *game.Inputs) {
		if t == 12 {
			panic("out of fuel")
		}
	}}, []string{"panic after tick 11: out of fuel", "gametest_test.go"}},
}

func TestRun_findsEveryFault(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			err := gametest.Verify(f.game)
			if err == nil {
				t.Fatal("nothing was found")
			}
			for _, want := range f.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the report\n%v\ndoes not say %q", err, want)
				}
			}
		})
	}
}

type misdescribed struct{ ruled }

func (misdescribed) Info() game.Info {
	info := ruled{}.Info()
	info.Modes[0].Name = "All Of Them"
	return info
}

func TestRun_findsBadDescription(t *testing.T) {
	if err := gametest.Verify(misdescribed{}); err == nil || !strings.Contains(err.Error(), "mode All Of Them: name is not") {
		t.Errorf("the report is %v", err)
	}
}

func TestRandomHash_isReproducible(t *testing.T) {
	hash := func(g game.Game, mode string, seed uint64, ticks int) uint64 {
		t.Helper()
		h, err := gametest.RandomHash(g, mode, seed, ticks)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash(ruled{}, "all", 1, 300)
	if hash(ruled{}, "all", 1, 300) != base {
		t.Error("the same match has two hashes")
	}
	if hash(ruled{}, "all", 2, 300) == base || hash(ruled{}, "all", 1, 301) == base {
		t.Error("another match has the same hash")
	}
	other := ruled{step: func(w *world, t game.Tick, _ *game.Inputs) {
		if t == 150 {
			w.clock.Value++
		}
		if t == 151 {
			w.clock.Value--
		}
	}}
	if hash(other, "all", 1, 300) == base {
		t.Error("a difference in one tick alone is not seen")
	}
	if _, err := gametest.RandomHash(ruled{}, "none", 1, 1); err == nil {
		t.Error("an unknown mode was played")
	}
}

// A game that can't do with each value of the range that it declares.
func TestVerify_findsOptionsThatPanic(t *testing.T) {
	for name, option := range map[string]game.Option{
		"the least": {Name: "share", Value: 5, Min: 0, Max: 10},
		"the most":  {Name: "share", Value: 5, Min: 1, Max: 100},
		"fine":      {Name: "share", Value: 5, Min: 1, Max: 10},
		"no range":  {Name: "share", Value: 5},
	} {
		err := gametest.Verify(divider{option: option}, gametest.Ticks(5))
		fails := name == "the least" || name == "the most"
		if fails != (err != nil) || fails && !strings.Contains(err.Error(), "options share=") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type divider struct {
	ruled
	option game.Option
}

func (d divider) Info() game.Info {
	info := d.ruled.Info()
	info.Modes[0].Options = []game.Option{d.option}
	return info
}

func (d divider) NewWorld(cfg game.MatchConfig) game.World {
	if share := cfg.Option("share", 1); 10/share < 1 {
		panic("nothing is left")
	}
	return d.ruled.NewWorld(cfg)
}
