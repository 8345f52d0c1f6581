import type {
  Entity,
  EntityView,
  GameEvent,
  Match,
  MatchEvents,
  NetStats,
  RosterEntry,
  SavedSeat,
  Unsubscribe,
} from "../src/index.ts";
import { sequence } from "./sprites.ts";
import { events, phases, rules, tables } from "./tables.ts";
import type { MatchRow, PickupRow, ProjectileRow, RockRow, ShipRow, Vec, WallRow } from "./tables.ts";

const width = 48;
const height = 32;
const rate = 30;
const pulseSpeed = 28;
const ships = 8;

const noStats: NetStats = {
  rttMs: 0,
  jitterMs: 0,
  serverTick: 0,
  inputTick: 0,
  slack: 0,
  interpolationDelayMs: 0,
  predictionError: 0,
  predicting: false,
  bytesIn: 0,
  bytesOut: 0,
  snapshots: 0,
  resyncs: 0,
  hashesChecked: 0,
  clockPercent: 100,
};

type Row<T> = Entity & T;

class DemoTable<T> implements EntityView<T> {
  private readonly rows = new Map<number, Row<T>>();
  private next = 1;

  get size(): number {
    return this.rows.size;
  }

  add(row: T): Row<T> {
    const id = this.next++;
    const entity = { ...row, id, index: id, own: false };
    this.rows.set(id, entity);
    return entity;
  }

  remove(id: number): void {
    this.rows.delete(id);
  }

  get(id: number): Row<T> | undefined {
    return this.rows.get(id);
  }

  [Symbol.iterator](): IterableIterator<Row<T>> {
    return this.rows.values();
  }

  onAdd(): Unsubscribe {
    return () => undefined;
  }

  onChange(): Unsubscribe {
    return () => undefined;
  }

  onRemove(): Unsubscribe {
    return () => undefined;
  }
}

/**
 * The scene behind the menu: ships that fight by themselves in this page, no
 * server asked. It has the shape of a match, so that the same code draws both.
 * It is a picture, not the rules: those are in game/arena.
 */
export class DemoMatch implements Match {
  readonly id = "demo";
  readonly slot = -1;
  readonly player = "";
  readonly queue = "";
  readonly tickRate = rate;
  readonly mode = { name: "demo", title: "Demo", teams: 0, max: ships, options: {} };
  readonly state = "playing" as const;
  readonly roster: ReadonlyMap<number, RosterEntry> = new Map();
  readonly stats = noStats;
  readonly saved: SavedSeat = { url: "", resume: "", game: "arena", mode: "" };
  readonly result = undefined;
  private readonly random = sequence(20240);
  private readonly ship = new DemoTable<ShipRow>();
  private readonly projectile = new DemoTable<ProjectileRow>();
  private readonly rock = new DemoTable<RockRow>();
  private readonly wall = new DemoTable<WallRow>();
  private readonly pickup = new DemoTable<PickupRow>();
  private readonly callbacks = new Map<string, Set<(event: never) => void>>();
  private readonly match: Row<MatchRow> = {
    id: 1,
    index: 0,
    own: false,
    phase: phases.playing,
    endsAt: 0,
    size: { x: width, y: height },
    killLimit: 0,
    teams: 0,
    teamScore: [0, 0],
    teamKills: [0, 0],
  };
  private tick = 0;
  private last = 0;

  constructor() {
    for (const [x, y, w, h] of [
      [12, 8, 3, 0.8],
      [36, 24, 3, 0.8],
      [12, 24, 0.8, 3],
      [36, 8, 0.8, 3],
      [24, 16, 2.4, 2.4],
    ] as const) {
      this.wall.add({ center: { x, y }, half: { x: w, y: h }, radius: 0 });
    }
    for (const [x, y] of [
      [6, 16],
      [42, 16],
      [24, 5],
      [24, 27],
    ] as const) {
      this.pickup.add({ pos: { x, y }, kind: (x + y) % 3, readyAt: 0 });
      this.rock.add({
        home: { x: x * 0.8 + 5, y: y * 0.8 + 3 },
        reach: { x: 3, y: 2 },
        radius: 0.9 + (x % 5) * 0.2,
        phase: x,
        spin: 90,
      });
    }
    for (let slot = 0; slot < ships; slot++) this.spawn(slot);
  }

