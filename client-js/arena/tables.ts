/**
 * The arena's tables as the page reads them (docs/arena.md). Metres and metres
 * per second, angles in radians; moments are ticks.
 */
export interface Vec {
  x: number;
  y: number;
}

export interface ShipRow {
  pos: Vec;
  angle: number;
  slot: number;
  /** Team, -1 without teams. */
  side: number;
  /** 0 is a wreck. */
  hp: number;
  shield: number;
  /** 0: the rail is not being charged. */
  chargeFrom: number;
  dashUntil: number;
  protectUntil: number;
  rapidUntil: number;
  respawnAt: number;
  /** The player's own ship only, as are the rest. */
  vel: Vec;
  energy: number;
  gunAt: number;
  dashAt: number;
}

export interface ScoreRow {
  slot: number;
  side: number;
  score: number;
  kills: number;
  deaths: number;
  assists: number;
  streak: number;
}

export interface ProjectileRow {
  origin: Vec;
  vel: Vec;
  slot: number;
  side: number;
  born: number;
  ends: number;
}

export interface RockRow {
  home: Vec;
  reach: Vec;
  radius: number;
  phase: number;
  spin: number;
}

export interface WallRow {
  center: Vec;
  half: Vec;
  radius: number;
}

export interface PickupRow {
  pos: Vec;
  kind: number;
  readyAt: number;
}

export interface MatchRow {
  phase: number;
  endsAt: number;
  size: Vec;
  killLimit: number;
  teams: number;
  teamScore: readonly number[];
  teamKills: readonly number[];
}

export interface HitEvent {
  pos: Vec;
  target: number;
  source: number;
  damage: number;
  weapon: number;
}

export interface KillEvent {
  pos: Vec;
  victim: number;
  killer: number;
  assist: number;
  weapon: number;
}

export interface RailEvent {
  from: Vec;
  to: Vec;
  slot: number;
  power: number;
}

export interface DashEvent {
  pos: Vec;
  dir: number;
  slot: number;
}

export interface TakenEvent {
  pos: Vec;
  slot: number;
  kind: number;
}

export interface SpawnedEvent {
  pos: Vec;
  slot: number;
}

export interface EmoteEvent {
  pos: Vec;
  slot: number;
  kind: number;
}

/** Names of the tables and event tables. */
export const tables = {
  ship: "ship",
  score: "score",
  projectile: "projectile",
  rock: "rock",
  wall: "wall",
  pickup: "pickup",
  match: "match",
} as const;

export const events = {
  hit: "hit",
  kill: "kill",
  rail: "rail",
  dash: "dash",
  taken: "taken",
  spawned: "spawn",
  emote: "emote",
} as const;

export const buttons = { fire: 1, rail: 2, dash: 4 } as const;
export const phases = { warmUp: 0, playing: 1, over: 2 } as const;
export const kinds = { repair: 0, shield: 1, rapid: 2 } as const;
export const weapons = { pulse: 0, rail: 1 } as const;

/** Numbers of the rules that the picture needs. */
export const rules = {
  shipRadius: 0.5,
  maxHp: 100,
  maxShield: 50,
  maxEnergy: 1000,
  dashEnergy: 300,
  railTicks: 27,
} as const;

/** Where a projectile is at a continuous tick. */
export function projectileAt(row: ProjectileRow, tick: number, rate: number): Vec {
  const seconds = Math.max(0, Math.min(tick, row.ends) - row.born) / rate;
  return { x: row.origin.x + row.vel.x * seconds, y: row.origin.y + row.vel.y * seconds };
}

/** Where a rock's centre is at a continuous tick. */
export function rockAt(row: RockRow, tick: number): Vec {
  const turn = row.phase + ((row.spin * tick) / 65536) * Math.PI * 2;
  return { x: row.home.x + row.reach.x * Math.cos(turn), y: row.home.y + row.reach.y * Math.sin(turn) };
}
