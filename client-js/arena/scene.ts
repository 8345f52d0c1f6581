import type { Entity, Match, Unsubscribe } from "../src/index.ts";
import { Backdrop } from "./backdrop.ts";
import { Camera } from "./camera.ts";
import { Effects } from "./effects.ts";
import { palette, slotColor } from "./palette.ts";
import { Fleet } from "./ships.ts";
import type { Sound } from "./sound.ts";
import { SpriteCache } from "./sprites.ts";
import { events, kinds, tables } from "./tables.ts";
import type {
  DashEvent,
  EmoteEvent,
  HitEvent,
  KillEvent,
  MatchRow,
  RailEvent,
  ShipRow,
  SpawnedEvent,
  TakenEvent,
} from "./tables.ts";
import { drawTerrain } from "./terrain.ts";
import { Vitals } from "./vitals.ts";
import type { Bubble } from "./vitals.ts";

/** World area that is in the picture, in square metres: 34 x 19 on a wide screen. */
const viewArea = 646;
const slowFrameMs = 23;
const smoothFrameMs = 18;
const leastQuality = 0.6;
const qualityStep = 0.2;
/** Smooth frames in a row before more pixels are tried again. */
const calmFrames = 600;
/** How far beyond the map's edge the view goes, in metres. */
const overscan = 2.5;
/** Heights of what lies over the picture on a phone, in CSS pixels: the plates and buttons above, the thumbs below. */
const platesHeight = 118;
const thumbHeight = 215;

export const emotes = ["GG", "Nice shot", "Oops", "Catch me"] as const;

/** What the frame is drawn with; aim is where the sight is, in CSS pixels, undefined to hide it and the instruments. */
export interface View {
  aim: { x: number; y: number } | undefined;
  touch: boolean;
}