  get renderTick(): number {
    return this.tick;
  }

  get predictedTick(): number {
    return this.tick;
  }

  entities<T = Record<string, never>>(table: string): EntityView<T> {
    const views: Record<string, unknown> = {
      [tables.ship]: this.ship,
      [tables.projectile]: this.projectile,
      [tables.rock]: this.rock,
      [tables.wall]: this.wall,
      [tables.pickup]: this.pickup,
    };
    return (views[table] ?? new DemoTable<T>()) as EntityView<T>;
  }

  single<T>(): Row<T> | undefined {
    return this.match as unknown as Row<T>;
  }

  onEvent<T>(table: string, callback: (event: GameEvent & T) => void): Unsubscribe {
    const known = this.callbacks.get(table) ?? new Set();
    this.callbacks.set(table, known.add(callback as (event: never) => void));
    return () => known.delete(callback as (event: never) => void);
  }

  on<K extends keyof MatchEvents>(_name: K, _callback: MatchEvents[K]): Unsubscribe {
    return () => undefined;
  }

  setInput(): void {}

  send(): void {}

  request(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }

  async chat() {
    return { sent: true, reason: "" };
  }

  leave(): void {}

  /** Fights on for some seconds without being drawn: what stands still should not be the first moment. */
  skip(seconds: number): void {
    for (let frame = 0; frame < seconds * rate; frame++) this.frame(this.last + 1000 / rate);
  }

  frame(nowMs: number): void {
    const seconds = Math.min(0.05, (nowMs - this.last) / 1000);
    this.last = nowMs;
    if (seconds <= 0) return;
    this.tick += seconds * rate;
    for (const ship of this.ship) this.fly(ship, seconds);
    for (const shot of this.projectile) this.flyShot(shot);
  }

  private emit(table: string, event: object): void {
    for (const callback of this.callbacks.get(table) ?? [])
      callback({ seq: 0, tick: Math.floor(this.tick), ...event } as never);
  }

  private spawn(slot: number): void {
    const turn = this.random() * Math.PI * 2;
    const pos = { x: width / 2 + Math.cos(turn) * width * 0.4, y: height / 2 + Math.sin(turn) * height * 0.4 };
    this.ship.add({
      pos,
      angle: turn,
      slot,
      side: -1,
      hp: rules.maxHp,
      shield: 0,
      chargeFrom: 0,
      dashUntil: 0,
      protectUntil: this.tick + rate,
      rapidUntil: 0,
      respawnAt: 0,
      vel: { x: 0, y: 0 },
      energy: rules.maxEnergy,
      gunAt: this.tick + rate * (0.5 + this.random()),
      dashAt: 0,
    });
  }

  private fly(ship: Row<ShipRow>, seconds: number): void {
    if (ship.hp <= 0) {
      if (this.tick < ship.respawnAt) return;
      this.ship.remove(ship.id);
      this.spawn(ship.slot);
      return;
    }
    const target = this.nearest(ship);
    const wanted = target ? this.wanted(ship, target) : { x: width / 2 - ship.pos.x, y: height / 2 - ship.pos.y };
    const length = Math.hypot(wanted.x, wanted.y) || 1;
    ship.vel.x += ((wanted.x / length) * 7.5 - ship.vel.x) * seconds * 2.2;
    ship.vel.y += ((wanted.y / length) * 7.5 - ship.vel.y) * seconds * 2.2;
    ship.pos.x = Math.min(width - 1, Math.max(1, ship.pos.x + ship.vel.x * seconds));
    ship.pos.y = Math.min(height - 1, Math.max(1, ship.pos.y + ship.vel.y * seconds));
    if (target) this.shoot(ship, target, seconds);
  }

