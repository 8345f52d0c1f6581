package game_test

import (
	"strings"
	"testing"

	"tactus/game"
)

func TestInputSchema_range(t *testing.T) {
	schema := toyIn.Schema()
	for _, c := range []struct {
		words []uint32
		want  bool
	}{
		{[]uint32{1, 3, 0xFFFFFFFF}, true},
		{[]uint32{0xFFFFFFFF, 0, 5}, true}, // -1
		{[]uint32{2, 0, 0}, false},
		{[]uint32{0xFFFFFFFE, 0, 0}, false},
		{[]uint32{0, 4, 0}, false},
		{[]uint32{0, 0x80000000, 0}, false}, // a uint32 with a max only
		{[]uint32{0, 0xFFFFFFFF, 0}, false},
		{[]uint32{0, 0}, false},
		{[]uint32{0, 0, 0, 0}, false},
		{nil, false},
	} {
		if got := schema.Valid(c.words); got != c.want {
			t.Errorf("Valid(%#x) = %v", c.words, got)
		}
	}
}

func TestCheck_reportsBadInputStruct(t *testing.T) {
	type big struct{ Keys [17]int32 }
	type named struct{ Name string }
	for name, c := range map[string]struct {
		schema game.InputSchema
		want   string
	}{
		"none":    {game.InputSchema{}, "no input struct"},
		"string":  {game.DefineInput[named]().Schema(), "field name"},
		"too big": {game.DefineInput[big]().Schema(), "17 words"},
	} {
		info := toy{}.Info()
		info.Input = c.schema
		err := game.Check(described{toy{}, info})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %q", name, err, c.want)
		}
	}
}

// described is a game with another description.
type described struct {
	game.Game
	info game.Info
}

func (d described) Info() game.Info { return d.info }

func TestCheck_findsEveryMistake(t *testing.T) {
	if err := game.Check(toy{}); err != nil {
		t.Fatal(err)
	}
	mode := toy{}.Info().Modes[0]
	for name, c := range map[string]struct {
		change func(*game.Info)
		want   string
	}{
		"name":      {func(i *game.Info) { i.Name = "My Game" }, "name is not"},
		"version":   {func(i *game.Info) { i.Version = "" }, "version"},
		"rate":      {func(i *game.Info) { i.TickRate = 129 }, "129 Hz"},
		"no modes":  {func(i *game.Info) { i.Modes = nil }, "no modes"},
		"mode name": {func(i *game.Info) { i.Modes[0].Name = "" }, "name is not"},
		"same mode": {func(i *game.Info) { i.Modes = append(i.Modes, mode) }, "two modes"},
		"seats":     {func(i *game.Info) { i.Modes[0].MaxPlayers = 5000 }, "MaxPlayers 5000"},
		"minimum":   {func(i *game.Info) { i.Modes[0].MinPlayers = 5 }, "MinPlayers"},
		"fill":      {func(i *game.Info) { i.Modes[0].Fill = 5 }, "Fill"},
	} {
		info := toy{}.Info()
		info.Modes = []game.Mode{mode}
		c.change(&info)
		err := game.Check(described{toy{}, info})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %q", name, err, c.want)
		}
	}
}

func TestCheck_requiresMethodsOfModes(t *testing.T) {
	err := game.Check(plainGame{})
	for _, want := range []string{"Think method", "Team method"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// plainGame wants bots and has team fields, but has methods for neither.
type plainGame struct{}

type plainRow struct {
	Side int32 `tactus:"side"`
	Plan int32 `tactus:"team"`
}

func (plainGame) Info() game.Info { return toy{}.Info() }

func (plainGame) NewWorld(game.MatchConfig) game.World {
	tables := game.NewTables()
	game.NewTable[plainRow](tables, "plan", 1, game.Global)
	return plainWorld{tables}
}

type plainWorld struct{ tables *game.Tables }

func (w plainWorld) Tables() *game.Tables               { return w.tables }
func (plainWorld) Join(game.Slot, game.PlayerInfo)      {}
func (plainWorld) Leave(game.Slot, game.LeaveReason)    {}
func (plainWorld) Step(game.Tick, *game.Inputs)         {}
func (plainWorld) Outcome() (o game.Outcome, over bool) { return o, false }
