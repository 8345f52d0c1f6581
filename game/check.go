package game

import (
	"errors"
	"slices"
	"strconv"
)

// Check returns every mistake in a game's description and in the tables of each
// of its modes, nil for none. Servers call it at start and reject a bad game.
// Rules that panic while they make a world are a mistake, too; a panic in Info is
// the caller's.
func Check(g Game) error {
	info := g.Info()
	var errs []error
	fail := func(why string) { errs = append(errs, errors.New("game "+info.Name+": "+why)) }
	if !validName(info.Name) {
		fail("name is not 1 to 32 of a-z, 0-9 and -")
	}
	if info.Version == "" || len(info.Version) > 32 {
		fail("version is empty or longer than 32 bytes")
	}
	if r := info.Rate(); r < 1 || r > 128 {
		fail("tick rate " + strconv.Itoa(r) + " Hz is not between 1 and 128")
	}
	if info.Input.err != nil {
		fail(info.Input.err.Error())
	} else if info.Input.Stride == 0 {
		fail("no input struct; use game.DefineInput")
	}
	if len(info.Modes) == 0 {
		fail("no modes")
	}
	for i, m := range info.Modes {
		if first := slices.IndexFunc(info.Modes, func(o Mode) bool { return o.Name == m.Name }); first < i {
			fail("two modes are named " + m.Name)
		}
		errs = append(errs, checkMode(g, info.Name, m)...)
	}
	return errors.Join(errs...)
}

func checkMode(g Game, game string, m Mode) (errs []error) {
	fail := func(why string) { errs = append(errs, errors.New("game "+game+", mode "+m.Name+": "+why)) }
	if !validName(m.Name) {
		fail("name is not 1 to 32 of a-z, 0-9 and -")
	}
	if m.MaxPlayers < 1 || m.MaxPlayers > MaxSlots {
		fail("MaxPlayers " + strconv.Itoa(m.MaxPlayers) + " is not between 1 and " + strconv.Itoa(MaxSlots))
		return errs
	}
	if m.MinPlayers > m.MaxPlayers || m.MinPlayers < 0 {
		fail("MinPlayers is not between 0 and MaxPlayers")
	}
	for _, o := range m.Options {
		if o.Min > o.Max {
			fail("option " + o.Name + ": Min " + strconv.Itoa(int(o.Min)) + " is above Max " + strconv.Itoa(int(o.Max)))
		} else if (o.Min != 0 || o.Max != 0) && !o.Allows(o.Value) {
			fail("option " + o.Name + ": Value " + strconv.Itoa(int(o.Value)) + " is not between Min and Max, which differ")
		}
	}
	world, tables, panicked := makeWorld(g, m)
	if panicked != nil {
		fail("making a world panics: " + panicText(panicked))
		return errs
	}
	if err := tables.Err(); err != nil {
		fail(err.Error())
	}
	if _, ok := world.(Botter); m.Fill > 0 && !ok {
		fail("Fill wants bots, but the world has no Think method")
	}
	if m.Fill < 0 || m.Fill > m.MaxPlayers {
		fail("Fill is not between 0 and MaxPlayers")
	}
	_, teamer := world.(Teamer)
	for _, t := range tables.tables {
		checkTeamFields(&t.schema, teamer, fail)
	}
	return errs
}

// makeWorld makes a world of a mode, or returns what the rules panicked with.
func makeWorld(g Game, m Mode) (world World, tables *Tables, panicked any) {
	defer func() { panicked = recover() }()
	world = g.NewWorld(MatchConfig{Mode: m, Seed: 1})
	tables = world.Tables()
	if v, ok := world.(Viewer); ok {
		v.Interest()
	}
	return world, tables, nil
}

func panicText(p any) string {
	switch p := p.(type) {
	case error:
		return p.Error()
	case string:
		return p
	default:
		return "a value of another type"
	}
}

func checkTeamFields(t *TableSchema, teamer bool, fail func(why string)) {
	if !t.HasVisible(Team) {
		return
	}
	if !teamer {
		fail("table " + t.Name + " has fields for the team, but the world has no Team method")
	}
	if t.HasVisible(Owner) && !t.HasVisible(Public) {
		fail("table " + t.Name + " has fields for the team and for the owner, but none for everyone; split it in two, one for each")
	}
}

func validName(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
