package arena

import (
	"tactus/game"
	"tactus/game/fixed"
	"tactus/game/grid"
)

// Game is the arena's rules.
var Game game.Game = rules{}

type rules struct{}

// Names of the modes.
const (
	modeFFA    = "ffa"
	modeDuel   = "duel"
	modeTeams  = "teams"
	modeTeams5 = "teams5"
	modeTeams8 = "teams8"
	modeSwarm  = "swarm"
)

// Info describes the arena.
func (rules) Info() game.Info {
	return game.Info{
		Name: "arena", Title: "Arena", Version: "1", TickRate: rate, Input: input.Schema(),
		Modes: []game.Mode{
			{Name: modeFFA, Title: "Free for all", MaxPlayers: 16, Fill: 8, Options: options(180, 0)},
			{Name: modeDuel, Title: "Duel", MaxPlayers: 2, Fill: 2, Options: options(180, 10)},
			{Name: modeTeams, Title: "Teams 4v4", MaxPlayers: 8, Teams: 2, Fill: 8, Options: options(180, 0)},
			{Name: modeTeams5, Title: "Teams 5v5", MaxPlayers: 10, Teams: 2, Fill: 10, Options: options(180, 0)},
			{Name: modeTeams8, Title: "Teams 8v8", MaxPlayers: 16, Teams: 2, Fill: 16, Options: options(180, 0)},
			{Name: modeSwarm, Title: "Swarm", MaxPlayers: 3000, Fill: 40, Options: options(300, 0)},
		},
	}
}

// options are what a match can be configured by: its length in seconds (0, for the
// operator alone: it never ends), the kills that end it (0: none do), the warm-up in
// seconds, and whether bots fill it.
func options(seconds, kills int32) []game.Option {
	return []game.Option{
		{Name: "seconds", Value: seconds, Min: 10, Max: 3600},
		{Name: "kills", Value: kills, Min: 0, Max: 1000},
		{Name: "warmup", Value: 3, Min: 0, Max: 30},
		{Name: game.OptionBots, Value: 1, Min: 0, Max: 1},
	}
}

// world is one match. Beside its tables it holds only indexes, which are checked
// against them, and scratch memory.
type world struct {
	seconds, warmUp int32
	seats           int
	crowd           bool // the map is far larger than its players need

	tables      *game.Tables
	match       *Match
	ships       *game.Table[Ship]
	scores      *game.Table[Score]
	projectiles *game.Table[Projectile]
	rocks       *game.Table[Rock]
	walls       *game.Table[Wall]
	pickups     *game.Table[Pickup]
	trails      *game.Table[trail]
	bots        *game.Table[bot]

	hits   *game.Events[Hit]
	kills  *game.Events[Kill]
	rails  *game.Events[RailShot]
	dashes *game.Events[DashStart]
	takes  *game.Events[Taken]
	spawns *game.Events[Spawned]
	emotes *game.Events[Emote]

	cover cover
	// coverSynced means that a bot has synced cover in its thought about the next tick.
	coverSynced bool
	ships2d     *grid.Grid

	shipAt, scoreAt, botAt []int32 // place of a slot's row, if it still is there
	acts                   []action
	// attackers counts the bots that fight the ship in each place.
	attackers []int32
	near      []int32
	results   []game.Result
	reply     [1]int32
}

// NewWorld makes a match; its map comes from the seed.
func (rules) NewWorld(cfg game.MatchConfig) game.World {
	plan := layoutOf(cfg.Mode)
	n := cfg.Mode.MaxPlayers
	ts := game.NewTables()
	w := &world{
		seconds: clampOption(cfg.Option("seconds", 180)), warmUp: clampOption(cfg.Option("warmup", 3)),
		seats: n, crowd: plan.crowd, tables: ts,
		match:       game.NewSingle[Match](ts, "match"),
		ships:       game.NewTable[Ship](ts, "ship", n),
		scores:      game.NewTable[Score](ts, "score", n, game.Global),
		projectiles: game.NewTable[Projectile](ts, "projectile", min(max(n*8, 64), 20000)),
		rocks:       game.NewTable[Rock](ts, "rock", 2*plan.rockPairs),
		walls:       game.NewTable[Wall](ts, "wall", 2*plan.wallPairs+1, game.Global),
		pickups:     game.NewTable[Pickup](ts, "pickup", 2*plan.pickupPairs+1),
		trails:      game.NewTable[trail](ts, "trail", n),
		bots:        game.NewTable[bot](ts, "bot", n),
		hits:        game.NewEvents[Hit](ts, "hit", max(n*2, 16)),
		kills:       game.NewEvents[Kill](ts, "kill", max(n, 8)),
		rails:       game.NewEvents[RailShot](ts, "rail", max(n, 8)),
		dashes:      game.NewEvents[DashStart](ts, "dash", max(n, 8)),
		takes:       game.NewEvents[Taken](ts, "taken", max(n, 8)),
		spawns:      game.NewEvents[Spawned](ts, "spawn", max(n, 8)),
		emotes:      game.NewEvents[Emote](ts, "emote", max(n, 8)),
		ships2d:     grid.New(fixed.Vec{}, plan.size, gridCell, n),
		shipAt:      make([]int32, n), scoreAt: make([]int32, n), botAt: make([]int32, n),
		acts: make([]action, n), attackers: make([]int32, n), near: make([]int32, 0, n),
		results: make([]game.Result, 0, n),
	}
	m := w.match
	m.Size, m.KillLimit, m.Teams = plan.size, clampOption(cfg.Option("kills", 0)), int32(cfg.Mode.Teams)
	m.Rand.Seed(cfg.Seed)
	w.buildMap(plan)
	w.cover.sync(w)
	return w
}

