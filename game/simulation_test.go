package game_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
)

func TestSimulation_seats(t *testing.T) {
	sim := newToy(1)
	if !sim.Join(2, game.PlayerInfo{}) || sim.Join(2, game.PlayerInfo{}) || sim.Join(4, game.PlayerInfo{}) {
		t.Error("a seat is taken once, and only where there is one")
	}
	if sim.Leave(1, game.LeaveQuit) || sim.Leave(9, game.LeaveQuit) || !sim.Leave(2, game.LeaveQuit) || sim.Leave(2, game.LeaveQuit) {
		t.Error("only who sits can leave, once")
	}
	if want := []string{"join", "leave"}; !slices.Equal(toyOf(sim).calls, want) {
		t.Errorf("the world was told %v, want %v", toyOf(sim).calls, want)
	}
}

func TestSetInput_rejectsEmptySlotAndBadWords(t *testing.T) {
	sim := newToy(1)
	sim.Join(0, game.PlayerInfo{})
	sim.Join(1, game.PlayerInfo{Bot: true})
	good := []uint32{1, 0, 0}
	for name, got := range map[string]bool{
		"empty seat":   sim.SetInput(2, 0, good),
		"a bot's seat": sim.SetInput(1, 0, good),
		"no seat":      sim.SetInput(4, 0, good),
		"out of range": sim.SetInput(0, 0, []uint32{7, 0, 0}),
		"wrong length": sim.SetInput(0, 0, []uint32{1}),
	} {
		if got {
			t.Errorf("%s: input was accepted", name)
		}
	}
	if !sim.SetInput(0, 33, good) || sim.Inputs().Lag(0) != 33 || toyIn.At(sim.Inputs(), 0).Turn != 1 {
		t.Error("a good input did not arrive")
	}
	sim.Leave(0, game.LeaveQuit)
	sim.Join(0, game.PlayerInfo{})
	if sim.Inputs().Lag(0) != 0 || toyIn.At(sim.Inputs(), 0).Turn != 0 {
		t.Error("the next player inherits an input")
	}
}

func TestSetInput_isKeptUntilNext(t *testing.T) {
	sim := newToy(1)
	sim.Join(0, game.PlayerInfo{})
	sim.SetInput(0, 0, []uint32{1, 0, 0})
	sim.Step()
	sim.Step()
	for _, s := range toyOf(sim).ships.All() {
		if s.Angle != 200 {
			t.Errorf("turned by %d in two ticks, want 200", s.Angle)
		}
	}
}

func TestEvents_lastUntilNextBorder(t *testing.T) {
	for name, next := range map[string]func(*game.Simulation){
		"step":    func(s *game.Simulation) { s.SetInput(0, 0, []uint32{0, 0, 0}); s.Step() },
		"join":    func(s *game.Simulation) { s.Join(1, game.PlayerInfo{}) },
		"leave":   func(s *game.Simulation) { s.Leave(0, game.LeaveQuit) },
		"command": func(s *game.Simulation) { s.Command(0, "echo", nil) },
	} {
		sim := newToy(1)
		sim.Join(0, game.PlayerInfo{})
		sim.SetInput(0, 0, []uint32{0, 3, 0})
		sim.Step()
		events := sim.Tables().Events()[0]
		if events.Len() != 1 {
			t.Fatalf("%d events after the tick, want 1", events.Len())
		}
		next(sim)
		if events.Len() != 0 {
			t.Errorf("%s: the event of the last tick is still there", name)
		}
	}
}

func TestBorder_onceATick(t *testing.T) {
	sim := newToy(1)
	sim.Step()
	sim.Join(0, game.PlayerInfo{})
	toyOf(sim).hits.Emit(toyHit{}) // as a world's Join may
	sim.Join(1, game.PlayerInfo{})
	if n := sim.Tables().Events()[0].Len(); n != 1 {
		t.Errorf("%d events, want the one of the first join", n)
	}
}

