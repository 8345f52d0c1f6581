import type { Match } from "../src/index.ts";
import { DemoMatch } from "./demo.ts";
import { element } from "./dom.ts";
import { NetGraph } from "./netgraph.ts";
import { Play } from "./play.ts";
import { Scene } from "./scene.ts";
import type { SendReport } from "./report.ts";
import { Silence } from "./silence.ts";
import { Sound } from "./sound.ts";

/** The picture: the match that is played, or the battle behind menu and room. */
export class Screen {
  play: Play | undefined;
  readonly sound = new Sound();
  private readonly silence = new Silence();
  private readonly canvas = element<HTMLCanvasElement>("scene");
  private readonly scene = new Scene(this.canvas, this.sound);
  private readonly netGraph = new NetGraph(element<HTMLCanvasElement>("netgraph"));
  private demo = new DemoMatch();

  constructor() {
    addEventListener("pointerdown", () => this.sound.unlock());
    addEventListener("keydown", () => this.sound.unlock());
  }

  /** Draws from now on, the battle first. */
  start(): void {
    this.showDemo();
    requestAnimationFrame((now) => this.frame(now));
  }

  /** Puts the player at the controls of a match; room is the private room's code, empty for a public match. */
  begin(match: Match, room: string, leave: () => void, report: SendReport): void {
    const { sound, silence } = this;
    this.play = new Play(match, this.scene, this.netGraph, this.canvas, element("touch"), {
      sound,
      silence,
      room,
      leave,
      report,
    });
  }

  /** Takes the controls away. It returns what was played, if anything. */
  end(): Play | undefined {
    const { play } = this;
    if (!play) return undefined;
    play.dispose();
    this.play = undefined;
    this.showDemo();
    return play;
  }

  /** Players who want little motion see a still picture of the battle. */
  private showDemo(): void {
    this.demo = new DemoMatch();
    if (this.scene.calm.matches) this.demo.skip(4);
    this.scene.attach(this.demo);
  }

  private frame(now: number): void {
    requestAnimationFrame((next) => this.frame(next));
    if (this.play) return this.play.frame(now);
    if (this.scene.calm.matches) return this.scene.drawStill(now);
    this.demo.frame(now);
    this.scene.draw(now, { aim: undefined, touch: false });
  }
}
