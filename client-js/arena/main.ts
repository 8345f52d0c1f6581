import { Client, CloseCode, ErrorCode } from "../src/index.ts";
import { Lobby, type Party, type Room } from "../src/lobby.ts";
import type {
  Match,
  MatchResult,
  ModeInfo,
  PlayOptions,
  Proposal,
  SearchProgress,
  TactusErrorLike,
} from "../src/types.ts";
import { DemoMatch } from "./demo.ts";
import { PauseDialog, ProposalDialog, ReconnectDialog, ResultDialog, SearchDialog } from "./dialogs.ts";
import { identityStore } from "./identity.ts";
import { LeaderboardDialog } from "./leaderboard.ts";
import { invitationIn, Menu } from "./menu.ts";
import { expose } from "./probe.ts";
import { NetGraph } from "./netgraph.ts";
import { element, errorText, rest, toast, write } from "./dom.ts";
import { PartyPanel } from "./party.ts";
import { Play } from "./play.ts";
import { fetchWhenIdle } from "./prefetch.ts";
import { Queues } from "./queues.ts";
import { Rooms } from "./rooms.ts";
import { Scene } from "./scene.ts";
import { forgetSeat, keepSeat, keptSeat } from "./seat.ts";
import type { KeptSeat } from "./seat.ts";
import { announcements, lostText, seatLostText } from "./sentences.ts";
import { Silence } from "./silence.ts";
import { Sound } from "./sound.ts";
import type { Keeper } from "./storage.ts";

/** Replaced by the build with the URL of the arena's rules in WebAssembly. */
declare const ARENA_RULES: string;

/** What the page is doing; body[data-phase] has it too, for the style sheet. */
export type Phase = "menu" | "room" | "searching" | "resuming" | "playing" | "reconnecting" | "result";

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
type Wish = Pick<PlayOptions, "mode" | "queue" | "matchId">;
type Seek = (options: PlayOptions) => Promise<Match>;

class Page {
  phase: Phase = "menu";
  play: Play | undefined;
  private readonly client: Client;
  private readonly lobby: Lobby;
  private readonly parties: PartyPanel;
  private readonly rooms: Rooms;
  private readonly silence = new Silence();
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
  private nextKeep = 0;

