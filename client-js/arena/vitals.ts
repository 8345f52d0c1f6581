import type { Entity, Match } from "../src/index.ts";
import type { Camera } from "./camera.ts";
import { fade, palette, slotColor } from "./palette.ts";
import type { SpriteCache } from "./sprites.ts";
import { rules, tables } from "./tables.ts";
import type { ShipRow } from "./tables.ts";

type Ship = Entity & ShipRow;

/** A short word over a ship. */
export interface Bubble {
  slot: number;
  text: string;
  until: number;
}

const markerLimit = 6;
const barWidth = 46;
/** Names over ships are cut behind so many CSS pixels. */
const longestName = 130;
/** What the instruments take of the lower edge, in CSS pixels. */
const panelHeight = 88;

/** What is written over the picture: names, bars, markers, sight. Everything in CSS pixels; ratio is device pixels to one of them. */
export class Vitals {
  /** Whether to keep the lower edge free for thumbs. */
  touch = false;
  private hitUntil = 0;
  private killUntil = 0;

  constructor(private readonly sprites: SpriteCache) {}

  /** The own shot landed: the sight says so for a moment. */
  confirm(kill: boolean): void {
    this.hitUntil = performance.now() + 130;
    if (kill) this.killUntil = performance.now() + 380;
  }

  drawLabels(
    g: CanvasRenderingContext2D,
    camera: Camera,
    match: Match,
    ratio: number,
    bubbles: readonly Bubble[],
  ): void {
    g.setTransform(1, 0, 0, 1, 0, 0);
    for (const ship of match.entities<ShipRow>(tables.ship)) {
      if (!camera.sees(ship.pos.x, ship.pos.y, 2)) continue;
      const x = Math.round(camera.screenX(ship.pos.x));
      const y = Math.round(camera.screenY(ship.pos.y) - camera.scale * 1.05);
      if (ship.hp > 0) this.drawBars(g, match, ship, x, y, ratio);
      if (ship.hp > 0 && ship.slot === match.slot) drawPointer(g, x, y - 15 * ratio, ratio);
      else if (ship.hp > 0) this.drawName(g, match, ship, x, y - 12 * ratio, ratio);
      const bubble = bubbles.find((candidate) => candidate.slot === ship.slot);
      if (bubble) this.drawBubble(g, bubble, x, y - 34 * ratio, ratio);
    }
  }

  private drawName(g: CanvasRenderingContext2D, match: Match, ship: Ship, x: number, y: number, ratio: number): void {
    const entry = match.roster.get(ship.slot);
    if (!entry) return;
    const sprite = this.sprites.name(
      entry.name,
      entry.bot ? palette.muted : palette.text,
      12 * ratio,
      longestName * ratio,
    );
    g.drawImage(sprite, Math.round(x - sprite.width / 2), Math.round(y - sprite.height / 2));
  }

  private drawBars(g: CanvasRenderingContext2D, match: Match, ship: Ship, x: number, y: number, ratio: number): void {
    const own = ship.slot === match.slot;
    const width = (own && this.touch ? 64 : barWidth) * ratio;
    const height = 4 * ratio;
    const left = Math.round(x - width / 2);
    g.fillStyle = "rgba(4, 7, 15, 0.75)";
    g.fillRect(left - ratio, y - ratio, width + 2 * ratio, height + 2 * ratio);
    const part = Math.max(0, ship.hp) / rules.maxHp;
    g.fillStyle = part < 0.35 ? palette.danger : slotColor(ship.slot, ship.side, match.slot);
    g.fillRect(left, y, width * part, height);
    if (ship.shield > 0) {
      g.fillStyle = palette.shield;
      g.fillRect(left, y - 3 * ratio, width * Math.min(1, ship.shield / rules.maxShield), 2 * ratio);
    }
    if (!own) return;
    g.fillStyle = "rgba(4, 7, 15, 0.75)";
    g.fillRect(left - ratio, y + height + ratio, width + 2 * ratio, 3 * ratio);
    g.fillStyle = ship.energy < rules.dashEnergy ? "#8b96ad" : palette.text;
    g.fillRect(left, y + height + ratio, (width * Math.max(0, ship.energy)) / rules.maxEnergy, 2 * ratio);
  }

