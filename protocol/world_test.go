package protocol_test

import (
	"tactus/game"
	"tactus/game/fixed"
)

// ship has a field of every visibility, quantised ones, and arrays.
type ship struct {
	Pos      fixed.Vec   `tactus:"pos,q=8"`
	Angle    fixed.Angle `tactus:"lerp,q=6"`
	HP       int32
	Pilot    game.Slot `tactus:"slot"`
	Side     int32     `tactus:"side"`
	Energy   int32     `tactus:"team"`
	Vel      fixed.Vec `tactus:"owner"`
	Ammo     [3]int32  `tactus:"owner"`
	Cooldown int32     `tactus:"server"`
}

// clock is a table with one row.
type clock struct {
	Phase int32
	Left  int32
	Rand  game.Rand
}

// cargo is seen by its owner only.
type cargo struct {
	Owner  game.Slot `tactus:"slot,owner"`
	Weight int32     `tactus:"owner"`
	Value  int32     `tactus:"owner"`
}

// beacon is seen by its side only.
type beacon struct {
	Side int32     `tactus:"side,team"`
	Pos  fixed.Vec `tactus:"pos,team"`
}

type hit struct {
	Pos    fixed.Vec `tactus:"pos"`
	Target game.Entity
	Damage int32
}

type whisper struct {
	To   game.Slot `tactus:"slot,owner"`
	Word int32     `tactus:"owner"`
}

type control struct {
	Move    fixed.Vec   `tactus:"min=-65536,max=65536"`
	Aim     fixed.Angle `tactus:"min=0,max=65535"`
	Buttons uint32      `tactus:"min=0,max=7"`
}

var controls = game.DefineInput[control]()

// testWorld is the state that the tests send.
type testWorld struct {
	tables  *game.Tables
	clock   *clock
	ships   *game.Table[ship]
	cargo   *game.Table[cargo]
	beacons *game.Table[beacon]
	hits    *game.Events[hit]
	whisper *game.Events[whisper]
}

func newTestWorld() *testWorld {
	ts := game.NewTables()
	w := &testWorld{
		tables:  ts,
		clock:   game.NewSingle[clock](ts, "clock"),
		ships:   game.NewTable[ship](ts, "ship", 100),
		cargo:   game.NewTable[cargo](ts, "cargo", 20, game.Global),
		beacons: game.NewTable[beacon](ts, "beacon", 8),
		hits:    game.NewEvents[hit](ts, "hit", 64),
		whisper: game.NewEvents[whisper](ts, "whisper", 64, game.Global),
	}
	if err := ts.Err(); err != nil {
		panic(err)
	}
	return w
}

func (w *testWorld) schema() *game.Schema {
	s := &game.Schema{Game: "vectors", Version: "1.0.0", Input: controls.Schema().TableSchema}
	for _, t := range w.tables.Tables() {
		s.Tables = append(s.Tables, *t.Schema())
	}
	for _, t := range w.tables.Events() {
		s.Events = append(s.Events, *t.Schema())
	}
	return s
}
