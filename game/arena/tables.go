package arena

import (
	"tactus/game"
	"tactus/game/fixed"
)

// Input is what a pilot wants in one tick.
type Input struct {
	MoveX   fixed.Num   `tactus:"min=-65536,max=65536"` // thrust to the right, -1 to 1
	MoveY   fixed.Num   `tactus:"min=-65536,max=65536"` // thrust downwards, -1 to 1
	Aim     fixed.Angle `tactus:"min=0,max=65535"`      // where the nose points
	Buttons uint32      `tactus:"min=0,max=7"`          // Fire, Rail, Dash
}

// Bits of [Input.Buttons].
const (
	Fire uint32 = 1 // pulse gun, as long as it is held
	Rail uint32 = 2 // charges while it is held, shoots on release
	Dash uint32 = 4 // towards the thrust, or the nose without thrust
)

var input = game.DefineInput[Input]()

// Ship is one pilot's ship. A shot down ship stays where it fell as a wreck
// (HP 0) until RespawnAt and then gives way to a new row.
type Ship struct {
	Pos    fixed.Vec   `tactus:"pos,q=10"` // others get it to 1.6 cm
	Angle  fixed.Angle `tactus:"lerp,q=8"` // others get it to 1.4 degrees
	Slot   game.Slot   `tactus:"slot"`
	Side   int32       `tactus:"side"` // team, -1 without teams
	HP     int32       // 0 to 100; 0 is a wreck
	Shield int32       // 0 to 50; takes damage before HP
	// ChargeFrom is the tick in which the rail began to charge, 0 when it does not.
	ChargeFrom   game.Tick
	DashUntil    game.Tick // dashing up to and with this tick
	ProtectUntil game.Tick // cannot be hurt up to and with this tick; ends with the first shot
	RapidUntil   game.Tick // rapid fire up to and with this tick
	RespawnAt    game.Tick // of a wreck: the tick it comes back in
	// Power is the energy in tenths of the maximum, for team mates.
	Power  int32     `tactus:"team"`
	Vel    fixed.Vec `tactus:"owner"` // metres per second
	Energy int32     `tactus:"owner"` // 0 to 1000
	GunAt  game.Tick `tactus:"owner"` // first tick the gun may fire in again
	// DashAt is the first tick in which the ship may dash again.
	DashAt game.Tick `tactus:"owner"`
	HurtBy game.Slot `tactus:"server"`
	HurtAt game.Tick `tactus:"server"`
	HelpBy game.Slot `tactus:"server"` // the attacker before HurtBy: the assist
	HelpAt game.Tick `tactus:"server"`
}

// Score is one player's standing; it exists as long as the seat is taken.
type Score struct {
	Slot    game.Slot `tactus:"slot"`
	Side    int32     `tactus:"side"` // team, -1 without teams
	Score   int32
	Kills   int32
	Deaths  int32
	Assists int32
	Streak  int32     // kills since the last death
	EmoteAt game.Tick `tactus:"owner"` // first tick the next emote may be sent in
	Shots   int32     `tactus:"server"`
	Hits    int32     `tactus:"server"`
	Rails   int32     `tactus:"server"`
	Railed  int32     `tactus:"server"` // ships hit by rails
	Damage  int32     `tactus:"server"`
}

// Projectile is one pulse in flight. It flies straight, so it is sent once: at
// tick t it is at Origin + Vel x (t-Born)/30, until Ends or until it is gone.
type Projectile struct {
	Origin fixed.Vec `tactus:"pos"`
	Vel    fixed.Vec // metres per second
	Slot   game.Slot // the shooter
	Side   int32     // the shooter's team, -1 without teams
	// Born is the tick in which it left Origin.
	Born game.Tick
	// Ends is the tick in which it meets a wall or has spent itself.
	Ends game.Tick
}

// Rock drifts along an ellipse, so it is sent once too: at tick t its centre
// is at Home + (Reach.X x cos(a), Reach.Y x sin(a)), a = Phase + Spin x t.
type Rock struct {
	Home   fixed.Vec `tactus:"pos"` // centre of the ellipse
	Reach  fixed.Vec // half axes of the ellipse
	Radius fixed.Num // of the rock
	Phase  fixed.Angle
	Spin   int32 // angle per tick, either way round
}