  private drawBubble(g: CanvasRenderingContext2D, bubble: Bubble, x: number, y: number, ratio: number): void {
    const sprite = this.sprites.label(bubble.text, "#10182a", 14 * ratio, true);
    const width = sprite.width + 16 * ratio;
    const height = 26 * ratio;
    g.fillStyle = palette.text;
    g.beginPath();
    g.roundRect(x - width / 2, y - height / 2, width, height, 8 * ratio);
    g.moveTo(x - 6 * ratio, y + height / 2);
    g.lineTo(x, y + height / 2 + 7 * ratio);
    g.lineTo(x + 6 * ratio, y + height / 2);
    g.fill();
    g.drawImage(sprite, Math.round(x - sprite.width / 2), Math.round(y - sprite.height / 2));
  }

  /** Arrows at the edge of the view towards the nearest enemies outside of it. */
  drawMarkers(g: CanvasRenderingContext2D, camera: Camera, match: Match, own: Ship, ratio: number): void {
    g.setTransform(1, 0, 0, 1, 0, 0);
    const outside: { ship: Ship; distance: number }[] = [];
    for (const ship of match.entities<ShipRow>(tables.ship)) {
      if (
        ship.hp <= 0 ||
        ship.slot === match.slot ||
        (own.side >= 0 && ship.side === own.side) ||
        camera.sees(ship.pos.x, ship.pos.y, -0.5)
      )
        continue;
      outside.push({ ship, distance: Math.hypot(ship.pos.x - own.pos.x, ship.pos.y - own.pos.y) });
    }
    outside.sort((a, b) => a.distance - b.distance);
    for (const { ship, distance } of outside.slice(0, markerLimit))
      this.drawMarker(g, camera, match, ship, distance, ratio);
  }

  private drawMarker(
    g: CanvasRenderingContext2D,
    camera: Camera,
    match: Match,
    ship: Ship,
    distance: number,
    ratio: number,
  ): void {
    const dx = camera.screenX(ship.pos.x) - camera.width / 2;
    const dy = camera.screenY(ship.pos.y) - camera.height / 2;
    const margin = 22 * ratio;
    const below = dy > 0 && !this.touch ? panelHeight * ratio : margin;
    const part = Math.min(
      (camera.width / 2 - margin) / Math.abs(dx || 1),
      (camera.height / 2 - below) / Math.abs(dy || 1),
    );
    const size = ratio * Math.max(6, 13 - distance * 0.14);
    g.save();
    g.translate(camera.width / 2 + dx * part, camera.height / 2 + dy * part);
    g.rotate(Math.atan2(dy, dx));
    g.fillStyle = fade(slotColor(ship.slot, ship.side, match.slot), 0.9);
    g.beginPath();
    g.moveTo(size, 0);
    g.lineTo(-size * 0.7, size * 0.75);
    g.lineTo(-size * 0.25, 0);
    g.lineTo(-size * 0.7, -size * 0.75);
    g.fill();
    g.restore();
  }

  /** The sight at x, y in device pixels: hits, the rail's charge and readiness of the gun. */
  drawSight(
    g: CanvasRenderingContext2D,
    x: number,
    y: number,
    own: Ship | undefined,
    tick: number,
    ratio: number,
  ): void {
    const now = performance.now();
    const radius = 11 * ratio;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.lineCap = "round";
    g.strokeStyle = now < this.killUntil ? palette.danger : now < this.hitUntil ? palette.warm : palette.text;
    g.lineWidth = 2 * ratio;
    g.beginPath();
    for (let i = 0; i < 4; i++) {
      const turn = (i * Math.PI) / 2 + (now < this.hitUntil ? Math.PI / 4 : 0);
      const inner = now < this.hitUntil ? radius * 0.45 : radius * 0.7;
      g.moveTo(x + Math.cos(turn) * inner, y + Math.sin(turn) * inner);
      g.lineTo(x + Math.cos(turn) * radius * 1.25, y + Math.sin(turn) * radius * 1.25);
    }
    g.stroke();
    g.fillStyle = palette.text;
    g.fillRect(x - ratio, y - ratio, 2 * ratio, 2 * ratio);
    if (!own || own.hp <= 0 || own.chargeFrom <= 0) return;
    const part = Math.min(1, Math.max(0, (tick - own.chargeFrom) / rules.railTicks));
    g.strokeStyle = part >= 1 ? "#ffffff" : palette.warm;
    g.lineWidth = 3.5 * ratio;
    g.beginPath();
    g.arc(x, y, radius * 1.9, -Math.PI / 2, -Math.PI / 2 + part * Math.PI * 2);
    g.stroke();
  }