func TestCommand_reportsResult(t *testing.T) {
	sim := newToy(1)
	sim.Join(1, game.PlayerInfo{})
	if reply, ok := sim.Command(1, "echo", []int32{5}); !ok || !slices.Equal(reply, []int32{5, 1}) {
		t.Errorf("reply %v, %v", reply, ok)
	}
	full := make([]int32, game.MaxCommandArgs)
	if reply, ok := sim.Command(1, "echo", full); !ok || len(reply) != game.MaxCommandArgs {
		t.Errorf("a long reply has %d words, %v", len(reply), ok)
	}
	if _, ok := sim.Command(1, "echo", make([]int32, game.MaxCommandArgs+1)); ok {
		t.Error("too many arguments were accepted")
	}
	if _, ok := sim.Command(0, "echo", nil); ok {
		t.Error("an empty seat commands")
	}
	if _, ok := sim.Command(1, "dance", nil); ok {
		t.Error("an unknown command was accepted")
	}
}

func TestStep_botsThinkFirst(t *testing.T) {
	sim := newToy(5)
	sim.Join(3, game.PlayerInfo{Bot: true})
	for range 50 {
		sim.Step()
		turn := toyIn.At(sim.Inputs(), 3).Turn
		if turn == 0 {
			continue
		}
		for _, s := range toyOf(sim).ships.All() {
			if s.Angle == 0 {
				t.Fatal("what the bot wanted came a tick late")
			}
		}
		return
	}
	t.Error("the bot never turned")
}

// drive plays a drawn script, so that states of every kind are met.
func drive(t *rapid.T, sim *game.Simulation) {
	for range rapid.IntRange(0, 40).Draw(t, "actions") {
		p := game.Slot(rapid.Uint32Range(0, 4).Draw(t, "slot"))
		switch rapid.IntRange(0, 5).Draw(t, "action") {
		case 0:
			sim.Join(p, game.PlayerInfo{Bot: rapid.Bool().Draw(t, "bot")})
		case 1:
			sim.Leave(p, game.LeaveQuit)
		case 2:
			sim.SetInput(p, 3, []uint32{rapid.Uint32Range(0, 1).Draw(t, "turn"), rapid.Uint32Range(0, 3).Draw(t, "keys"), 0})
		default:
			sim.Step()
		}
	}
}

func TestRestore_equalsSaved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sim, other := newToy(rapid.Uint64().Draw(t, "seed")), newToy(0)
		drive(t, sim)
		if rapid.Bool().Draw(t, "used") {
			drive(t, other)
		}
		saved := sim.Save(nil)
		if err := other.Restore(saved); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(other.Save(nil), saved) || other.Hash() != sim.Hash() || other.Tick() != sim.Tick() {
			t.Fatal("the restored state differs")
		}
		for range 5 {
			sim.Step()
			other.Step()
			sim.Join(1, game.PlayerInfo{})
			other.Join(1, game.PlayerInfo{})
			if other.Hash() != sim.Hash() {
				t.Fatalf("the restored match goes another way at tick %d", sim.Tick())
			}
		}
	})
}

func TestHash_coversEveryWord(t *testing.T) {
	sim := newToy(1)
	sim.Join(0, game.PlayerInfo{})
	sim.Join(1, game.PlayerInfo{})
	sim.SetInput(0, 0, []uint32{0, 3, 0})
	sim.Step()
	seen := map[uint64]string{sim.Hash(): "nothing"}
	check := func(what string, word *uint32) {
		*word ^= 1 << 9
		defer func() { *word ^= 1 << 9 }()
		h := sim.Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("a change of %s has the hash of a change of %s", what, other)
		}
		seen[h] = what
	}
	for _, list := range [][]*game.RawTable{sim.Tables().Tables(), sim.Tables().Events()} {
		for _, table := range list {
			for i := range table.High() {
				for w := range table.Row(i) {
					check(table.Schema().Name+" row "+string(rune('0'+i))+" word "+string(rune('0'+w)), &table.Row(i)[w])
				}
			}
		}
	}
	for i := range sim.Inputs().Words(0) {
		check("the input's word "+string(rune('0'+i)), &sim.Inputs().Words(0)[i])
	}
	for _, c := range []struct {
		what   string
		change func()
	}{
		{"a step", sim.Step},
		{"a bot's seat", func() { sim.Join(2, game.PlayerInfo{Bot: true}) }},
		{"a seat left again", func() { sim.Leave(2, game.LeaveQuit) }},
	} {
		c.change()
		if other, ok := seen[sim.Hash()]; ok {
			t.Errorf("%s has the hash of a change of %s", c.what, other)
		}
		seen[sim.Hash()] = c.what
	}
}

