import type { Entity, Match } from "../src/index.ts";
import type { Camera } from "./camera.ts";
import type { Effects } from "./effects.ts";
import { allegiance, fade, palette, slotColor } from "./palette.ts";
import { diamond, type SpriteCache } from "./sprites.ts";
import { projectileAt, rules, tables } from "./tables.ts";
import type { ProjectileRow, ShipRow } from "./tables.ts";

/** What the picture remembers of a ship between frames. */
interface Trail {
  x: number;
  y: number;
  vx: number;
  vy: number;
  /** 1 just after a hit, fading to 0. */
  flash: number;
  nextPuff: number;
  seen: number;
}

/** Ships and their shots. */
export class Fleet {
  private readonly trails = new Map<number, Trail>();
  private frame = 0;
  /** The player's team; also while the own ship is a wreck that is gone. */
  private ownTeam = -1;

  constructor(
    private readonly sprites: SpriteCache,
    private readonly effects: Effects,
  ) {}

  clear(): void {
    this.trails.clear();
    this.ownTeam = -1;
  }

  /** Makes the ship in this slot light up: it was hit. */
  flash(match: Match, slot: number): void {
    for (const ship of match.entities<ShipRow>(tables.ship)) {
      const trail = ship.slot === slot ? this.trails.get(ship.id) : undefined;
      if (trail) trail.flash = 1;
    }
  }

  /** Metres per second that the picture of a ship moves at. */
  speedOf(id: number): { x: number; y: number } {
    const trail = this.trails.get(id);
    return { x: trail?.vx ?? 0, y: trail?.vy ?? 0 };
  }

  /** Advances trails and drive flames by a frame. */
  update(match: Match, seconds: number): void {
    this.frame++;
    for (const ship of match.entities<ShipRow>(tables.ship)) {
      const { x, y } = ship.pos;
      const trail = this.trails.get(ship.id) ?? this.start(ship.id, x, y);
      const jumped = Math.hypot(x - trail.x, y - trail.y) > 3;
      if (seconds > 0 && !jumped) {
        const part = Math.min(1, seconds * 12);
        trail.vx += ((x - trail.x) / seconds - trail.vx) * part;
        trail.vy += ((y - trail.y) / seconds - trail.vy) * part;
      }
      trail.x = x;
      trail.y = y;
      trail.flash = Math.max(0, trail.flash - seconds * 6);
      trail.seen = this.frame;
      this.puff(match, ship, trail, seconds);
    }
    for (const [id, trail] of this.trails) {
      if (trail.seen !== this.frame) this.trails.delete(id);
    }
  }

  private start(id: number, x: number, y: number): Trail {
    const trail = { x, y, vx: 0, vy: 0, flash: 0, nextPuff: 0, seen: 0 };
    this.trails.set(id, trail);
    return trail;
  }

  private puff(match: Match, ship: Entity & ShipRow, trail: Trail, seconds: number): void {
    trail.nextPuff -= seconds;
    if (trail.nextPuff > 0) return;
    const color = slotColor(ship.slot, ship.side, match.slot);
    if (ship.hp <= 0) {
      trail.nextPuff = 0.09;
      this.effects.puff(ship.pos.x, ship.pos.y, Math.random() - 0.5, -0.6 - Math.random(), 0.9, 0.9, "#5a4638");
      return;
    }
    if (tickOf(match, ship) <= ship.dashUntil) {
      trail.nextPuff = 0.012;
      this.effects.puff(ship.pos.x, ship.pos.y, 0, 0, 1.7, 0.36, color);
      return;
    }
    const speed = Math.hypot(trail.vx, trail.vy);
    if (speed < 1.5) return;
    trail.nextPuff = 0.026;
    const back = 0.55 / speed;
    this.effects.puff(
      ship.pos.x - trail.vx * back,
      ship.pos.y - trail.vy * back,
      -trail.vx * 0.15,
      -trail.vy * 0.15,
      0.5,
      0.34,
      color,
    );
  }

