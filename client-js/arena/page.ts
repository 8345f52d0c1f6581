import { Client, CloseCode, ErrorCode, type Match, type PlayOptions, type TactusErrorLike } from "../src/index.ts";
import { Lobby } from "../src/lobby.ts";
import { PauseDialog, ReconnectDialog } from "./dialogs.ts";
import { element, toast, write } from "./dom.ts";
import { Friends } from "./friends.ts";
import { LeaderboardDialog } from "./leaderboard.ts";
import { invitationIn, Menu, type MenuActions } from "./menu.ts";
import { Outcome } from "./outcome.ts";
import { Queues } from "./queues.ts";
import type { SendReport } from "./report.ts";
import { Screen } from "./screen.ts";
import { type Search, Searches } from "./searches.ts";
import { forgetSeat, type KeptSeat, keptSeat } from "./seat.ts";
import { announcements, lostText, seatLostText } from "./sentences.ts";
import type { Keeper } from "./storage.ts";
import { type Phase, Phases } from "./transitions.ts";

const game = "arena";
/** Errors after which the seat can't be had again, but another one can. */
const seatLost = new Set<number>([CloseCode.UnknownSession, ErrorCode.lost, ErrorCode.unreachable]);

/** What to play: an entry of the menu, or what was played before. */
type Wanted = Pick<PlayOptions, "mode" | "queue" | "matchId" | "replace">;

/** The page: what happens in it leads from phase to phase by the table in transitions.ts. */
export class Page {
  readonly phases: Phases;
  readonly menu: Menu;
  private readonly client: Client;
  private readonly queues: Queues;
  private readonly friends: Friends;
  private readonly searches: Searches;
  private readonly outcome: Outcome;
  private readonly leaderboard: LeaderboardDialog;
  private readonly lobby: Lobby;
  private readonly screen = new Screen();
  private readonly reconnect = new ReconnectDialog();
  private readonly pause = new PauseDialog();
  /** What the page tries to do, aborted when it begins something else. */
  private attempt = new AbortController();

  /** identity keeps the player's tokens; rules is the URL of the game's rules in WebAssembly, undefined to play without prediction. */
  constructor(
    identity: Keeper,
    private readonly rules: string | undefined,
  ) {
    // The matchmaker is beside the page, also where a proxy shows both under a path.
    this.client = new Client(new URL(".", document.baseURI).href, { storage: identity });
    const lobby = new Lobby(this.client);
    this.lobby = lobby;
    this.queues = new Queues(lobby, game);
    this.leaderboard = new LeaderboardDialog(lobby, () => this.client.playerId);
    this.outcome = new Outcome(lobby, this.queues, this.leaderboard, (queue, mode) => this.menu.titleOf(queue, mode));
    this.friends = new Friends(lobby, this.queues, this, () => {
      this.menu.update();
      this.offerNext();
    });
    this.menu = new Menu(this.menuActions(lobby), this.queues);
    this.searches = new Searches(this.screen.sound, {
      options: () => ({ game, name: this.menu.playerName, rules }),
      cancel: () => this.goHome(),
    });
    const { menu, friends, searches, reconnect, pause, outcome, leaderboard } = this;
    const shown = {
      ...{ menu: [menu, leaderboard], room: [friends.rooms], searching: [searches], resuming: [reconnect] },
      ...{ playing: [pause], reconnecting: [reconnect, searches], result: [outcome, leaderboard] },
    };
    this.phases = new Phases(shown, (phase) => this.entered(phase));
  }

  private menuActions(lobby: Lobby): MenuActions {
    const { friends, queues } = this;
    return {
      play: ({ mode, queue, title }) => void this.find({ mode, queue }, title),
      createRoom: (mode) => void friends.createRoom({ game, mode }),
      joinRoom: (code) => void friends.joinRoom(code),
      // Open matches are for one player at a time.
      joinMatch: (matchId, mode) => void this.find({ matchId, mode }, this.menu.titleOf(mode), this.alone),
      joinParty: (code) => void friends.joinParty(code),
      leaderboard: ({ queue, title }) => this.leaderboard.open(queue, title),
      modes: () => queues.modes(),
      openMatches: () => lobby.listMatches({ game }),
      leader: () => friends.parties.leader,
      inParty: () => friends.parties.party !== undefined,
    };
  }

  get phase(): Phase {
    return this.phases.current;
  }

  get play(): Screen["play"] {
    return this.screen.play;
  }

  get matchId(): string | undefined {
    return this.play?.match.id;
  }

  /** Comes back to this tab's seat and party after a reload, or opens the menu. */
  start(): void {
    this.screen.start();
    const { friends } = this;
    const invitation = invitationIn(location.href);
    friends.resume(invitation);
    const kept = keptSeat();
    if (kept && kept.room === friends.rooms.code) this.resume(kept);
    else this.goHome();
    if (this.phase !== "menu") return;
    if (invitation?.kind === "room") friends.showRoom(invitation.code);
    if (!friends.parties.party || invitation?.kind === "room") this.menu.invite(invitation);
  }

  private entered(phase: Phase): void {
    document.body.dataset.phase = phase;
    write(element("announce"), announcements[phase]);
    if (!this.play) return;
    this.play.atControls = phase === "playing";
    if (phase !== "playing") this.play.release();
  }

  /** Aborts what the page tried to do before. It returns the signal of what it begins now. */
  newAttempt(): AbortSignal {
    this.attempt.abort();
    this.attempt = new AbortController();
    return this.attempt.signal;
  }