/** Draws a match on the page's canvas. */
export class Scene {
  readonly camera: Camera;
  private readonly g: CanvasRenderingContext2D;
  private readonly sprites = new SpriteCache();
  private readonly effects = new Effects();
  private readonly fleet = new Fleet(this.sprites, this.effects);
  private readonly backdrop = new Backdrop();
  private readonly vitals = new Vitals(this.sprites);
  /** Whether the player wants little motion. */
  readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  /** Slots whose emotes are not shown. */
  muted: (slot: number) => boolean = () => false;
  private pictured = "";
  private match: Match | undefined;
  private unsubscribe: Unsubscribe[] = [];
  private bubbles: Bubble[] = [];
  private last = 0;
  private ownBefore: { gunAt: number; chargeFrom: number; dashUntil: number } | undefined;
  private quality = 1;
  private frameMs = 16;
  private smoothFrames = 0;
  private bestQuality = 1;
  private ratio = 1;
  private focused = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly sound: Sound,
  ) {
    const g = canvas.getContext("2d", { alpha: false });
    if (!g) throw new Error("this browser has no 2D canvas");
    this.g = g;
    this.camera = new Camera(() => this.calm.matches);
    addEventListener("resize", () => this.resize());
    this.resize();
  }

  /** Shows this match from now on. */
  attach(match: Match): void {
    for (const stop of this.unsubscribe) stop();
    this.match = match;
    this.pictured = "";
    this.focused = false;
    this.ownBefore = undefined;
    this.bubbles = [];
    this.effects.clear();
    this.fleet.clear();
    this.unsubscribe = [
      match.onEvent<HitEvent>(events.hit, (event) => this.hit(match, event)),
      match.onEvent<KillEvent>(events.kill, (event) => this.kill(match, event)),
      match.onEvent<RailEvent>(events.rail, (event) => this.rail(match, event)),
      match.onEvent<DashEvent>(events.dash, (event) => this.dash(match, event)),
      match.onEvent<TakenEvent>(events.taken, (event) => this.taken(event)),
      match.onEvent<SpawnedEvent>(events.spawned, (event) => this.spawned(match, event)),
      match.onEvent<EmoteEvent>(events.emote, (event) => this.emote(event)),
    ];
  }

  /** The player's own ship or wreck. */
  ownShip(): (Entity & ShipRow) | undefined {
    const { match } = this;
    if (!match || match.slot < 0) return undefined;
    for (const ship of match.entities<ShipRow>(tables.ship)) if (ship.slot === match.slot) return ship;
    return undefined;
  }

  /** Where a point of the world is on the page, in CSS pixels. */
  toPage(x: number, y: number): { x: number; y: number } {
    return { x: this.camera.screenX(x) / this.ratio, y: this.camera.screenY(y) / this.ratio };
  }

  /** Draws a picture that stands still: once, and again only when the window has another size. */
  drawStill(now: number): void {
    const picture = `${innerWidth} ${innerHeight} ${devicePixelRatio}`;
    if (this.pictured === picture) return;
    this.draw(now, { aim: undefined, touch: false });
    this.pictured = picture;
  }

  /** Draws one frame; match.frame(now) must be called before. */
  draw(now: number, view: View): void {
    const { match } = this;
    this.pictured = "";
    if (!match) return;
    const seconds = Math.min(0.1, Math.max(0, (now - this.last) / 1000));
    this.adapt(now - this.last);
    this.last = now;
    const own = this.ownShip();
    const row = match.single<MatchRow>(tables.match);
    const size = row?.size ?? { x: 48, y: 32 };
    this.aimCamera(match, own, size, seconds, view);
    this.camera.update(seconds, now);
    this.fleet.update(match, seconds);
    this.effects.update(seconds);
    this.answer(match, own);
    this.paint(match, own, size);
    this.paintOver(match, own, now, view);
  }

  private paint(match: Match, own: (Entity & ShipRow) | undefined, size: { x: number; y: number }): void {
    const { g, camera } = this;
    g.globalAlpha = 1;
    g.globalCompositeOperation = "source-over";
    this.backdrop.draw(g, camera, size, (match.predictedTick / match.tickRate) % 1);
    drawTerrain(g, camera, this.sprites, match);
    this.fleet.drawShots(g, camera, match, own);
    this.fleet.draw(g, camera, match, own);
    this.effects.draw(g, camera, this.sprites);
  }

  private paintOver(match: Match, own: (Entity & ShipRow) | undefined, now: number, view: View): void {
    if (match.slot < 0) return;
    const { g, camera, vitals, ratio } = this;
    vitals.touch = view.touch;
    this.bubbles = this.bubbles.filter((bubble) => bubble.until > now);
    vitals.drawLabels(g, camera, match, ratio, this.bubbles);
    if (!view.aim) return;
    if (own) {
      vitals.drawMarkers(g, camera, match, own, ratio);
      vitals.drawPanel(g, camera, own, match.predictedTick, ratio);
    }
    vitals.drawSight(g, view.aim.x * ratio, view.aim.y * ratio, own, match.predictedTick, ratio);
  }

  /** The camera follows the own ship, a little ahead of where it aims. */
  private aimCamera(
    match: Match,
    own: (Entity & ShipRow) | undefined,
    size: { x: number; y: number },
    seconds: number,
    view: View,
  ): void {
    if (match.slot < 0) {
      const turn = match.renderTick / 400;
      this.camera.follow(
        size.x / 2 + Math.cos(turn) * 5 - 5,
        size.y / 2 + Math.sin(turn * 1.3) * 4,
        seconds,
        this.focused ? 0.6 : 0,
      );
      this.focused = true;
      return;
    }
    if (!own) {
      if (!this.focused) this.camera.follow(size.x / 2, size.y / 2, seconds, 0);
      return;
    }
    const reach = Math.min(3.6, (Math.min(this.camera.width, this.camera.height) / this.camera.scale) * 0.17);
    let ahead = own.hp > 0 ? reach : 0;
    if (view.aim && own.hp > 0) {
      const page = this.toPage(own.pos.x, own.pos.y);
      const part = Math.hypot(view.aim.x - page.x, view.aim.y - page.y) / (Math.min(innerWidth, innerHeight) * 0.45);
      ahead = reach * Math.min(1, part);
    }
    const halfWidth = this.camera.width / this.camera.scale / 2;
    const halfHeight = this.camera.height / this.camera.scale / 2;
    const above = view.touch ? (platesHeight * this.ratio) / this.camera.scale : overscan;
    const below = view.touch ? (thumbHeight * this.ratio) / this.camera.scale : overscan;
    const x = within(own.pos.x + Math.cos(own.angle) * ahead, halfWidth - overscan, size.x - halfWidth + overscan);
    const y = within(own.pos.y + Math.sin(own.angle) * ahead, halfHeight - above, size.y - halfHeight + below);
    this.camera.follow(x, y, seconds, this.focused ? 0.13 : 0);
    this.focused = true;
  }

  /**
   * The own ship answers in the frame a button is pressed in: its cooldowns are
   * predicted, while the shots themselves come from the server a round trip later.
   */
  private answer(match: Match, own: (Entity & ShipRow) | undefined): void {
    const before = this.ownBefore;
    const now =
      own && own.hp > 0 ? { gunAt: own.gunAt, chargeFrom: own.chargeFrom, dashUntil: own.dashUntil } : undefined;
    this.ownBefore = now;
    if (!own || !now || !before) return;
    const color = slotColor(own.slot, own.side, match.slot);
    const x = own.pos.x + Math.cos(own.angle) * 0.8;
    const y = own.pos.y + Math.sin(own.angle) * 0.8;
    if (now.dashUntil > before.dashUntil) {
      this.effects.ring(own.pos.x, own.pos.y, 1.5, 0.3, color);
      this.sound.dash(1);
    }
    if (now.gunAt <= before.gunAt) return;
    const rail = before.chargeFrom > 0 && now.chargeFrom === 0;
    this.effects.puff(x, y, 0, 0, rail ? 2.4 : 1.2, rail ? 0.2 : 0.09, color);
    if (rail) this.sound.rail(1);
    else this.sound.shot(1);
    if (rail) this.camera.bump(0.3);
  }

  private hit(match: Match, event: HitEvent): void {
    const color = event.damage > 0 ? palette.warm : palette.text;
    this.effects.sparks(event.pos.x, event.pos.y, event.weapon === 1 ? 16 : 7, 7, color);
    if (event.damage <= 0) return;
    this.fleet.flash(match, event.target);
    this.sound.hit(this.loudness(event.pos));
    if (event.target === match.slot) this.camera.bump(Math.min(0.6, 0.16 + event.damage / 130));
    if (event.source === match.slot && event.target !== match.slot) {
      this.vitals.confirm(false);
      this.sound.confirm();
    }
  }

  private kill(match: Match, event: KillEvent): void {
    this.effects.explosion(event.pos.x, event.pos.y, this.colorOf(match, event.victim));
    this.sound.explosion(this.loudness(event.pos));
    const near = this.camera.sees(event.pos.x, event.pos.y, 0);
    this.camera.bump(event.victim === match.slot ? 0.9 : near ? 0.35 : 0);
    if (event.killer === match.slot) this.vitals.confirm(true);
  }

  private rail(match: Match, event: RailEvent): void {
    this.effects.beam(event.from.x, event.from.y, event.to.x, event.to.y, this.colorOf(match, event.slot));
    this.effects.sparks(event.to.x, event.to.y, 10, 6, palette.text);
    if (event.slot === match.slot) return;
    this.effects.puff(event.from.x, event.from.y, 0, 0, 2.4, 0.2, this.colorOf(match, event.slot));
    this.sound.rail(this.loudness(event.from));
  }

  private dash(match: Match, event: DashEvent): void {
    if (event.slot === match.slot) return;
    this.effects.ring(event.pos.x, event.pos.y, 1.5, 0.3, this.colorOf(match, event.slot));
    this.sound.dash(this.loudness(event.pos));
  }

  private taken(event: TakenEvent): void {
    const color =
      event.kind === kinds.repair ? palette.repair : event.kind === kinds.shield ? palette.shield : palette.warm;
    this.effects.ring(event.pos.x, event.pos.y, 1.8, 0.45, color);
    this.effects.sparks(event.pos.x, event.pos.y, 12, 4, color);
    this.sound.pickup(this.loudness(event.pos));
  }

  private spawned(match: Match, event: SpawnedEvent): void {
    const color = this.colorOf(match, event.slot);
    this.effects.ring(event.pos.x, event.pos.y, 2.4, 0.6, color);
    this.effects.ring(event.pos.x, event.pos.y, 1.3, 0.45, palette.text);
  }

  private emote(event: EmoteEvent): void {
    if (this.muted(event.slot)) return;
    this.bubbles = this.bubbles.filter((bubble) => bubble.slot !== event.slot);
    this.bubbles.push({ slot: event.slot, text: emotes[event.kind] ?? "", until: performance.now() + 2200 });
  }

  private colorOf(match: Match, slot: number): string {
    return slotColor(slot, match.roster.get(slot)?.team ?? -1, match.slot);
  }

  /** How loud something there is, 0 to 1; behind the menu all is quiet. */
  private loudness(pos: { x: number; y: number }): number {
    if (!this.match || this.match.slot < 0) return 0;
    const distance = Math.hypot(pos.x - this.camera.x, pos.y - this.camera.y);
    return Math.max(0, 1 - distance / 26) ** 1.5;
  }

  private resize(): void {
    this.ratio = Math.min(2, devicePixelRatio || 1) * this.quality;
    const width = Math.max(1, Math.round(innerWidth * this.ratio));
    const height = Math.max(1, Math.round(innerHeight * this.ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.camera.resize(width, height, viewArea);
    this.sprites.setScale(this.camera.scale);
  }

  /** Draws fewer pixels where the machine can't keep up, and tries more again after a smooth time. */
  private adapt(frameMs: number): void {
    if (frameMs <= 0 || frameMs > 200 || document.hidden) return;
    this.frameMs += (frameMs - this.frameMs) * 0.02;
    this.smoothFrames = this.frameMs < smoothFrameMs ? this.smoothFrames + 1 : 0;
    if (this.frameMs > slowFrameMs && this.quality > leastQuality) {
      this.bestQuality = Math.max(leastQuality, this.bestQuality - qualityStep / 4);
      this.setQuality(Math.max(leastQuality, this.quality - qualityStep));
    } else if (this.smoothFrames > calmFrames && this.quality + qualityStep / 2 < this.bestQuality) {
      this.setQuality(Math.min(1, this.quality + qualityStep));
    }
  }

  private setQuality(quality: number): void {
    this.quality = quality;
    this.frameMs = 16;
    this.smoothFrames = 0;
    this.resize();
  }
}

/** value held between least and most; their middle where they leave no room. */
function within(value: number, least: number, most: number): number {
  return least > most ? (least + most) / 2 : Math.min(most, Math.max(least, value));
}
