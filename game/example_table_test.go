package game_test

import (
	"fmt"

	"tactus/game"
	"tactus/game/fixed"
)

func ExampleNewTable() {
	type Ship struct {
		Pos  fixed.Vec `tactus:"pos"`  // where it is: sent to players nearby
		Slot game.Slot `tactus:"slot"` // its owner
		HP   int32     // public: no tag
		Fuel int32     `tactus:"owner"`  // sent to its owner only
		Wait game.Tick `tactus:"server"` // never sent, but saved and replayed
	}
	tables := game.NewTables()
	ships := game.NewTable[Ship](tables, "ship", 16)
	if err := tables.Err(); err != nil {
		fmt.Println(err)
		return
	}

	id, ship := ships.Spawn()
	ship.HP = 100
	for _, s := range ships.All() {
		s.HP -= 30
	}
	fmt.Println(ships.Get(id).HP, ships.Len())

	ships.Despawn(id)
	fmt.Println(ships.Get(id) == nil, ships.Len())
	// Output:
	// 70 1
	// true 0
}