  /** Ends the match, or the attempt, and goes to the player's room, or to the menu. */
  goHome(error?: unknown): void {
    this.attempt.abort();
    this.endPlay();
    forgetSeat();
    this.friends.showRoom();
    const { rooms } = this.friends;
    if (rooms.room) return this.phases.go("openRoom", () => rooms.open(error));
    this.phases.go("openMenu", () => {
      this.menu.open();
      this.menu.fail(error);
    });
  }

  private endPlay(): void {
    const play = this.screen.end();
    if (!play) return;
    const { match, room } = play;
    const { rooms } = this.friends;
    if (room && room === rooms.code) rooms.away(match.id, match.result?.over ?? false);
    if (match.state !== "closed") match.leave();
  }

  private readonly alone: Search = (options) => this.client.findMatch(options);

  /** Searches for what is wanted, with a dialog to cancel it; for the whole party where the player leads one. */
  async find(wanted: Wanted, title: string, search = this.friends.search(this.alone)): Promise<void> {
    this.endPlay();
    this.phases.go("search", () => this.searches.open(title));
    const look = (signal: AbortSignal): Promise<Match> => this.searches.run(search, wanted, signal);
    await this.enter(this.friends.rooms.code, look, (error) => this.refused(error, wanted, title, search));
  }

  /** The search was refused. A player that sits in a rated match goes back, or leaves it for the search. */
  private refused(error: TactusErrorLike, wanted: Wanted, title: string, search: Search): void {
    this.goHome(error);
    const { matchId } = error;
    if (error.reason !== "IN_MATCH" || !matchId || this.phase !== "menu") return;
    this.menu.offer("You are still in a match. Leaving it counts.", [
      ["Back to the match", () => void this.find({ mode: wanted.mode, matchId }, title, this.alone)],
      ["Leave it and play", () => void this.find({ ...wanted, replace: true }, title, search)],
    ]);
  }

  /** After a reload: the same seat again, if the server still has it. */
  private resume({ saved, room }: KeptSeat): void {
    const { mode, queue } = saved;
    this.phases.go("resume", () => this.reconnect.open("Coming back", "Taking your seat again.", () => this.goHome()));
    const resume = (signal: AbortSignal): Promise<Match> => this.client.resume(saved, { rules: this.rules, signal });
    void this.enter(room, resume, (error) => this.closed({ mode, queue }, error));
  }

  /** Begins to look for a match, and enters it. A match that comes after the player has turned away is left. */
  private async enter(
    room: string,
    look: (signal: AbortSignal) => Promise<Match>,
    failed = (error: TactusErrorLike): void => this.goHome(error),
  ): Promise<boolean> {
    const signal = this.newAttempt();
    try {
      const match = await look(signal);
      if (signal.aborted) match.leave();
      else this.join(match, room);
    } catch (error) {
      if (!signal.aborted) failed(error as TactusErrorLike);
      return false;
    }
    return !signal.aborted;
  }

  private join(match: Match, room: string): void {
    this.endPlay();
    this.friends.showRoom(room);
    const leave = (): void => this.pause.open(() => this.goHome(), this.friends.rooms.room !== undefined);
    const report: SendReport = (slot, category, text) => this.lobby.report(match, slot, category, { text });
    this.phases.go("join", () => this.screen.begin(match, room, leave, report));
    const { queue } = match;
    const mode = match.mode.name;
    const played = (): boolean => this.play?.match === match;
    match.on("state", (state, why) => played() && this.follow(state, why));
    match.on("result", ({ over }) => over && played() && this.finish(match));
    match.on("close", (error) => played() && this.closed({ mode, queue }, error));
    if (match.result?.over) this.finish(match);
  }

  private follow(state: Match["state"], why?: TactusErrorLike): void {
    if (state === "playing") this.phases.go("reconnect");
    if (state === "reconnecting")
      this.phases.go("disconnect", () => this.reconnect.open(...lostText(why?.code ?? 0), () => this.goHome()));
  }

  private finish({ mode, queue, result }: Match): void {
    const { friends } = this;
    const again = (): void => {
      if (friends.rooms.room) this.goHome();
      else if (!friends.parties.leader)
        void this.find({ mode: mode.name, queue }, this.menu.titleOf(queue, mode.title));
    };
    this.phases.go("finish", () => {
      forgetSeat();
      this.offerNext();
      this.outcome.open(this.play!, result!, { again, menu: () => friends.leaveRoom() });
    });
  }

  private offerNext(): void {
    this.outcome.offerNext(this.friends.parties.leader, this.friends.rooms.room !== undefined);
  }

  /** The match, or the seat from before a reload, is gone: finds another match where only the seat was lost. */
  private closed(wanted: Wanted, error: TactusErrorLike): void {
    if (!this.phases.can("loseSeat")) return;
    if (error.reconnect || seatLost.has(error.code)) void this.playOn(wanted, error.code);
    else this.goHome(error);
  }

  /** The seat is gone, but not by the player's will: finds a new match of the same mode, for as long as it takes. */
  private async playOn(wanted: Wanted, why: number): Promise<void> {
    const { room } = this.friends.rooms;
    if (room) {
      toast(`${seatLostText(why)} You are back in the room.`);
      return this.friends.backToRoom(room);
    }
    const attempt = (n: number): void => {
      const text = n === 1 ? "Your seat is gone. Looking for a new match." : `Looking for a new match, attempt ${n}.`;
      this.phases.go("loseSeat", () => this.reconnect.open("Connection lost", text, () => this.goHome()));
    };
    const found = await this.enter("", (signal) => this.searches.runUntilFound(this.alone, wanted, signal, attempt));
    if (found) toast(`${seatLostText(why)} This is a new match.`);
  }
}