  /** Draws all ships; the camera's transform must be set. */
  draw(g: CanvasRenderingContext2D, camera: Camera, match: Match, own: (Entity & ShipRow) | undefined): void {
    if (own) this.ownTeam = own.side;
    const foeMark = diamond(0, 0, rules.shipRadius * 2.1);
    for (const ship of match.entities<ShipRow>(tables.ship)) {
      if (!camera.sees(ship.pos.x, ship.pos.y, 2)) continue;
      const trail = this.trails.get(ship.id);
      g.save();
      g.translate(ship.pos.x, ship.pos.y);
      if (ship.hp <= 0) this.drawWreck(g, ship);
      else {
        if (match.slot >= 0) this.drawMark(g, match, ship, foeMark);
        this.drawShip(g, match, ship, trail);
      }
      g.restore();
    }
  }

  /** Friends fly in a circle, foes in a diamond, so that they differ without colours, too. */
  private drawMark(g: CanvasRenderingContext2D, match: Match, ship: Entity & ShipRow, foeMark: Path2D): void {
    const kind = allegiance(ship.slot, ship.side, match.slot, this.ownTeam);
    if (kind === "own") return;
    g.strokeStyle = fade(slotColor(ship.slot, ship.side, match.slot), kind === "foe" ? 0.6 : 0.75);
    g.lineWidth = 0.05;
    if (kind === "foe") return g.stroke(foeMark);
    g.beginPath();
    g.arc(0, 0, rules.shipRadius * 1.75, 0, Math.PI * 2);
    g.stroke();
  }

  private drawWreck(g: CanvasRenderingContext2D, ship: Entity & ShipRow): void {
    const u = rules.shipRadius;
    g.rotate(ship.angle + 0.4);
    g.globalAlpha = 0.4;
    g.drawImage(this.sprites.ship("#6c7690", ship.side, "#6c7690"), -u * 2.6, -u * 2.6, u * 5.2, u * 5.2);
    g.globalAlpha = 1;
  }

  private drawShip(g: CanvasRenderingContext2D, match: Match, ship: Entity & ShipRow, trail: Trail | undefined): void {
    const u = rules.shipRadius;
    const tick = tickOf(match, ship);
    const color = slotColor(ship.slot, ship.side, match.slot);
    g.globalCompositeOperation = "lighter";
    g.globalAlpha = 0.55;
    g.drawImage(this.sprites.glow(color), -u * 2.8, -u * 2.8, u * 5.6, u * 5.6);
    g.globalAlpha = 1;
    this.drawFlame(g, trail, color);
    g.globalCompositeOperation = "source-over";
    g.save();
    g.rotate(ship.angle);
    if (tick <= ship.protectUntil && Math.floor(tick / 3) % 2 === 0) g.globalAlpha = 0.45;
    g.drawImage(
      this.sprites.ship(color, ship.side, ship.slot === match.slot ? "#ffffff" : color),
      -u * 2.6,
      -u * 2.6,
      u * 5.2,
      u * 5.2,
    );
    if (trail && trail.flash > 0) {
      g.globalAlpha = trail.flash * 0.9;
      g.drawImage(this.sprites.flash(ship.side), -u * 2.6, -u * 2.6, u * 5.2, u * 5.2);
    }
    g.globalAlpha = 1;
    if (ship.chargeFrom > 0)
      this.drawCharge(g, Math.min(1, Math.max(0, (tick - ship.chargeFrom) / rules.railTicks)), color);
    g.restore();
    this.drawShields(g, ship, tick);
  }

  private drawFlame(g: CanvasRenderingContext2D, trail: Trail | undefined, color: string): void {
    const speed = trail ? Math.hypot(trail.vx, trail.vy) : 0;
    if (!trail || speed < 0.8) return;
    g.save();
    g.rotate(Math.atan2(trail.vy, trail.vx));
    const length = Math.min(1, speed / 9) * (0.85 + Math.random() * 0.3);
    g.drawImage(this.sprites.flame(color), -0.35 - 1.1 * length, -0.4, 1.4 * length, 0.8);
    g.restore();
  }

