import type { Match } from "../src/index.ts";
import { Controls } from "./controls.ts";
import type { Intent } from "./controls.ts";
import { Hud } from "./hud.ts";
import type { NetGraph } from "./netgraph.ts";
import type { Scene, View } from "./scene.ts";
import { keepSeat } from "./seat.ts";
import type { SendReport } from "./report.ts";
import type { Silence } from "./silence.ts";
import type { Sound } from "./sound.ts";
import { buttons } from "./tables.ts";
import { TouchControls } from "./touch.ts";

const keepEveryMs = 5000;

/** A player at the controls of a match, from the moment it is joined until dispose. */
export class Play {
  private readonly hud: Hud;
  private readonly controls: Controls;
  private readonly touch: TouchControls;
  /** False while a dialog has the player's attention: the picture goes on without the sight. */
  atControls = true;
  /** Code of the private room that the match is of; empty for a public one. */
  readonly room: string;
  private nextKeep = 0;

  constructor(
    readonly match: Match,
    private readonly scene: Scene,
    private readonly netGraph: NetGraph,
    canvas: HTMLElement,
    touchRoot: HTMLElement,
    options: { sound: Sound; silence: Silence; room: string; leave: () => void; report: SendReport },
  ) {
    this.room = options.room;
    this.hud = new Hud(match, options.sound, options.silence, options.room, options.leave, options.report);
    scene.muted = (slot) => options.silence.isMuted(match.roster.get(slot)?.name ?? "");
    this.controls = new Controls(canvas, {
      emote: (index) => this.hud.emote(index),
      openChat: () => this.hud.openChat(),
      holdScores: (held) => this.hud.holdScores(held),
      toggleNetGraph: () => netGraph.toggle(),
      toggleSound: () => this.hud.toggleSound(),
      leave: options.leave,
    });
    this.touch = new TouchControls(canvas, touchRoot, this.controls);
    scene.attach(match);
  }

  dispose(): void {
    this.hud.dispose();
    this.controls.dispose();
    this.touch.dispose();
    this.scene.muted = () => false;
  }

  /** Lets go of all buttons, when something else has the player's attention. */
  release(): void {
    this.controls.release();
  }

  /** One animation frame: input first, so that it goes out with this very frame. */
  frame(now: number): void {
    const { match, scene } = this;
    const own = scene.ownShip();
    const ship = own ? scene.toPage(own.pos.x, own.pos.y) : { x: innerWidth / 2, y: innerHeight / 2 };
    const intent = this.controls.intent(now, ship.x, ship.y);
    match.setInput(inputOf(intent));
    match.frame(now);
    scene.draw(now, this.view(ship, intent));
    this.hud.update(now, own);
    this.netGraph.update(match, now);
    if (this.atControls) this.keep(now);
  }

  /** Keeps the seat in this tab, for a reload. */
  private keep(now: number): void {
    if (now < this.nextKeep) return;
    this.nextKeep = now + keepEveryMs;
    keepSeat({ saved: this.match.saved, room: this.room });
  }

  private view(ship: { x: number; y: number }, intent: Intent): View {
    const touch = document.body.classList.contains("touch");
    if (!this.atControls) return { aim: undefined, touch };
    if (!this.controls.aimsByDirection) return { aim: { x: this.controls.pointerX, y: this.controls.pointerY }, touch };
    const reach = Math.min(innerWidth, innerHeight) * 0.3;
    return { aim: { x: ship.x + Math.cos(intent.aim) * reach, y: ship.y + Math.sin(intent.aim) * reach }, touch };
  }
}

function inputOf(intent: Intent): { moveX: number; moveY: number; aim: number; buttons: number } {
  const held = (intent.fire ? buttons.fire : 0) | (intent.rail ? buttons.rail : 0) | (intent.dash ? buttons.dash : 0);
  const turn = Math.PI * 2;
  return { moveX: intent.moveX, moveY: intent.moveY, aim: ((intent.aim % turn) + turn) % turn, buttons: held };
}
