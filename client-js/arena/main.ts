import { Client, CloseCode, ErrorCode } from "../src/index.ts";
import { Lobby, type Party } from "../src/lobby.ts";
import type { Match, MatchResult, ModeInfo, PlayOptions, Proposal, SearchProgress, TactusErrorLike } from "../src/types.ts";
import { DemoMatch } from "./demo.ts";
import { PauseDialog, ProposalDialog, ReconnectDialog, ResultDialog, SearchDialog } from "./dialogs.ts";
import { copyRoomLink } from "./hud.ts";
import { identityStore } from "./identity.ts";
import { LeaderboardDialog } from "./leaderboard.ts";
import { invitationIn, Menu } from "./menu.ts";
import { NetGraph } from "./netgraph.ts";
import { element, toast, write } from "./page.ts";
import { PartyPanel } from "./party.ts";
import { Play } from "./play.ts";
import { Queues } from "./queues.ts";
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
const unimplemented = ErrorCode.matchmaker + 12;
/** The player did not consent to a match, or was not there to. */
const declined = ErrorCode.ticket + 9;

/** What to play, of what the menu offers or of a match that was played. */
type Wish = Pick<PlayOptions, "mode" | "queue" | "room" | "matchId">;
type Seek = (options: PlayOptions) => Promise<Match>;

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
  private readonly client: Client;
  private readonly lobby: Lobby;
  private readonly parties: PartyPanel;
  private readonly queues = new Queues(game);
  private queuesKnown = false;
  private readonly sound = new Sound();
  private readonly canvas = element<HTMLCanvasElement>("scene");
  private readonly scene = new Scene(this.canvas, this.sound);
  private readonly netGraph = new NetGraph(element<HTMLCanvasElement>("netgraph"));
  private readonly search = new SearchDialog();
  private readonly reconnect = new ReconnectDialog();
  private readonly result = new ResultDialog();
  private readonly pause = new PauseDialog();
  private readonly proposal = new ProposalDialog();
  private readonly leaderboard: LeaderboardDialog;
  private readonly menu: Menu;
  private demo = new DemoMatch();
  private effort = new AbortController();
  private room = "";
  private nextKeep = 0;

  /** identity is where the player's tokens are kept. */
  constructor(identity: Storage) {
    this.client = new Client(undefined, { storage: identity });
    this.lobby = new Lobby(this.client);
    this.leaderboard = new LeaderboardDialog(this.lobby, () => this.client.playerId);
    this.parties = new PartyPanel(this.lobby, {
      name: () => this.menu.playerName,
      search: (party) => this.followParty(party),
      changed: () => this.partyChanged(),
      failed: (error) => this.menu.fail(error),
    });
    this.menu = new Menu(
      {
        play: ({ mode, queue, title }) => void this.find({ mode, queue }, title),
        createRoom: (mode) => void this.createRoom(mode),
        joinRoom: (code) => void this.find({ room: code }, `Room ${code}`),
        joinMatch: (matchId, mode) => void this.find({ matchId, mode }, this.menu.titleOf(mode)),
        joinParty: (code) => void this.joinParty(code),
        leaderboard: ({ queue, title }) => this.leaderboard.open(queue, title),
        modes: () => this.modes(),
        openMatches: async () => this.lobby.listMatches({ game }),
        leader: () => this.parties.leader,
        inParty: () => this.parties.party !== undefined,
      },
      this.queues,
    );
    addEventListener("pointerdown", () => this.sound.unlock());
    addEventListener("keydown", () => this.sound.unlock());
    addEventListener("hashchange", () => this.takeInvitation());
  }

  /** Comes back to this tab's seat and party after a reload, or opens the menu. */
  start(): void {
    this.scene.attach(this.demo);
    requestAnimationFrame((now) => this.frame(now));
    const invitation = invitationIn(location.href);
    this.parties.resume();
    const kept = keptSeat();
    if (kept) {
      void this.comeBack(kept);
      return;
    }
    this.openMenu();
    if (invitation?.kind === "room") this.showRoom(invitation.code);
    if (!this.parties.party) this.menu.invite(invitation);
  }

  /** A link to a party was opened in this tab. */
  private takeInvitation(): void {
    const invitation = invitationIn(location.href);
    if (invitation?.kind === "party" && invitation.code !== this.parties.party?.code) this.menu.invite(invitation);
  }

  /** The modes that can be played; none while the matchmaker still waits for game servers. */
  private async modes(): Promise<ModeInfo[]> {
    const { games } = await this.lobby.listGames();
    const modes = games.find((known) => known.name === game)?.modes ?? [];
    if (modes.length > 0) await this.learnQueues();
    return modes;
  }

  /** Asks what queues there are; a matchmaker that knows none has neither parties nor ratings. */
  private async learnQueues(): Promise<void> {
    if (this.queuesKnown) return;
    try {
      this.queuesKnown = this.queues.learn(await this.lobby.queues());
    } catch (error) {
      this.queuesKnown = (error as { code?: number }).code === unimplemented;
    }
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
    this.effort.abort();
    this.endPlay();
    for (const dialog of [this.search, this.reconnect, this.result, this.pause, this.proposal, this.leaderboard]) dialog.close();
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

  /** Searches by what the player chose, with a dialog to cancel it; a leader for his party. */
  private async find(wish: Wish, title: string, seek = this.seekFor(wish)): Promise<void> {
    const effort = this.newEffort();
    this.result.close();
    this.endPlay();
    this.menu.close();
    this.setPhase("searching");
    this.search.open(title, () => this.openMenu());
    try {
      const match = await this.quickPlay(wish, effort.signal, seek);
      this.enter(match, wish.room ?? "");
    } catch (error) {
      if (!effort.signal.aborted) this.openMenu(error);
    }
  }

  /** How to get what is wished for. Rooms and open matches are for one player at a time. */
  private seekFor({ room, matchId }: Wish): Seek {
    const { party } = this.parties;
    if (party?.leads && !room && !matchId) return (options) => party.start(options);
    return (options) => this.client.quickPlay(options);
  }

  /** Searches and joins; a seat that comes after the player has turned away is given back. */
  private async quickPlay(wish: Wish, signal: AbortSignal, seek: Seek = (options) => this.client.quickPlay(options)): Promise<Match> {
    const onProgress = (progress: SearchProgress): void => {
      if (signal.aborted) return;
      this.search.progress(progress);
      if (progress.proposal) this.ask(progress.proposal);
      else this.proposal.close();
    };
    const match = await seek({ game, name: this.menu.playerName, rules, ...wish, signal, onProgress });
    if (signal.aborted) {
      match.leave();
      signal.throwIfAborted();
    }
    return match;
  }

  /** A match was found and waits for consent. */
  private ask(proposal: Proposal): void {
    const decline = (): void => {
      // Ending the search says the same, should this not get through.
      proposal.decline().catch(() => {});
      this.openMenu();
    };
    if (!this.proposal.open(proposal, decline)) return;
    this.sound.found();
    write(element("announce"), `Match found. Accept it within ${Math.round(proposal.acceptWithinMs / 1000)} seconds.`);
  }

  private async joinParty(code: string): Promise<void> {
    await this.parties.join(code);
    if (this.parties.party) this.menu.invite(undefined);
  }

  /** The party's leader has started a search. */
  private followParty(party: Party): void {
    if (this.phase === "menu" || this.phase === "searching" || this.phase === "result") {
      void this.find({}, "Your party's match", (options) => party.follow(options));
    } else toast("Your party looks for another match. Leave this one to come along.");
  }

  private partyChanged(): void {
    this.menu.update();
    this.showAgain();
    const url = new URL(location.href);
    const { party } = this.parties;
    url.hash = party ? `party=${party.code}` : "";
    if (url.href !== location.href) history.replaceState(null, "", url);
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
    for (const dialog of [this.search, this.reconnect, this.result, this.proposal, this.leaderboard]) dialog.close();
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
      this.reconnect.open("Connection lost", "Trying to get back to your seat.", () => this.openMenu());
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
    const { mode, queue } = match;
    const again = (): void => {
      if (this.room) void this.createRoom(mode.name);
      else if (!this.parties.leader) void this.find({ mode: mode.name, queue }, this.menu.titleOf(queue, mode.title));
    };
    this.showAgain();
    this.result.open(match, match.result, { again, menu: () => this.openMenu() });
    void this.showRating(match, match.result);
  }

  /** In a party it is the leader who starts the next match. */
  private showAgain(): void {
    const { leader } = this.parties;
    const waits = leader !== "" && !this.room;
    write(element("again"), waits ? `${leader} starts the next` : this.room ? "New private room" : "Play again");
    element("again").setAttribute("aria-disabled", String(waits));
  }

  /** The rating after the match, where there is one: it takes the server some time. */
  private async showRating(match: Match, result: MatchResult): Promise<void> {
    await this.learnQueues();
    const { queue, mode } = match;
    const shown = (): boolean => this.play?.match === match && this.phase === "result";
    if (!this.queues.rated(queue) || !shown()) return;
    this.result.offerLeaderboard(() => this.leaderboard.open(queue, this.menu.titleOf(queue, mode.title)));
    // Against bots alone nothing is won.
    if (result.results.filter((line) => !line.bot).length < 2) return;
    const rating = await this.lobby.ratingAfter(match, this.effort.signal).catch(() => undefined);
    if (rating && shown()) this.result.rate(rating);
  }

  private closed(match: Match, error: TactusErrorLike): void {
    if (this.play?.match !== match || this.phase === "result") return;
    if (error.reconnect || seatLost.has(error.code)) void this.playOn({ mode: match.mode.name, queue: match.queue }, error.code);
    else this.openMenu(error);
  }

  /** The seat is gone for good, but not by the player's will: finds a new match of the same mode, for as long as it takes. */
  private async playOn(wish: Wish, why: number): Promise<void> {
    const effort = this.newEffort();
    this.setPhase("reconnecting");
    for (let attempt = 1; !effort.signal.aborted; attempt++) {
      this.reconnect.open(
        "Connection lost",
        attempt === 1 ? "Your seat is gone. Looking for a new match." : `Looking for a new match, attempt ${attempt}.`,
        () => this.openMenu(),
      );
      try {
        const match = await this.quickPlay(wish, effort.signal);
        this.enter(match, "");
        toast(
          why === CloseCode.UnknownSession
            ? "The server was restarted. This is a new match."
            : "Your old match could not be reached. This is a new one.",
        );
        return;
      } catch (error) {
        if ((error as { code?: number }).code === declined) return this.openMenu(error);
        await pause(Math.min(longestRetryMs, 400 * 2 ** attempt) * (0.75 + Math.random() * 0.5), effort.signal);
      }
    }
  }

  /** After a reload: the same seat again, if the server still has it. */
  private async comeBack(kept: KeptSeat): Promise<void> {
    const effort = this.newEffort();
    this.setPhase("resuming");
    this.reconnect.open("Coming back", "Taking your seat again.", () => this.openMenu());
    try {
      const match = await this.client.resume(kept.saved, { rules, signal: effort.signal });
      if (effort.signal.aborted) match.leave();
      else this.enter(match, kept.room);
    } catch (error) {
      if (effort.signal.aborted) return;
      const { code } = error as { code?: number };
      if (code !== undefined && seatLost.has(code)) await this.playOn({ mode: kept.saved.mode, queue: kept.saved.queue }, code);
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
    if (!code) this.menu.invite(undefined);
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

let page: Page | undefined;

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
      return page?.phase ?? "menu";
    },
    get match(): Match | undefined {
      return page?.play?.match;
    },
  }),
});

page = new Page(await identityStore());
page.start();
