package game

import "tactus/game/fixed"

// Tick counts simulation steps of one match; the first step is tick 1.
type Tick uint32

// Slot is a seat of a match, 0 to MaxPlayers-1. A seat keeps its number while
// its player reconnects.
type Slot uint32

// NoSlot is the Slot of no player.
const NoSlot Slot = 0xFFFFFFFF

// Entity names a row of a table: index in the low 16 bits, generation above.
// It stays unique when the row's place is used again.
type Entity uint32

// NoEntity is the Entity of nothing.
const NoEntity Entity = 0

// Index is the row's place in its table.
func (e Entity) Index() int { return int(e & 0xFFFF) }

// Generation counts how often the row's place was filled, from 1 up.
func (e Entity) Generation() uint32 { return uint32(e >> 16) }

// MakeEntity joins an index and a generation.
func MakeEntity(index int, generation uint32) Entity {
	return Entity(generation<<16 | uint32(index)&0xFFFF)
}

// Game is a set of rules: one value per game, shared by all its matches, so it
// holds no state of its own. It is safe for concurrent use.
type Game interface {
	// Info describes the game; it returns the same on every call.
	Info() Info
	// NewWorld makes the world of one match before its first tick. cfg is the
	// only source of variation.
	NewWorld(cfg MatchConfig) World
}

// Info describes a game to the server, the matchmaker and the client.
type Info struct {
	Name     string // lower case, digits and '-', at most 32 bytes
	Title    string // shown to players
	Version  string // players only meet servers of the same version
	TickRate int    // Hz, 1 to 128; 0 means 30
	Input    InputSchema
	Modes    []Mode // at least one; the first is the default
}

// Mode is one way to play a game.
type Mode struct {
	Name       string // lower case, digits and '-'
	Title      string
	MinPlayers int // players needed before the match can count; 0 means 1
	MaxPlayers int // seats, 1 to 4096
	Teams      int // 0: no teams
	Fill       int // seats that bots fill while players are missing; 0: none
	Options    []Option
}

// Option is a named number that configures a match. In a [Mode] it has the value of
// matches that say nothing else.
type Option struct {
	Name  string
	Value int32
	// Min and Max are the range from which players may choose in their own rooms, with
	// Min below Max. Without a range, both 0, the operator alone sets the option. Only
	// options of a Mode have one, and no [World] sees it.
	Min, Max int32
}

// Chosen reports whether players may choose the option.
func (o Option) Chosen() bool { return o.Min < o.Max }

// Allows reports whether players may choose the value.
func (o Option) Allows(value int32) bool { return o.Chosen() && o.Min <= value && value <= o.Max }

// OptionBots is an option that a mode with Fill may have: a match with 0 of it has
// no bots.
const OptionBots = "bots"

// MatchConfig is everything that makes one match differ from another.
type MatchConfig struct {
	Mode    Mode
	Seed    uint64 // never leaves the server: clients build their world with 0
	Options []Option
}

// Option returns the value of the named option: the match's, else the mode's,
// else def.
func (c MatchConfig) Option(name string, def int32) int32 {
	for _, list := range [2][]Option{c.Options, c.Mode.Options} {
		for _, o := range list {
			if o.Name == name {
				return o.Value
			}
		}
	}
	return def
}

// PlayerInfo is what the rules may know of a player that joins.
type PlayerInfo struct {
	Bot  bool
	Team int32 // wanted team, -1 for any
}

// LeaveReason says why a seat was freed.
type LeaveReason uint32

// Reasons to leave a match.
const (
	LeaveQuit     LeaveReason = 1 // the player said so
	LeaveTimeout  LeaveReason = 2 // did not come back in time
	LeaveKicked   LeaveReason = 3 // broke the protocol or was removed
	LeaveReplaced LeaveReason = 4 // a bot gave way to a player
	LeaveBanned   LeaveReason = 5 // an operator has banned the player
)

// World is one match. It is not safe for concurrent use; owned by the goroutine
// that runs the match.
type World interface {
	// Tables holds every word of state; it returns the same value on each call.
	Tables() *Tables
	// Join seats a player; the slot is free.
	Join(p Slot, info PlayerInfo)
	// Leave frees the seat.
	Leave(p Slot, why LeaveReason)
	// Step advances the match by exactly one tick. It must not allocate.
	Step(t Tick, in *Inputs)
	// Outcome returns the standing, and true once the match is over. It is called
	// several times a second and must not allocate. The slice is valid until the
	// next call.
	Outcome() (Outcome, bool)
}

// Outcome is the standing of a match.
type Outcome struct {
	Results []Result
}

// Result is one player's standing.
type Result struct {
	Slot  Slot
	Team  int32 // -1 without teams
	Score int32
	Rank  int32 // 1 is best; equal ranks are a draw
}

// Predictor is implemented by worlds that let a player see their own actions
// without waiting for the server. Predict advances only what p controls by one
// tick and reads nothing that p may not see. In the browser it runs on the same
// code as Step.
type Predictor interface {
	Predict(t Tick, p Slot, in *Inputs)
}

// Botter is implemented by worlds that can play seats themselves. Think writes
// p's input for tick t with [Input.Set]; it is called before Step and may use
// nothing but the world.
type Botter interface {
	Think(t Tick, p Slot, in *Inputs)
}

// Commander is implemented by worlds that take reliable commands. Command is
// called at a tick's border; args are valid until it returns. The reply, at
// most [MaxCommandArgs] words, goes to the sender only and is copied before the
// next call; ok false reports to the sender that the command was rejected.
type Commander interface {
	Command(p Slot, name string, args []int32) (reply []int32, ok bool)
}

// Teamer is implemented by worlds with team-visible fields: Team returns the
// side that a player belongs to, -1 for none.
type Teamer interface {
	Team(p Slot) int32
}

// Timed is implemented by worlds that know when they end: Remaining is how many
// ticks are left, 0 for unknown. A match that is nearly over gets no new players.
type Timed interface {
	Remaining() Tick
}

// Viewer is implemented by worlds too big for everyone to see everything: rows
// with a position are sent only to players that look at their part of the world.
type Viewer interface {
	// Interest is the grid that rows are sorted into. It is called once, at
	// start. The zero value means that everyone sees everything.
	Interest() Interest
	// View is what p looks at now.
	View(p Slot) View
}

// Interest is a grid of square cells over the world. Rows outside are counted
// to its border cells.
type Interest struct {
	Min, Max fixed.Vec
	Cell     fixed.Num // edge of a cell; at most 65,536 cells
}

// View is a disc that a player sees. Rows within Near come with every snapshot,
// those beyond it up to Far less often. A player's own rows are always sent.
type View struct {
	Center    fixed.Vec
	Near, Far fixed.Num // Far below Near counts as Near
}

// MaxCommandArgs bounds the words of a command and of its reply.
const MaxCommandArgs = 16

// DefaultTickRate is used where Info.TickRate is zero, in Hz.
const DefaultTickRate = 30

// Rate returns the tick rate in Hz.
func (i Info) Rate() int {
	if i.TickRate == 0 {
		return DefaultTickRate
	}
	return i.TickRate
}

// Mode returns the named mode; an empty name is the first one.
func (i Info) Mode(name string) (Mode, bool) {
	for _, m := range i.Modes {
		if m.Name == name || name == "" {
			return m, true
		}
	}
	return Mode{}, false
}
