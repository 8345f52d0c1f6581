/** The way in: finding a match, and coming back to one. */

import { CloseCode } from "./codes.ts";
import { abortError, ErrorCode, TactusError } from "./errors.ts";
import { MatchClient, type SeatConfig } from "./match.ts";
import { type Assignment, Matchmaker, type Ticket } from "./matchmaker.ts";
import { compileRules } from "./rules.ts";
import { simulatedNetwork, webSocketConnect } from "./transport.ts";
import type { ClientOptions, GameInfo, GameList, Match, ModeInfo, OpenMatch, PlayOptions, RoomRequest, SavedSeat } from "./types.ts";

const guestKey = "tactus.guest";

/** Seats that slip away between assignment and hello are searched anew, so many times. */
const searches = 3;

/** Errors that another search mends: the seat was given away, or its server just went. */
const searchAgain = new Set<number>([
  CloseCode.TokenExpired,
  CloseCode.UnknownSession,
  CloseCode.Full,
  CloseCode.MatchOver,
  ErrorCode.unreachable,
]);

const unauthenticated = ErrorCode.matchmaker + 16;

export class Client {
  readonly #matchmaker: Matchmaker;
  readonly #options: ClientOptions;

  /** origin: where the matchmaker is, such as "https://play.example.com"; by default where the page came from. */
  constructor(origin?: string, options: ClientOptions = {}) {
    this.#matchmaker = new Matchmaker(origin ?? globalThis.location?.origin ?? "");
    this.#options = options;
  }

  /** Finds a match, or the one that is asked for, and joins it. */
  async quickPlay(play: PlayOptions = {}): Promise<Match> {
    warmUp(play.rules);
    for (let left = searches; ; left--) {
      const assignment = await this.#search(play);
      play.onProgress?.({ state: "joining", waitedMs: 0, estimatedWaitMs: 0, searching: 0 });
      try {
        return await this.#join(
          { url: assignment.url, token: assignment.joinToken, game: assignment.game, mode: assignment.mode },
          play,
        );
      } catch (error) {
        if (left <= 1 || !(error instanceof TactusError) || !searchAgain.has(error.code)) throw error;
      }
    }
  }

  /** Comes back to a seat, after a reload of the page for instance. */
  async resume(saved: SavedSeat, options: Pick<PlayOptions, "rules" | "signal"> = {}): Promise<Match> {
    warmUp(options.rules);
    return this.#join({ url: saved.url, resume: saved.resume, game: saved.game, mode: saved.mode }, options);
  }

  /** Opens a private match; others join it by its code. */
  async createRoom(request: RoomRequest = {}): Promise<{ code: string; matchId: string }> {
    const { game = "", mode = "", options = {} } = request;
    const list = Object.keys(options).map((name) => ({ name, value: options[name] }));
    const answer = await this.#matchmaker.call<{ roomCode?: string; matchId?: string }>("CreateRoom", {
      game,
      mode,
      options: list,
    });
    return { code: answer.roomCode ?? "", matchId: answer.matchId ?? "" };
  }

  /** Open public matches with free seats, fullest first. */
  async listMatches(filter: { game?: string; mode?: string; limit?: number } = {}): Promise<OpenMatch[]> {
    type Listed = Partial<Omit<OpenMatch, "ageSeconds"> & { ageS: number }>;
    const { matches = [] } = await this.#matchmaker.call<{ matches?: Listed[] }>("ListMatches", filter);
    return matches.map(({ matchId = "", game = "", mode = "", people = 0, seats = 0, ageS = 0 }) => {
      return { matchId, game, mode, people, seats, ageSeconds: ageS };
    });
  }

  /** Games and modes that can be played now, and how many people are there. */
  async listGames(): Promise<GameList> {
    type Listed = Partial<Omit<GameInfo, "modes">> & { modes?: Partial<ModeInfo>[] };
    type Answer = { games?: Listed[]; servers?: number; players?: number };
    const { games = [], servers = 0, players = 0 } = await this.#matchmaker.call<Answer>("ListGames", {});
    const empty = { name: "", title: "", minPlayers: 0, maxPlayers: 0, teams: 0 };
    return {
      games: games.map(({ name = "", title = "", version = "", modes = [] }) => {
        return { name, title, version, modes: modes.map((m) => ({ ...empty, ...m })) };
      }),
      servers,
      players,
    };
  }

  async #search(play: PlayOptions): Promise<Assignment> {
    const { signal, onProgress } = play;
    if (signal?.aborted) throw abortError(signal);
    const ticket = await this.#createTicket(play);
    onProgress?.({ state: "searching", waitedMs: 0, estimatedWaitMs: 0, searching: 0 });
    try {
      const assignment = await this.#matchmaker.watch(
        ticket.ticketId,
        ({ waitedMs = 0, estimatedWaitMs = 0, searching = 0 }) =>
          onProgress?.({ state: "searching", waitedMs, estimatedWaitMs, searching }),
        signal,
      );
      onProgress?.({ state: "assigned", waitedMs: 0, estimatedWaitMs: 0, searching: 0 });
      return assignment;
    } catch (error) {
      if (!signal?.aborted) throw error;
      // The page may be closing: the farewell has to outlive it.
      this.#matchmaker.call("CancelTicket", { ticketId: ticket.ticketId }, undefined, true).catch(() => {});
      throw abortError(signal);
    }
  }

  async #createTicket(play: PlayOptions): Promise<Ticket> {
    const request = {
      game: play.game ?? "",
      mode: play.mode ?? "",
      playerName: play.name ?? "",
      roomCode: play.room ?? "",
      matchId: play.matchId ?? "",
      guestToken: this.#guestToken ?? "",
    };
    let ticket: Ticket;
    try {
      ticket = await this.#matchmaker.call<Ticket>("CreateTicket", request, play.signal);
    } catch (error) {
      if (play.signal?.aborted) throw abortError(play.signal);
      if (!(error instanceof TactusError) || error.code !== unauthenticated || !request.guestToken) throw error;
      // The token is from another installation: start over as a new guest.
      this.#guestToken = undefined;
      ticket = await this.#matchmaker.call<Ticket>("CreateTicket", { ...request, guestToken: "" }, play.signal);
    }
    this.#guestToken = ticket.guestToken;
    return ticket;
  }

  #join(seat: Pick<SeatConfig, "url" | "token" | "resume" | "game" | "mode">, play: PlayOptions): Promise<Match> {
    const connect = webSocketConnect(this.#options.webSocket);
    const { network } = this.#options;
    return new MatchClient({
      ...seat,
      rules: play.rules,
      signal: play.signal,
      teleport: this.#options.teleport ?? 0,
      connect: network ? simulatedNetwork(connect, network) : connect,
      now: () => performance.now(),
      random: Math.random,
    }).join();
  }

  get #storage(): ClientOptions["storage"] {
    if (this.#options.storage !== undefined) return this.#options.storage;
    try {
      return globalThis.localStorage ?? null;
    } catch {
      // Storage is forbidden here: the player is a new guest each time.
      return null;
    }
  }

  get #guestToken(): string | undefined {
    return this.#storage?.getItem(guestKey) ?? undefined;
  }

  set #guestToken(token: string | undefined) {
    if (token) this.#storage?.setItem(guestKey, token);
    else this.#storage?.removeItem(guestKey);
  }
}

/** Starts to compile rules while a match is searched for. */
function warmUp(rules: PlayOptions["rules"]): void {
  if (rules && typeof rules !== "function") compileRules(rules).catch(() => {});
}
