package arena

import "tactus/game/fixed"

// The numbers of the game. Times are in ticks of 1/30 s.

const rate = 30

// Ships.
const (
	shipRadius   = fixed.One / 2
	maxHP        = 100
	maxShield    = 50
	maxEnergy    = 1000
	energyRegen  = 6 // a tick; 5.5 s from empty to full
	respawnTicks = 75
	protectTicks = 60
)

// Flight. A ship gains thrust each tick and keeps a part of its speed. Its top
// speed is thrust x keep / (1-keep), about 9 m/s, reached with a time constant
// of 12 ticks.
const (
	thrust = fixed.Num(51118) // 0.78 m/s a tick
	// chargeThrust is 0.43 m/s a tick while the rail charges.
	chargeThrust = fixed.Num(28180)
	keepSpeed    = fixed.Num(60293) // 0.92
	wallBounce   = fixed.Num(19661) // 0.3 of the speed comes back
	// maxSpeed is 0.9 m a tick, too little to get through the thinnest wall.
	maxSpeed = 27 * fixed.One
)

// Dash.
const (
	dashSpeed    = 24 * fixed.One
	dashTicks    = 5
	dashEnergy   = 300
	dashCooldown = 20
)

// Pulse gun.
const (
	pulseSpeed    = 28 * fixed.One
	pulseRadius   = fixed.One / 8
	pulseTicks    = 25 // in flight; 23 m
	pulseDamage   = 13
	pulseKick     = fixed.One / 2 // m/s, in the direction of flight
	pulseInterval = 5
	rapidInterval = 3
	muzzle        = fixed.Num(45875) // 0.7 m before the ship's centre
)

// Rail.
const (
	railRange     = 64 * fixed.One
	railWidth     = fixed.One / 8 // half of the beam
	railMinCharge = 8             // ticks; less is a misfire
	railCharge    = 27            // ticks to full power
	railStart     = 150           // energy it takes to begin
	railDrain     = 12            // energy a tick until full power
	railMinDamage = 25
	railMaxDamage = 70
	railKick      = 5 * fixed.One
	railRecoil    = 3 * fixed.One
	railInterval  = 8 // ticks before the gun fires again
)

// Lag compensation: at most 250 ms.
const (
	maxLag     = 120 // in game.LagUnit, 7.5 ticks
	trailTicks = 9
)

// Points and assists.
const (
	killPoints   = 100
	assistPoints = 50
	assistTicks  = 150
)

// Pickups.
const (
	pickupRadius  = fixed.Num(58982) // 0.9 m
	pickupTicks   = 420              // until the next one is there
	repairHP      = 40
	shieldAmount  = 50
	rapidTicks    = 180
	emoteCooldown = 45
	emotes        = 4
)

// bumpSpeed is what two ships that overlap gain away from each other, a tick.
const bumpSpeed = fixed.One / 2

// rewindReach is farther than a ship gets in 250 ms, with a dash in it.
const rewindReach = 7 * fixed.One

// warnTicks is how often a projectile looks for bots in its way.
const warnTicks = 4
