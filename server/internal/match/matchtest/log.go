package matchtest

import (
	"fmt"
	"slices"

	"tactus/game"
)

// Log keeps the log's calls as text.
type Log struct {
	Lines    []string
	Lags     []int32 // of inputs
	OnTick   func()
	LastTick game.Tick

	abandoned bool
}

func (r *Log) add(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// Checkpoint keeps the call.
func (r *Log) Checkpoint(s *game.Simulation) { r.add("checkpoint %d", s.Tick()) }

// Join keeps the call.
func (r *Log) Join(p game.Slot, i game.PlayerInfo, _, name string) {
	r.add("join %d %s bot=%v team=%d", p, name, i.Bot, i.Team)
}

// Leave keeps the call.
func (r *Log) Leave(p game.Slot, why game.LeaveReason) { r.add("leave %d why=%d", p, why) }

// Seal keeps the call.
func (r *Log) Seal(p game.Slot, seal []byte) { r.add("seal %d %x", p, seal) }

// Command keeps the call.
func (r *Log) Command(p game.Slot, name string, args []int32) {
	r.add("command %d %s %v", p, name, args)
}

// Input keeps the call.
func (r *Log) Input(p game.Slot, lag int32, words []uint32) {
	r.Lags = append(r.Lags, lag)
	r.add("input %d %d", p, int32(words[0]))
}

// Tick calls OnTick.
func (r *Log) Tick(t game.Tick, _ uint64) {
	r.LastTick = t
	if r.OnTick != nil {
		r.OnTick()
	}
}

// Close keeps the call.
func (r *Log) Close(reason string) {
	if !r.abandoned {
		r.add("close %s", reason)
	}
}

// Abandon notes the end of a match that hangs.
func (r *Log) Abandon(reason string) {
	r.abandoned = true
	r.add("abandon %s", reason)
}

// Has reports whether a line was kept.
func (r *Log) Has(line string) bool { return slices.Contains(r.Lines, line) }

// Silent is a log that keeps nothing.
type Silent struct{}

// Checkpoint keeps nothing.
func (Silent) Checkpoint(*game.Simulation) {}

// Join keeps nothing.
func (Silent) Join(game.Slot, game.PlayerInfo, string, string) {}

// Leave keeps nothing.
func (Silent) Leave(game.Slot, game.LeaveReason) {}

// Seal keeps nothing.
func (Silent) Seal(game.Slot, []byte) {}

// Command keeps nothing.
func (Silent) Command(game.Slot, string, []int32) {}

// Input keeps nothing.
func (Silent) Input(game.Slot, int32, []uint32) {}

// Tick keeps nothing.
func (Silent) Tick(game.Tick, uint64) {}

// Close keeps nothing.
func (Silent) Close(string) {}

// Abandon does nothing.
func (Silent) Abandon(string) {}
