package matchlog

import (
	"tactus/game"
)

// Kind is the first element of a record's array.
type Kind uint8

// Kinds of records, as they stand in the file.
const (
	KindCheckpoint Kind = 0 // the whole state, as game.Simulation.Save writes it
	KindTick       Kind = 1 // ends a tick
	KindJoin       Kind = 2
	KindLeave      Kind = 3
	KindCommand    Kind = 4
	KindInput      Kind = 5
	KindEnd        Kind = 6 // ends the log
	KindSeal       Kind = 7 // the matchmaker's proof that it seated the player of a slot
)

// Limits of a log. A longer text is cut when it is written; anything beyond
// these is refused when it is read.
const (
	maxText           = 256      // bytes of a text
	maxSeal           = 64       // bytes of a seal
	maxOptions        = 256      // options of a mode or a match
	maxState          = 64 << 20 // bytes of a checkpoint
	maxRecordsPerTick = 1 << 16
	maxHeaderKeys     = 64
)

// Record is one thing that happened before a tick's step. Which fields hold
// something depends on the kind.
type Record struct {
	Kind   Kind
	Slot   game.Slot
	Info   game.PlayerInfo  // join
	Player string           // join: the player's id
	Name   string           // join: the player's name; command: its name
	Why    game.LeaveReason // leave
	Args   []int32          // command
	Lag    int32            // input, in 1/16 ticks
	Words  []uint32         // input
	Seal   []byte           // seal
	Tick   game.Tick        // checkpoint: the last tick that is in the state
	State  []byte           // checkpoint
}

// Step is everything of one tick: the records in the order in which they
// happened, then the tick itself.
type Step struct {
	Tick    game.Tick
	Hash    uint64 // of the state after the tick, 0 where none was taken
	Records []Record
	End     *End // the log's end; there is no tick then
}

// End is the last record of a log that was finished in order.
type End struct {
	Reason string
	Ticks  game.Tick // the last tick
	Hash   uint64    // of the state after it
}