  /** identity is where the player's tokens are kept. */
  constructor(identity: Keeper) {
    // The matchmaker is beside the page, also where a proxy shows both under a path.
    this.client = new Client(new URL(".", document.baseURI).href, { storage: identity });
    this.lobby = new Lobby(this.client);
    this.leaderboard = new LeaderboardDialog(this.lobby, () => this.client.playerId);
    this.parties = new PartyPanel(this.lobby, {
      name: () => this.menu.playerName,
      search: (party) => this.followParty(party),
      room: (membership) => this.takeRoom(this.lobby.resumeRoom(membership)),
      changed: () => this.partyChanged(),
      failed: (error) => this.menu.fail(error),
    });
    this.rooms = new Rooms(this.lobby, {
      modes: () => this.modes(),
      start: (room) => void this.find({}, `Room ${room.code}`, (options) => room.start(options)),
      search: (room) => this.followRoom(room),
      leave: () => this.leaveRoom(),
      closed: (error) => this.roomClosed(error),
    });
    this.menu = new Menu(
      {
        play: ({ mode, queue, title }) => void this.find({ mode, queue }, title),
        createRoom: (mode) =>
          void this.enterRoom((party) => (party ?? this.lobby).createRoom({ game, mode, name: this.menu.playerName })),
        joinRoom: (code) =>
          void this.enterRoom(
            (party) => party?.enterRoom(code) ?? this.lobby.joinRoom(code, { name: this.menu.playerName }),
          ),
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
    this.showDemo();
    requestAnimationFrame((now) => this.frame(now));
    const invitation = invitationIn(location.href);
    this.parties.resume();
    this.rooms.resume();
    const kept = keptSeat();
    if (invitation?.kind === "room" && invitation.code !== this.rooms.code) this.rooms.leave();
    if (kept && kept.room === this.rooms.code) void this.comeBack(kept);
    else this.goHome();
    if (this.phase !== "menu") return;
    if (invitation?.kind === "room") this.showRoom(invitation.code);
    if (!this.parties.party || invitation?.kind === "room") this.menu.invite(invitation);
  }

  /** A link to a party was opened in this tab. */
  private takeInvitation(): void {
    const invitation = invitationIn(location.href);
    if (invitation?.kind === "party" && invitation.code !== this.parties.party?.code) this.menu.invite(invitation);
  }

  /** The battle behind menu and room; a still picture for players who want little motion. */
  private showDemo(): void {
    this.demo = new DemoMatch();
    if (this.scene.calm.matches) this.demo.skip(4);
    this.scene.attach(this.demo);
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
    if (!this.play && this.scene.calm.matches) return this.scene.drawStill(now);
    if (!this.play) {
      this.demo.frame(now);
      this.scene.draw(now, { aim: undefined, touch: false });
      return;
    }
    this.play.frame(now);
    if (this.phase !== "playing" || now < this.nextKeep) return;
    this.nextKeep = now + keepEveryMs;
    keepSeat({ saved: this.play.match.saved, room: this.play.room });
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
    this.clear();
    this.rooms.close();
    this.showRoom("");
    this.setPhase("menu");
    this.menu.open();
    this.menu.fail(error);
  }

  private openRoom(error?: unknown): void {
    this.clear();
    this.menu.close();
    this.showRoom(this.rooms.code);
    this.setPhase("room");
    this.rooms.open(error);
  }

  /** Where the player is when nothing is played: in their room, or at the menu. */
  private goHome(error?: unknown): void {
    if (this.rooms.room) this.openRoom(error);
    else this.openMenu(error);
  }

  /** Ends the match, or whatever the page was trying to do. */
  private clear(): void {
    this.effort.abort();
    this.endPlay();
    for (const dialog of [this.search, this.reconnect, this.result, this.pause, this.proposal, this.leaderboard])
      dialog.close();
    forgetSeat();
  }

  private endPlay(): void {
    if (!this.play) return;
    const { match, room } = this.play;
    this.play.dispose();
    this.play = undefined;
    if (room && room === this.rooms.code) this.rooms.away(match.id, match.result?.over ?? false);
    if (match.state !== "closed") match.leave();
    this.showDemo();
  }

  /** Searches by what the player chose, with a dialog to cancel it; a leader for his party. */
  private async find(wish: Wish, title: string, seek = this.seekFor(wish)): Promise<void> {
    const effort = this.newEffort();
    this.result.close();
    this.endPlay();
    this.menu.close();
    this.rooms.close();
    this.setPhase("searching");
    this.search.open(title, () => this.goHome());
    const room = this.rooms.code;
    try {
      const match = await this.quickPlay(wish, effort.signal, seek);
      this.enter(match, room);
    } catch (error) {
      if (!effort.signal.aborted) this.goHome(error);
    }
  }

  /** How to get what is wished for. Open matches are for one player at a time. */
  private seekFor({ matchId }: Wish): Seek {
    const { party } = this.parties;
    if (party?.leads && !matchId) return (options) => party.start(options);
    return (options) => this.client.quickPlay(options);
  }

  /** Searches and joins; a seat that comes after the player has turned away is given back. */
  private async quickPlay(
    wish: Wish,
    signal: AbortSignal,
    seek: Seek = (options) => this.client.quickPlay(options),
  ): Promise<Match> {
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
      this.goHome();
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
    if (this.rooms.room) this.rooms.leave();
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

  /** Goes into a room, or opens one: as a party where the player leads one. */
  private async enterRoom(ask: (party: Party | undefined) => Promise<Room>): Promise<void> {
    const effort = this.newEffort();
    const { party } = this.parties;
    this.menu.busy = true;
    try {
      const room = await ask(party?.leads ? party : undefined);
      if (effort.signal.aborted) room.leave();
      else this.takeRoom(room);
    } catch (error) {
      if (!effort.signal.aborted) this.menu.fail(error);
    } finally {
      this.menu.busy = false;
    }
  }

  /** The player is in a room now. */
  private takeRoom(room: Room): void {
    this.rooms.enter(room);
    if (this.phase === "playing" || this.phase === "reconnecting")
      toast("Your party is in a private room. Leave this match to come along.");
    else this.openRoom();
  }

  /** A match of the room has begun. */
  private followRoom(room: Room): void {
    if (this.phase === "resuming" || room.matchId === this.play?.match.id || room.matchId === this.rooms.left) return;
    if (this.phase === "playing" || this.phase === "reconnecting")
      toast("Your room plays its next match. Leave this one to come along.");
    else void this.find({}, `Room ${room.code}`, (options) => room.follow(options));
  }

  private leaveRoom(): void {
    this.rooms.leave();
    this.openMenu();
  }

  private roomClosed(error: TactusErrorLike): void {
    if (this.phase === "room") this.openMenu(error);
    else toast(`You are no longer in the room: ${error.message}`);
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
    this.rooms.close();
    this.showRoom(room);
    this.play = new Play(match, this.scene, this.netGraph, this.canvas, element("touch"), {
      sound: this.sound,
      silence: this.silence,
      room,
      leave: () => this.pause.open(() => this.goHome(), this.rooms.room !== undefined),
    });
    this.nextKeep = 0;
    this.setPhase("playing");
    match.on("state", (state, why) => this.follow(match, state, why));
    match.on("result", (result) => {
      if (result.over) this.finish(match);
    });
    match.on("close", (error) => this.closed(match, error));
    if (match.result?.over) this.finish(match);
  }

  private follow(match: Match, state: Match["state"], why?: TactusErrorLike): void {
    if (this.play?.match !== match || this.phase === "result") return;
    if (state === "reconnecting") {
      this.setPhase("reconnecting");
      this.pause.close();
      this.reconnect.open(...lostText(why?.code ?? 0), () => this.goHome());
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
      if (this.rooms.room) this.openRoom();
      else if (!this.parties.leader) void this.find({ mode: mode.name, queue }, this.menu.titleOf(queue, mode.title));
    };
    this.showAgain();
    this.result.open(match, match.result, { again, menu: () => this.leaveRoom() });
    void this.showRating(match, match.result);
  }

  /** In a party it is the leader who starts the next match. */
  private showAgain(): void {
    const { leader } = this.parties;
    const { room } = this.rooms;
    const waits = leader !== "" && !room;
    write(element("again"), waits ? `${leader} starts the next` : room ? "Back to the room" : "Play again");
    write(element("to-menu"), room ? "Leave the room" : "Back to menu");
    element("again").setAttribute("aria-disabled", String(waits));
  }

  /** The rating after the match, where there is one: it takes the server some time. */
  private async showRating(match: Match, result: MatchResult): Promise<void> {
    await this.learnQueues();
    const { queue, mode } = match;
    const shown = (): boolean => this.play?.match === match && this.phase === "result";
    // A room's matches count for nobody.
    if (!this.queues.rated(queue) || !shown() || this.play?.room) return;
    this.result.offerLeaderboard(() => this.leaderboard.open(queue, this.menu.titleOf(queue, mode.title)));
    // Against bots alone nothing is won.
    if (result.results.filter((line) => !line.bot).length < 2) return;
    const rating = await this.lobby.ratingAfter(match, this.effort.signal).catch(() => undefined);
    if (rating && shown()) this.result.rate(rating);
  }

  private closed(match: Match, error: TactusErrorLike): void {
    if (this.play?.match !== match || this.phase === "result") return;
    if (error.reconnect || seatLost.has(error.code))
      void this.playOn({ mode: match.mode.name, queue: match.queue }, error.code);
    else this.goHome(error);
  }

  /** The seat is gone for good, but not by the player's will: finds a new match of the same mode, for as long as it takes. */
  private async playOn(wish: Wish, why: number): Promise<void> {
    if (this.rooms.room) return this.backToRoom(this.rooms.room, why);
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
        toast(`${seatLostText(why)} This is a new match.`);
        return;
      } catch (error) {
        if ((error as { code?: number }).code === declined) return this.openMenu(error);
        await rest(Math.min(longestRetryMs, 400 * 2 ** attempt) * (0.75 + Math.random() * 0.5), effort.signal);
      }
    }
  }

  /** A room's player goes on with the room's match, never with strangers. */
  private backToRoom(room: Room, why: number): void {
    toast(`${seatLostText(why)} You are back in the room.`);
    this.openRoom();
    if (room.ticketId && room.matchId) this.followRoom(room);
  }

  /** After a reload: the same seat again, if the server still has it. */
  private async comeBack(kept: KeptSeat): Promise<void> {
    const effort = this.newEffort();
    this.setPhase("resuming");
    this.reconnect.open("Coming back", "Taking your seat again.", () => this.goHome());
    try {
      const match = await this.client.resume(kept.saved, { rules, signal: effort.signal });
      if (effort.signal.aborted) match.leave();
      else this.enter(match, kept.room);
    } catch (error) {
      if (effort.signal.aborted) return;
      const { code } = error as { code?: number };
      if (code !== undefined && seatLost.has(code))
        await this.playOn({ mode: kept.saved.mode, queue: kept.saved.queue }, code);
      else this.goHome(error);
    }
  }

  /** Keeps the room's code in the address, so that it can be shared from there. */
  private showRoom(code: string): void {
    const url = new URL(location.href);
    if (code) url.searchParams.set("room", code);
    else url.searchParams.delete("room");
    if (url.href !== location.href) history.replaceState(null, "", url);
    if (!code) this.menu.invite(undefined);
  }
}

/** Whatever keeps the page from starting is said in it: nobody looks into a console. */
async function start(): Promise<void> {
  try {
    const page = new Page(await identityStore());
    expose(page);
    page.start();
    element("starting").remove();
    if (rules) fetchWhenIdle(rules);
  } catch (error) {
    const box = element("starting");
    box.classList.add("failed");
    write(box, `The arena can't start in this browser: ${errorText(error)}`);
    throw error;
  }
}

void start();
