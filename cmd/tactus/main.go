// Command tactus is the multiplayer game server with the arena in it.
package main

import (
	tactuscmd "tactus/cmd"
	"tactus/game/arena"
)

func main() { tactuscmd.Main(arena.Game) }
