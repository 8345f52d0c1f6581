// Command tactusbench is the server and the load tester with the games of the
// benchmarks. The suite in loadtest/bench runs it.
package main

import (
	tactuscmd "tactus/cmd"
	"tactus/game"
	"tactus/game/arena"
	"tactus/loadtest/workload"
)

// world20 is the arena at 20 Hz, the tick rate of big worlds.
type world20 struct{ game.Game }

// Info returns the description of the arena with another name and tick rate.
func (w world20) Info() game.Info {
	info := w.Game.Info()
	info.Name, info.Title, info.TickRate = "bench-world", "World", 20
	return info
}

func main() {
	tactuscmd.Main(workload.Rooms, workload.Crowd, world20{arena.Game}, arena.Game)
}