// gridCell is the cell of the index over ships, in metres.
const gridCell = 8 * fixed.One

func clampOption(n int32) int32 { return min(max(n, 0), 24*3600) }

// Tables is the match's state.
func (w *world) Tables() *game.Tables { return w.tables }

// Team is the side that p sees for.
func (w *world) Team(p game.Slot) int32 {
	if s := w.scoreOf(p); s != nil {
		return s.Side
	}
	return -1
}

// Step advances the match by one tick.
func (w *world) Step(t game.Tick, in *game.Inputs) {
	w.match.Now = t
	w.cover.sync(w)
	w.coverSynced = false
	w.advancePhase(t)
	w.respawn(t)
	w.flyAll(t, in)
	w.indexShips()
	w.pushApart()
	w.recordTrails(t)
	w.shoot(t, in)
	w.moveProjectiles(t)
	w.takePickups(t)
	w.planBots(t)
	w.endMatch(t)
}

// shipOf returns p's ship or wreck, nil for none.
func (w *world) shipOf(p game.Slot) (game.Entity, *Ship) {
	if int(p) >= w.seats {
		return game.NoEntity, nil
	}
	if e, s := w.ships.At(int(w.shipAt[p])); s != nil && s.Slot == p {
		return e, s
	}
	for i := range w.ships.High() {
		if e, s := w.ships.At(i); s != nil && s.Slot == p {
			w.shipAt[p] = int32(i)
			return e, s
		}
	}
	return game.NoEntity, nil
}

// scoreOf returns p's score, nil for an empty seat.
func (w *world) scoreOf(p game.Slot) *Score {
	if int(p) >= w.seats {
		return nil
	}
	if _, s := w.scores.At(int(w.scoreAt[p])); s != nil && s.Slot == p {
		return s
	}
	for i := range w.scores.High() {
		if _, s := w.scores.At(i); s != nil && s.Slot == p {
			w.scoreAt[p] = int32(i)
			return s
		}
	}
	return nil
}

// botOf returns what the bot in seat p keeps in mind, nil when p is no bot.
func (w *world) botOf(p game.Slot) (game.Entity, *bot) {
	if int(p) >= w.seats {
		return game.NoEntity, nil
	}
	if e, b := w.bots.At(int(w.botAt[p])); b != nil && b.Slot == p {
		return e, b
	}
	for i := range w.bots.High() {
		if e, b := w.bots.At(i); b != nil && b.Slot == p {
			w.botAt[p] = int32(i)
			return e, b
		}
	}
	return game.NoEntity, nil
}

// indexShips puts the living ships into the grid.
func (w *world) indexShips() {
	w.ships2d.Clear()
	if w.ships.High() > fewShips {
		for i := range w.ships.High() {
			if _, s := w.ships.At(i); s != nil && s.HP > 0 {
				w.ships2d.Insert(int32(i), s.Pos)
			}
		}
		w.ships2d.Build()
	}
}

// fewShips is how many ships are looked through one by one, which is faster
// than asking a grid.
const fewShips = 24

// shipsNear returns, in ascending order, the places of all ships that may be
// within radius of pos, and perhaps more. Valid until the next call.
func (w *world) shipsNear(pos fixed.Vec, radius fixed.Num) []int32 {
	w.near = w.near[:0]
	if w.ships.High() > fewShips {
		w.near = w.ships2d.Near(pos, radius, w.near)
		return w.near
	}
	return w.allShips()
}

// shipsAlong is shipsNear for all points of a line.
func (w *world) shipsAlong(from, to fixed.Vec, radius fixed.Num) []int32 {
	w.near = w.near[:0]
	if w.ships.High() > fewShips {
		w.near = w.ships2d.Ray(from, to, radius, w.near)
		return w.near
	}
	return w.allShips()
}

func (w *world) allShips() []int32 {
	for i := range w.ships.High() {
		w.near = append(w.near, int32(i))
	}
	return w.near
}