  /** A rail that is being charged: everyone can see it coming. */
  private drawCharge(g: CanvasRenderingContext2D, part: number, color: string): void {
    g.globalCompositeOperation = "lighter";
    const size = 0.5 + part * 1.4 + (part >= 1 ? Math.random() * 0.2 : 0);
    g.drawImage(this.sprites.glow(part >= 1 ? "#ffffff" : color), 0.75 - size / 2, -size / 2, size, size);
    g.strokeStyle = fade(color, 0.12 + part * 0.3);
    g.lineWidth = 0.04 + part * 0.04;
    g.beginPath();
    g.moveTo(0.9, 0);
    g.lineTo(0.9 + part * 7, 0);
    g.stroke();
    g.globalCompositeOperation = "source-over";
  }

  private drawShields(g: CanvasRenderingContext2D, ship: Entity & ShipRow, tick: number): void {
    const u = rules.shipRadius;
    const protectedNow = tick <= ship.protectUntil;
    if (ship.shield > 0 || protectedNow) {
      const strength = protectedNow ? 0.8 : 0.3 + 0.6 * (ship.shield / rules.maxShield);
      g.strokeStyle = fade(protectedNow ? palette.text : palette.shield, strength);
      g.lineWidth = 0.07;
      g.beginPath();
      g.arc(0, 0, u * 1.75, 0, Math.PI * 2);
      g.stroke();
    }
    if (tick > ship.rapidUntil) return;
    g.strokeStyle = fade(palette.warm, 0.9);
    g.lineWidth = 0.09;
    for (let i = 0; i < 3; i++) {
      const turn = tick * 0.22 + (i * Math.PI * 2) / 3;
      g.beginPath();
      g.arc(0, 0, u * 2.05, turn, turn + 0.7);
      g.stroke();
    }
  }

  /** Draws all shots with additive light; the camera's transform must be set. */
  drawShots(g: CanvasRenderingContext2D, camera: Camera, match: Match, own: (Entity & ShipRow) | undefined): void {
    g.globalCompositeOperation = "lighter";
    for (const shot of match.entities<ProjectileRow>(tables.projectile)) {
      const { x, y } = projectileAt(shot, shotTick(match, shot, own), match.tickRate);
      if (!camera.sees(x, y, 1)) continue;
      const angle = Math.atan2(shot.vel.y, shot.vel.x);
      g.save();
      g.translate(x, y);
      g.rotate(angle);
      const foe = match.slot >= 0 && allegiance(shot.slot, shot.side, match.slot, this.ownTeam) === "foe";
      g.drawImage(this.sprites.pulse(slotColor(shot.slot, shot.side, match.slot), foe), -0.95, -0.4, 1.6, 0.8);
      g.restore();
    }
    g.globalCompositeOperation = "source-over";
  }
}

/** The tick that the picture of a ship is at: the own one is ahead of the others. */
function tickOf(match: Match, ship: Entity & ShipRow): number {
  return ship.slot === match.slot ? match.predictedTick : match.renderTick;
}

/**
 * The tick to draw a shot at. Others' ships are shown as they were some ticks
 * ago, the own ship as it will be. A shot must be right where it matters: the
 * own one at the muzzle and then among the others, others' near the own ship.
 */
function shotTick(match: Match, shot: ProjectileRow, own: (Entity & ShipRow) | undefined): number {
  const past = match.renderTick;
  const lead = match.predictedTick - past;
  if (!own || lead <= 0) return past;
  if (shot.slot === match.slot) return past + lead * Math.max(0, 1 - Math.max(0, past - shot.born) / 15);
  const { x, y } = projectileAt(shot, past, match.tickRate);
  const distance = Math.hypot(x - own.pos.x, y - own.pos.y);
  return past + lead * Math.min(1, Math.max(0, (12 - distance) / 8));
}
