// Package workload implements the games that Tactus is measured with. Their rules are
// as small as possible and move a fixed amount of state. A measurement shows the cost of
// the server and not of the rules.
//
// docs/bench.md describes each workload and has the results.
package workload

import (
	"tactus/game"
	"tactus/game/fixed"
)

// Names of games and modes.
const (
	RoomsGame = "bench-rooms"
	CrowdGame = "bench-crowd"
	ModeRooms = "rooms" // W1: 16 players, all moving
	ModeIdle  = "idle"  // W3: 16 seats in which nothing moves without an input
	ModeCrowd = "crowd" // W2: 200 players, all moving
)

// Tick rates of the games in Hz.
const (
	RoomsRate = 30
	CrowdRate = 20
)

// Rooms hosts small matches, W1 and W3.
var Rooms game.Game = rules{
	name: RoomsGame, title: "Rooms", rate: RoomsRate,
	modes: []game.Mode{
		{Name: ModeRooms, Title: "Rooms", MaxPlayers: 16},
		{Name: ModeIdle, Title: "Idle", MaxPlayers: 16, Options: []game.Option{{Name: optionQuiet, Value: 1}}},
	},
}

// Crowd hosts one big match, W2.
var Crowd game.Game = rules{
	name: CrowdGame, title: "Crowd", rate: CrowdRate,
	modes: []game.Mode{{Name: ModeCrowd, Title: "Crowd", MaxPlayers: 200}},
}

// optionQuiet, when 1, changes nothing until an input arrives.
const optionQuiet = "quiet"

// Input is where a player runs and looks.
type Input struct {
	Dir int32       `tactus:"min=0,max=256"` // 1 to 256: that part of a full turn; 0: unchanged
	Aim fixed.Angle `tactus:"min=0,max=65535"`
}

// Player is a row for each player. Others see positions in steps of 1/64 m and
// angles in steps of 1/256 turn, less than a pixel on a screen 20 m wide.
type Player struct {
	Pos   fixed.Vec   `tactus:"pos,q=10"`
	Angle fixed.Angle `tactus:"lerp,q=8"`
	HP    int32
	Score int32
	Slot  game.Slot `tactus:"slot"`
	Dir   int32     `tactus:"server"` // the direction that Vel was made from
	Vel   fixed.Vec `tactus:"server"` // metres per tick
}

// Chance decides which player scores.
type Chance struct {
	Rand game.Rand `tactus:"server"`
}

// Bounds of the field, and the speed of all players.
const (
	edge       = 32 * fixed.One // the field goes from -edge to edge, metres
	speed      = 6              // metres per second
	fullHP     = 100
	hit        = 7
	directions = 256
)

var input = game.DefineInput[Input]()

type rules struct {
	name, title string
	rate        int
	modes       []game.Mode
}

func (r rules) Info() game.Info {
	return game.Info{
		Name: r.name, Title: r.title, Version: "1", TickRate: r.rate,
		Input: input.Schema(), Modes: r.modes,
	}
}

type world struct {
	tables  *game.Tables
	players *game.Table[Player]
	chance  *Chance
	step    fixed.Num // metres per tick
	rate    game.Tick
	quiet   bool
}

func (r rules) NewWorld(cfg game.MatchConfig) game.World {
	ts, n := game.NewTables(), cfg.Mode.MaxPlayers
	w := &world{
		tables: ts, players: game.NewTable[Player](ts, "player", n, game.Global),
		chance: game.NewSingle[Chance](ts, "chance"),
		step:   fixed.Ratio(speed, int32(r.rate)), rate: game.Tick(r.rate),
		quiet: cfg.Option(optionQuiet, 0) == 1,
	}
	w.chance.Rand.Seed(cfg.Seed)
	return w
}

func (w *world) Tables() *game.Tables { return w.tables }

func (w *world) Join(p game.Slot, _ game.PlayerInfo) {
	_, row := w.players.Spawn()
	row.Slot, row.HP = p, fullHP
	row.Pos = fixed.Vec{X: w.randomCoordinate(), Y: w.randomCoordinate()}
	if !w.quiet {
		row.steer(w.chance.Rand.Range(1, directions), w.step)
	}
}

func (w *world) randomCoordinate() fixed.Num {
	return fixed.Num(w.chance.Rand.Range(-int32(edge), int32(edge)))
}

func (w *world) Leave(p game.Slot, _ game.LeaveReason) {
	for e, row := range w.players.All() {
		if row.Slot == p {
			w.players.Despawn(e)
		}
	}
}

// Step moves all players. Once a second one of them is hit.
func (w *world) Step(t game.Tick, in *game.Inputs) {
	for _, row := range w.players.All() {
		want := input.At(in, row.Slot)
		if want.Dir != row.Dir && (want.Dir != 0 || w.quiet) {
			row.steer(want.Dir, w.step)
		}
		row.move()
		row.Angle = want.Aim
	}
	if !w.quiet && t%w.rate == 0 && w.players.Len() > 0 {
		w.score()
	}
}

// steer turns the player; direction 0 stops.
func (p *Player) steer(dir int32, step fixed.Num) {
	p.Dir = dir
	if dir == 0 {
		p.Vel = fixed.Vec{}
		return
	}
	p.Vel = fixed.FromAngle(fixed.Angle(dir*int32(fixed.Turn)/directions), step)
}

// move takes a step. Walls reflect players, so that none comes to rest.
func (p *Player) move() {
	p.Pos = p.Pos.Add(p.Vel)
	if p.Pos.X < -edge || p.Pos.X > edge {
		p.Pos.X, p.Vel.X = fixed.Clamp(p.Pos.X, -edge, edge), -p.Vel.X
	}
	if p.Pos.Y < -edge || p.Pos.Y > edge {
		p.Pos.Y, p.Vel.Y = fixed.Clamp(p.Pos.Y, -edge, edge), -p.Vel.Y
	}
}

// score lets a random player win a point and lose health.
func (w *world) score() {
	nth := w.chance.Rand.Intn(int32(w.players.Len()))
	for _, row := range w.players.All() {
		if nth == 0 {
			row.Score++
			if row.HP -= hit; row.HP <= 0 {
				row.HP = fullHP
			}
		}
		nth--
	}
}

// Outcome is empty: a match never ends by itself.
func (w *world) Outcome() (game.Outcome, bool) { return game.Outcome{}, false }
