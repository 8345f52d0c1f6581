import { Client, CloseCode, ErrorCode } from "../src/index.ts";
import { Lobby } from "../src/lobby.ts";
import type { Match, PlayOptions, SearchProgress, TactusErrorLike } from "../src/types.ts";
import { DemoMatch } from "./demo.ts";
import { PauseDialog, ReconnectDialog, ResultDialog, SearchDialog } from "./dialogs.ts";
import { copyRoomLink } from "./hud.ts";
import { Menu, roomCode } from "./menu.ts";
import { NetGraph } from "./netgraph.ts";
import { element, toast, write } from "./page.ts";
import { Play } from "./play.ts";
import { Scene } from "./scene.ts";
import { forgetSeat, keepSeat, keptSeat } from "./seat.ts";
import type { KeptSeat } from "./seat.ts";
import { Sound } from "./sound.ts";

/** Replaced by the build with the URL of the arena's rules in WebAssembly. */
declare const ARENA_RULES: string;

/** What the page is doing; body[data-phase] has it too, for the style sheet. */
export type Phase = "menu" | "searching" | "resuming" | "playing" | "reconnecting" | "result";

const game = "arena";
/** Empty where the page was built without them: the own ship is then interpolated like the others. */
const rules = ARENA_RULES || undefined;
const keepEveryMs = 5000;
const longestRetryMs = 8000;
/** Errors after which the seat can't be had again, but another one can. */
const seatLost = new Set<number>([CloseCode.UnknownSession, ErrorCode.lost, ErrorCode.unreachable]);

/** What a screen reader hears when the phase changes. */
const announcements: Record<Phase, string> = {
  menu: "",
  searching: "Searching for a match",
  resuming: "Taking your seat again",
  playing: "In the match",
  reconnecting: "Connection lost",
  result: "Match over",
};

class Page {
  phase: Phase = "menu";
  play: Play | undefined;
  // Each tab is a player of its own: two tabs of one browser can meet in a match.
  private readonly client = new Client(undefined, { storage: sessionStorage });
  private readonly lobby = new Lobby(this.client);
  private readonly sound = new Sound();
  private readonly canvas = element<HTMLCanvasElement>("scene");
  private readonly scene = new Scene(this.canvas, this.sound);
  private readonly netGraph = new NetGraph(element<HTMLCanvasElement>("netgraph"));
  private readonly search = new SearchDialog();
  private readonly reconnect = new ReconnectDialog();
  private readonly result = new ResultDialog();
  private readonly pause = new PauseDialog();
  private readonly menu: Menu;
  private demo = new DemoMatch();
  private effort = new AbortController();
  private room = "";
  private nextKeep = 0;

  constructor() {
    this.menu = new Menu({
      play: (mode) => void this.find({ mode }, this.menu.titleOf(mode)),
      createRoom: (mode) => void this.createRoom(mode),
      joinRoom: (code) => void this.find({ room: code }, `Room ${code}`),
      joinMatch: (matchId, mode) => void this.find({ matchId, mode }, this.menu.titleOf(mode)),
      modes: async () => (await this.lobby.listGames()).games.find((known) => known.name === game)?.modes ?? [],
      openMatches: async () => this.lobby.listMatches({ game }),
    });
    addEventListener("pointerdown", () => this.sound.unlock());
    addEventListener("keydown", () => this.sound.unlock());
  }

  /** Comes back to this tab's seat after a reload, or opens the menu. */
  start(): void {
    this.scene.attach(this.demo);
    requestAnimationFrame((now) => this.frame(now));
    const kept = keptSeat();
    if (kept) {
      void this.comeBack(kept);
      return;
    }
    const invited = roomCode(location.search);
    this.openMenu();
    if (!invited) return;
    this.showRoom(invited);
    this.menu.invite(invited);
  }

  private frame(now: number): void {
    requestAnimationFrame((next) => this.frame(next));
    if (!this.play) {
      this.demo.frame(now);
      this.scene.draw(now, { aim: undefined, touch: false });
      return;
    }
    this.play.frame(now);
    if (this.phase !== "playing" || now < this.nextKeep) return;
    this.nextKeep = now + keepEveryMs;
    keepSeat({ saved: this.play.match.saved, room: this.room });
  }

  private setPhase(phase: Phase): void {
    this.phase = phase;
    document.body.dataset.phase = phase;
    write(element("announce"), announcements[phase]);
    if (!this.play) return;
    this.play.atControls = phase === "playing";
    if (phase !== "playing") this.play.release();
  }

  private openMenu(error?: unknown): void {
    this.endPlay();
    for (const dialog of [this.search, this.reconnect, this.result, this.pause]) dialog.close();
    forgetSeat();
    this.showRoom("");
    this.setPhase("menu");
    this.menu.open();
    this.menu.fail(error);
  }

  private endPlay(): void {
    if (!this.play) return;
    const { match } = this.play;
    this.play.dispose();
    this.play = undefined;
    if (match.state !== "closed") match.leave();
    this.demo = new DemoMatch();
    this.scene.attach(this.demo);
  }

  /** Searches by what the player chose, with a dialog to cancel it. */
  private async find(options: PlayOptions, title: string): Promise<void> {
    const effort = this.newEffort();
    this.result.close();
    this.endPlay();
    this.menu.close();
    this.setPhase("searching");
    this.search.open(title, () => {
      effort.abort();
      this.openMenu();
    });
    try {
      const match = await this.quickPlay(options, effort.signal);
      this.enter(match, options.room ?? "");
    } catch (error) {
      if (!effort.signal.aborted) this.openMenu(error);
    }
  }