func TestRestore_rejectsCorruptState(t *testing.T) {
	sim := newToy(1)
	sim.Join(0, game.PlayerInfo{})
	sim.Step()
	saved := sim.Save(nil)
	for n := range saved {
		if err := newToy(1).Restore(saved[:n]); !errors.Is(err, game.ErrCorrupt) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(saved), err)
		}
	}
	if err := newToy(1).Restore(append(slices.Clone(saved), 0)); !errors.Is(err, game.ErrCorrupt) {
		t.Errorf("one byte too many: %v", err)
	}
	for i := range saved {
		bad := slices.Clone(saved)
		bad[i] ^= 0x80
		other := newToy(1)
		if err := other.Restore(bad); err == nil && !bytes.Equal(other.Save(nil), bad) {
			t.Fatalf("byte %d changed: accepted, but saved differently", i)
		}
	}
}

func FuzzRestore(f *testing.F) {
	sim := newToy(1)
	f.Add(sim.Save(nil))
	for i := range game.Slot(4) {
		sim.Join(i, game.PlayerInfo{Bot: i == 3})
	}
	sim.SetInput(0, 9, []uint32{1, 3, 77})
	for range 3 {
		sim.Step()
	}
	f.Add(sim.Save(nil))
	sim.Leave(1, game.LeaveQuit)
	f.Add(sim.Save(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, saved []byte) {
		sim := newToy(1)
		if err := sim.Restore(saved); err != nil {
			if !errors.Is(err, game.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(sim.Save(nil), saved) {
			t.Fatal("an accepted state is saved differently")
		}
	})
}

func TestSimulation_doesNotAllocate(t *testing.T) {
	sim := newToy(1)
	for i := range game.Slot(4) {
		sim.Join(i, game.PlayerInfo{Bot: i > 1})
	}
	sim.SetInput(0, 9, []uint32{1, 3, 77})
	sim.Step()
	saved := sim.Save(nil)
	room := make([]byte, 0, len(saved))
	input := []uint32{1, 3, 77}
	var hash uint64
	for what, do := range map[string]func(){
		"Step":     sim.Step,
		"Hash":     func() { hash ^= sim.Hash() },
		"Save":     func() { room = sim.Save(room[:0]) },
		"SetInput": func() { sim.SetInput(0, 1, input) },
		"Restore": func() {
			if sim.Restore(saved) != nil {
				t.Error("refused")
			}
		},
	} {
		if n := testing.AllocsPerRun(20, do); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func TestNewSimulation_rejectsBadGame(t *testing.T) {
	mode := toy{}.Info().Modes[0]
	mode.MaxPlayers = 0
	if _, err := game.NewSimulation(toy{}, game.MatchConfig{Mode: mode}); err == nil {
		t.Error("a mode without seats was accepted")
	}
	info := toy{}.Info()
	info.Input = game.DefineInput[struct{ Name string }]().Schema()
	if _, err := game.NewSimulation(described{toy{}, info}, game.MatchConfig{Mode: toy{}.Info().Modes[0]}); err == nil {
		t.Error("a bad input struct was accepted")
	}
}

func TestOptions_defaultsAndRanges(t *testing.T) {
	cfg := game.MatchConfig{
		Mode:    game.Mode{Options: []game.Option{{Name: "a", Value: 1}, {Name: "b", Value: 2}}},
		Options: []game.Option{{Name: "b", Value: 3}},
	}
	for name, want := range map[string]int32{"a": 1, "b": 3, "c": 9} {
		if got := cfg.Option(name, 9); got != want {
			t.Errorf("option %s is %d, want %d", name, got, want)
		}
	}
}