// Wall never moves. With a Radius it is a round pillar, else a box.
type Wall struct {
	Center fixed.Vec
	// Half is half the width and height of a box, zero for a pillar.
	Half   fixed.Vec
	Radius fixed.Num // of a pillar, zero for a box
}

// Pickup is a place where something to take appears again and again.
type Pickup struct {
	Pos     fixed.Vec `tactus:"pos"`
	Kind    int32     // KindRepair, KindShield, KindRapid
	ReadyAt game.Tick // there to be taken from this tick on
}

// Kinds of pickup.
const (
	KindRepair  int32 = 0
	KindShield  int32 = 1
	KindRapid   int32 = 2
	pickupKinds int32 = 3
)

// Match is the match itself: one row.
type Match struct {
	Phase     int32     // PhaseWarmUp, PhasePlaying, PhaseOver
	EndsAt    game.Tick // tick the phase ends in; 0: not yet known
	Size      fixed.Vec // of the map
	KillLimit int32     // kills (of a team: together) that end the match, 0 for none
	Teams     int32     // 0 or 2
	TeamScore [2]int32
	TeamKills [2]int32
	Now       game.Tick `tactus:"server"` // the last tick stepped
	Rand      game.Rand `tactus:"server"`
}

// Phases of a match.
const (
	PhaseWarmUp  int32 = 0 // everyone may fly and shoot, nothing hurts
	PhasePlaying int32 = 1
	PhaseOver    int32 = 2 // guns are silent
)

// trail is where a ship was, for shots judged by what the shooter saw. Rows
// come and go with the ship's and so have its index.
type trail struct {
	At [trailTicks]fixed.Vec `tactus:"server"` // by tick modulo trailTicks
}

// bot is what a bot keeps in mind; one row a bot.
type bot struct {
	Slot   game.Slot   `tactus:"server"`
	Skill  int32       `tactus:"server"` // 0 to 100
	Target game.Entity `tactus:"server"` // ship it fights, or NoEntity
	Clear  int32       `tactus:"server"` // 1: no wall stands between it and its target
	Intent int32       `tactus:"server"` // intentRoam, intentFight, intentFetch
	Goal   fixed.Vec   `tactus:"server"` // where it goes, unless it fights
	Strafe int32       `tactus:"server"` // 1 or -1: which way round it circles
	// Error is how far its aim is off at the moment.
	Error   fixed.Angle `tactus:"server"`
	DodgeAt game.Tick   `tactus:"server"` // when it last saw a shot come
	Dodge   fixed.Angle `tactus:"server"` // the way out of that shot's path
	// Last is where the ship was when the bot made its last plan.
	Last  fixed.Vec `tactus:"server"`
	Stuck int32     `tactus:"server"` // plans in a row made in one place
}

// Hit is a shot that met a ship.
type Hit struct {
	Pos    fixed.Vec `tactus:"pos"`
	Target game.Slot
	Source game.Slot
	Damage int32 // 0: the ship was protected
	Weapon int32 // WeaponPulse, WeaponRail
}

// Kill is a ship shot down.
type Kill struct {
	Pos    fixed.Vec `tactus:"pos"`
	Victim game.Slot
	Killer game.Slot
	Assist game.Slot // NoSlot for none
	Weapon int32
}

// Weapons of [Hit] and [Kill].
const (
	WeaponPulse int32 = 0
	WeaponRail  int32 = 1
)

// RailShot is a rail's beam.
type RailShot struct {
	From  fixed.Vec `tactus:"pos"`
	To    fixed.Vec // the wall, rock or edge it ended at
	Slot  game.Slot
	Power int32 // 1 to 100: how far it was charged
}

// DashStart is a ship that starts a dash.
type DashStart struct {
	Pos  fixed.Vec   `tactus:"pos"`
	Dir  fixed.Angle // where to
	Slot game.Slot
}

// Taken is a pickup that was taken.
type Taken struct {
	Pos  fixed.Vec `tactus:"pos"`
	Slot game.Slot
	Kind int32
}

// Spawned is a ship that came into the match.
type Spawned struct {
	Pos  fixed.Vec `tactus:"pos"`
	Slot game.Slot
}

// Emote is what a player shows instead of words.
type Emote struct {
	Pos  fixed.Vec `tactus:"pos"`
	Slot game.Slot
	Kind int32 // 0 to 3
}