  /** Hull, shield and energy along the lower edge. */
  drawPanel(g: CanvasRenderingContext2D, camera: Camera, own: Ship, tick: number, ratio: number): void {
    if (this.touch) return;
    const width = 300 * ratio;
    const x = Math.round(camera.width / 2 - width / 2);
    const y = Math.round(camera.height - 60 * ratio);
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.fillStyle = "rgba(7, 12, 24, 0.7)";
    g.beginPath();
    g.roundRect(x - 14 * ratio, y - 13 * ratio, width + 28 * ratio, 62 * ratio, 10 * ratio);
    g.fill();
    this.drawHull(g, own, x, y, width, ratio);
    this.drawEnergy(g, own, tick, x, y + 20 * ratio, width, ratio);
  }

  private drawHull(g: CanvasRenderingContext2D, own: Ship, x: number, y: number, width: number, ratio: number): void {
    const cells = 10;
    const gap = 3 * ratio;
    const cell = (width - gap * (cells - 1)) / cells;
    const hp = Math.max(0, own.hp);
    for (let i = 0; i < cells; i++) {
      const part = Math.min(1, Math.max(0, (hp / rules.maxHp) * cells - i));
      const left = x + i * (cell + gap);
      g.fillStyle = "rgba(120, 150, 200, 0.18)";
      g.fillRect(left, y, cell, 12 * ratio);
      g.fillStyle = hp < rules.maxHp * 0.35 ? palette.danger : palette.cold;
      g.fillRect(left, y, cell * part, 12 * ratio);
    }
    g.fillStyle = palette.shield;
    if (own.shield > 0) g.fillRect(x, y - 6 * ratio, (width * own.shield) / rules.maxShield, 4 * ratio);
  }

  private drawEnergy(
    g: CanvasRenderingContext2D,
    own: Ship,
    tick: number,
    x: number,
    y: number,
    width: number,
    ratio: number,
  ): void {
    const energy = Math.max(0, own.energy) / rules.maxEnergy;
    const ready = own.energy >= rules.dashEnergy && tick >= own.dashAt;
    g.fillStyle = "rgba(120, 150, 200, 0.18)";
    g.fillRect(x, y, width, 6 * ratio);
    g.fillStyle = ready ? palette.warm : "#8b7a5c";
    g.fillRect(x, y, width * energy, 6 * ratio);
    g.fillStyle = "rgba(4, 7, 15, 0.9)";
    for (let i = 1; i * rules.dashEnergy < rules.maxEnergy; i++)
      g.fillRect(x + (width * i * rules.dashEnergy) / rules.maxEnergy, y, 2 * ratio, 6 * ratio);
    const hint = this.sprites.label(ready ? "dash ready" : "energy", ready ? palette.warm : palette.muted, 11 * ratio);
    g.drawImage(hint, Math.round(x + width - hint.width), y + 9 * ratio);
    const hull = this.sprites.label(
      `hull ${Math.max(0, own.hp)}${own.shield > 0 ? `  shield ${own.shield}` : ""}`,
      palette.text,
      11 * ratio,
    );
    g.drawImage(hull, Math.round(x), y + 9 * ratio);
  }
}

/** A small arrow down to the own ship, for when many look alike. */
function drawPointer(g: CanvasRenderingContext2D, x: number, y: number, ratio: number): void {
  g.fillStyle = palette.text;
  g.beginPath();
  g.moveTo(x - 5 * ratio, y);
  g.lineTo(x + 5 * ratio, y);
  g.lineTo(x, y + 6 * ratio);
  g.fill();
}