  /** Circles the target at some distance, away from walls and edges. */
  private wanted(ship: Row<ShipRow>, target: Row<ShipRow>): Vec {
    const dx = target.pos.x - ship.pos.x;
    const dy = target.pos.y - ship.pos.y;
    const distance = Math.hypot(dx, dy) || 1;
    const close = (distance - 8) / 5;
    const way = ship.slot % 2 === 0 ? 1 : -1;
    const wanted = { x: (dx * close - dy * way) / distance, y: (dy * close + dx * way) / distance };
    for (const wall of this.wall) {
      const gapX = ship.pos.x - wall.center.x;
      const gapY = ship.pos.y - wall.center.y;
      const outside = Math.hypot(Math.max(0, Math.abs(gapX) - wall.half.x), Math.max(0, Math.abs(gapY) - wall.half.y));
      const push = Math.max(0, 2.6 - outside) * 2.5;
      const far = Math.hypot(gapX, gapY) || 1;
      wanted.x += (gapX / far) * push;
      wanted.y += (gapY / far) * push;
    }
    wanted.x += (Math.max(0, 4 - ship.pos.x) - Math.max(0, ship.pos.x - width + 4)) * 0.8;
    wanted.y += (Math.max(0, 4 - ship.pos.y) - Math.max(0, ship.pos.y - height + 4)) * 0.8;
    return wanted;
  }

  private nearest(ship: Row<ShipRow>): Row<ShipRow> | undefined {
    let best: Row<ShipRow> | undefined;
    let bestDistance = Infinity;
    for (const other of this.ship) {
      if (other === ship || other.hp <= 0) continue;
      const distance =
        Math.hypot(other.pos.x - ship.pos.x, other.pos.y - ship.pos.y) + ((other.slot + ship.slot) % 3) * 4;
      if (distance < bestDistance) {
        best = other;
        bestDistance = distance;
      }
    }
    return best;
  }

  private shoot(ship: Row<ShipRow>, target: Row<ShipRow>, seconds: number): void {
    const dx = target.pos.x - ship.pos.x;
    const dy = target.pos.y - ship.pos.y;
    const lead = Math.hypot(dx, dy) / pulseSpeed;
    const aim = Math.atan2(dy + target.vel.y * lead, dx + target.vel.x * lead);
    const off = Math.atan2(Math.sin(aim - ship.angle), Math.cos(aim - ship.angle));
    ship.angle += off * Math.min(1, seconds * 7);
    if (this.tick < ship.gunAt || lead > 0.75) return;
    const burst = Math.floor(this.tick / 24 + ship.slot) % 3;
    ship.gunAt = this.tick + (burst === 0 ? 30 : 5);
    const turn = ship.angle + (this.random() - 0.5) * 0.18;
    const origin = { x: ship.pos.x + Math.cos(turn) * 0.7, y: ship.pos.y + Math.sin(turn) * 0.7 };
    const vel = { x: Math.cos(turn) * pulseSpeed, y: Math.sin(turn) * pulseSpeed };
    this.projectile.add({ origin, vel, slot: ship.slot, side: -1, born: this.tick, ends: this.tick + 36 });
  }

  private flyShot(shot: Row<ProjectileRow>): void {
    const seconds = (this.tick - shot.born) / rate;
    const x = shot.origin.x + shot.vel.x * seconds;
    const y = shot.origin.y + shot.vel.y * seconds;
    let gone = this.tick >= shot.ends || x < 0 || y < 0 || x > width || y > height;
    for (const wall of this.wall)
      gone ||= Math.abs(x - wall.center.x) < wall.half.x && Math.abs(y - wall.center.y) < wall.half.y;
    for (const ship of this.ship) {
      if (gone || ship.slot === shot.slot || ship.hp <= 0 || Math.hypot(ship.pos.x - x, ship.pos.y - y) > 0.7) continue;
      gone = true;
      this.strike(ship, shot.slot, { x, y });
    }
    if (gone) this.projectile.remove(shot.id);
  }

  private strike(ship: Row<ShipRow>, source: number, pos: Vec): void {
    ship.hp -= 12;
    this.emit(events.hit, { pos, target: ship.slot, source, damage: 12, weapon: 0 });
    if (ship.hp > 0) return;
    ship.hp = 0;
    ship.respawnAt = this.tick + rate * 2;
    this.emit(events.kill, { pos: { ...ship.pos }, victim: ship.slot, killer: source, assist: -1, weapon: 0 });
  }
}