  /** Searches and joins; a seat that comes after the player has turned away is given back. */
  private async quickPlay(options: PlayOptions, signal: AbortSignal): Promise<Match> {
    const onProgress = (progress: SearchProgress): void => this.search.progress(progress);
    const match = await this.client.quickPlay({ game, name: this.menu.playerName, rules, ...options, signal, onProgress });
    if (signal.aborted) {
      match.leave();
      signal.throwIfAborted();
    }
    return match;
  }

  private async createRoom(mode: string): Promise<void> {
    const effort = this.newEffort();
    try {
      const { code } = await this.lobby.createRoom({ game, mode });
      if (effort.signal.aborted) return;
      await this.find({ room: code, mode }, `Room ${code}`);
      if (this.room === code) copyRoomLink(code);
    } catch (error) {
      if (!effort.signal.aborted) this.openMenu(error);
    }
  }

  /** Ends what the page was trying to do before, and begins something new. */
  private newEffort(): AbortController {
    this.effort.abort();
    this.effort = new AbortController();
    return this.effort;
  }

  private enter(match: Match, room: string): void {
    this.endPlay();
    for (const dialog of [this.search, this.reconnect, this.result]) dialog.close();
    this.menu.close();
    this.showRoom(room);
    this.play = new Play(match, this.scene, this.netGraph, this.canvas, element("touch"), {
      sound: this.sound,
      room,
      leave: () => this.pause.open(() => this.openMenu()),
    });
    this.nextKeep = 0;
    this.setPhase("playing");
    match.on("state", (state) => this.follow(match, state));
    match.on("result", (result) => {
      if (result.over) this.finish(match);
    });
    match.on("close", (error) => this.closed(match, error));
    if (match.result?.over) this.finish(match);
  }

  private follow(match: Match, state: Match["state"]): void {
    if (this.play?.match !== match || this.phase === "result") return;
    if (state === "reconnecting") {
      this.setPhase("reconnecting");
      this.pause.close();
      this.reconnect.open("Connection lost", "Your seat is kept. Trying to get back.", () => this.openMenu());
    } else if (state === "playing") {
      this.reconnect.close();
      this.setPhase("playing");
    }
  }

  private finish(match: Match): void {
    if (this.play?.match !== match || !match.result || this.phase === "result") return;
    forgetSeat();
    this.pause.close();
    this.reconnect.close();
    this.setPhase("result");
    const { mode } = match;
    const again = (): void => void (this.room ? this.createRoom(mode.name) : this.find({ mode: mode.name }, mode.title));
    write(element("again"), this.room ? "New private room" : "Play again");
    this.result.open(match, match.result, again, () => this.openMenu());
  }

  private closed(match: Match, error: TactusErrorLike): void {
    if (this.play?.match !== match || this.phase === "result") return;
    if (error.reconnect || seatLost.has(error.code)) void this.playOn(match.mode.name, error.code);
    else this.openMenu(error);
  }

  /** The seat is gone for good, but not by the player's will: finds a new match of the same mode, for as long as it takes. */
  private async playOn(mode: string, why: number): Promise<void> {
    const effort = this.newEffort();
    this.setPhase("reconnecting");
    for (let attempt = 1; !effort.signal.aborted; attempt++) {
      this.reconnect.open(
        "Connection lost",
        attempt === 1 ? "Your seat is gone. Looking for a new match." : `Looking for a new match, attempt ${attempt}.`,
        () => {
          effort.abort();
          this.openMenu();
        },
      );
      try {
        const match = await this.quickPlay({ mode }, effort.signal);
        this.enter(match, "");
        toast(
          why === CloseCode.UnknownSession
            ? "The server was restarted. This is a new match."
            : "Your old match could not be reached. This is a new one.",
        );
        return;
      } catch {
        await pause(Math.min(longestRetryMs, 400 * 2 ** attempt) * (0.75 + Math.random() * 0.5), effort.signal);
      }
    }
  }

  /** After a reload: the same seat again, if the server still has it. */
  private async comeBack(kept: KeptSeat): Promise<void> {
    const effort = this.newEffort();
    this.setPhase("resuming");
    this.reconnect.open("Coming back", "Taking your seat again.", () => {
      effort.abort();
      this.openMenu();
    });
    try {
      const match = await this.client.resume(kept.saved, { rules, signal: effort.signal });
      if (effort.signal.aborted) match.leave();
      else this.enter(match, kept.room);
    } catch (error) {
      if (effort.signal.aborted) return;
      const { code } = error as { code?: number };
      if (code !== undefined && seatLost.has(code)) await this.playOn(kept.saved.mode, code);
      else this.openMenu(error);
    }
  }

  /** Keeps the room's code in the address, so that it can be shared from there. */
  private showRoom(code: string): void {
    this.room = code;
    const url = new URL(location.href);
    if (code) url.searchParams.set("room", code);
    else url.searchParams.delete("room");
    if (url.href !== location.href) history.replaceState(null, "", url);
    if (!code) this.menu.invite("");
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

const page = new Page();
page.start();

/**
 * For tests of the page, read only: what it is doing and the match it is in.
 * Nothing in the page uses it.
 */
declare global {
  interface Window {
    readonly __tactus: { readonly phase: Phase; readonly match: Match | undefined };
  }
}
Object.defineProperty(window, "__tactus", {
  value: Object.freeze({
    get phase(): Phase {
      return page.phase;
    },
    get match(): Match | undefined {
      return page.play?.match;
    },
  }),
});
