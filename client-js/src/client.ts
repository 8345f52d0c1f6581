/** The way in: finding a match, and coming back to one. */

import { MatchClient, type SeatConfig } from "./match.ts";
import { CloseCode } from "./codes.ts";
import { abortError, ErrorCode, TactusError } from "./errors.ts";
import { Matchmaker } from "./matchmaker.ts";
import {
  type Assignment,
  type CreateTicketRequest,
  type CreateTicketResponse,
  EndReason,
  type MatchProposal,
  type WatchTicketResponse,
} from "./matchmakerv1.ts";
import { refuseUnknown } from "./options.ts";
import { compileRules } from "./rules.ts";
import { subprotocol, webSocketConnect } from "./transport.ts";
import type { ClientOptions, MatchmakerApi, PlayOptions, SearchProgress, WaitingFor } from "./api/client.ts";
import type { Match, SavedSeat } from "./api/match.ts";

/** A seat that is lost between assignment and hello is searched for again: so many searches in all. */
enum Limit {
  searches = 3,
}

/** Errors that another search mends: the seat was given away, or its server just went. */
const searchAgain = new Set<number>([
  CloseCode.TokenExpired,
  CloseCode.UnknownSession,
  CloseCode.Full,
  CloseCode.MatchOver,
  ErrorCode.unreachable,
]);

/** The matchmaker stopped during the search. Another replica, or the next one, goes on. */
const shutDown: EndReason = "SHUTDOWN";

const clientOptions: Record<keyof ClientOptions, 1> = {
  webSocket: 1,
  network: 1,
  teleport: 1,
  storage: 1,
  timeoutMs: 1,
};

const playOptions: Record<keyof PlayOptions, 1> = {
  game: 1,
  mode: 1,
  queue: 1,
  name: 1,
  room: 1,
  matchId: 1,
  replace: 1,
  version: 1,
  identityToken: 1,
  latencyMs: 1,
  attributes: 1,
  party: 1,
  ticketId: 1,
  signal: 1,
  onProgress: 1,
  rules: 1,
};

export class Client {
  /** The matchmaker's calls by their names in its .proto, for what has no method here. */
  readonly matchmaker: MatchmakerApi;
  readonly #options: ClientOptions;

  /** origin: where the matchmaker is, such as "https://play.example.com"; by default where the page came from. */
  constructor(origin?: string, options: ClientOptions = {}) {
    refuseUnknown(options, clientOptions);
    this.matchmaker = new Matchmaker(origin ?? globalThis.location?.origin ?? "", options);
    this.#options = options;
  }

  /** The player's id, known from the first ticket or party on and kept with the guest token. Empty until then. */
  get playerId(): string {
    return this.matchmaker.playerId;
  }

  /** Joins a match of a game's mode: the short form of findMatch. */
  quickPlay(play: PlayOptions = {}): Promise<Match> {
    return this.findMatch(play);
  }

  /** Finds a match by the rules of its queue, or the one that is asked for, and joins it. */
  async findMatch(play: PlayOptions = {}): Promise<Match> {
    refuseUnknown(play, playOptions);
    warmUp(play.rules);
    // A party's search is for all its members: one of them can't have another.
    let lost: string | undefined;
    for (let left = play.party || play.ticketId ? 1 : Limit.searches; ; left--) {
      let found: Assignment | undefined;
      try {
        found = await this.#search(play);
        play.onProgress?.(progress("joining", found, found));
        const { url = "", joinToken: token, game = "", mode = "", queue = "" } = found;
        return await this.#join({ url, token, game, mode, queue }, play);
      } catch (error) {
        const { code, reason, matchId } = error as TactusError;
        // The seat was taken, and the connection lost before the welcome came.
        if (left > 1 && matchId && matchId === lost) {
          play = { ...play, matchId };
          continue;
        }
        lost = found?.matchId;
        if (left <= 1 || !(found ? searchAgain.has(code) : reason === shutDown)) throw error;
      }
    }
  }

  /** Comes back to a seat, after a reload of the page for instance. */
  async resume(saved: SavedSeat, options: Pick<PlayOptions, "rules" | "signal"> = {}): Promise<Match> {
    refuseUnknown(options, { rules: 1, signal: 1 });
    warmUp(options.rules);
    return this.#join({ queue: "", ...saved }, options);
  }

  async #search(play: PlayOptions): Promise<Assignment> {
    const { signal, onProgress } = play;
    let { ticketId = "" } = play;
    try {
      ticketId ||= await this.#createTicket(play);
      onProgress?.(progress("searching"));
      let found: Assignment | undefined;
      await this.matchmaker.follow<WatchTicketResponse>(
        "WatchTicket",
        { ticketId },
        (update) => {
          found = update.state === "STATE_ASSIGNED" ? update.assignment : undefined;
          if (found) return true;
          if (update.state === "STATE_ENDED") throw endError(update);
          onProgress?.({ ...progress("searching", update), ...this.#proposal(ticketId, update.proposal) });
          return false;
        },
        signal,
        busy(onProgress),
      );
      onProgress?.(progress("assigned", found, found));
      return found!;
    } catch (error) {
      if (!signal?.aborted) throw error;
      // The page may be closing: this call must outlive it.
      if (ticketId) this.matchmaker.call("CancelTicket", { ticketId }, undefined, true).catch(() => {});
      throw abortError(signal);
    }
  }

  #proposal(ticketId: string, proposal: MatchProposal | undefined): Partial<SearchProgress> {
    if (!proposal) return {};
    const { matchId = "" } = proposal;
    const answer = async (accept: boolean): Promise<void> => {
      await this.matchmaker.call("AcceptMatch", { ticketId, matchId, accept });
    };
    const empty = { acceptWithinMs: 0, players: 0, accepted: 0, acceptedByYou: false };
    const complete = { ...empty, ...proposal, matchId, accept: () => answer(true), decline: () => answer(false) };
    return { state: "proposed", proposal: complete };
  }

  async #createTicket(play: PlayOptions): Promise<string> {
    const {
      name: playerName,
      room: roomCode,
      attributes = {},
      signal,
      onProgress,
      rules: _,
      ticketId: __,
      ...same
    } = play;
    const request: CreateTicketRequest = {
      ...same,
      playerName,
      roomCode,
      protocol: subprotocol,
      attributes: Object.fromEntries(Object.entries(attributes).map(([name, values]) => [name, { values }])),
      requestId: `${Math.random()}-${Date.now()}`,
    };
    const { ticketId = "" } = await this.matchmaker.enter<CreateTicketResponse>(
      "CreateTicket",
      request,
      signal,
      busy(onProgress),
    );
    return ticketId;
  }

  #join(
    seat: Pick<SeatConfig, "url" | "token" | "resume" | "game" | "mode" | "queue">,
    play: PlayOptions,
  ): Promise<Match> {
    const connect = webSocketConnect(this.#options.webSocket);
    const { network } = this.#options;
    return new MatchClient({
      ...seat,
      rules: play.rules,
      signal: play.signal,
      teleport: this.#options.teleport ?? 0,
      connect: network?.(connect) ?? connect,
      now: () => performance.now(),
      random: Math.random,
    }).join();
  }
}

/** Progress by the news of a search; with the assignment once there is one. */
function progress(state: SearchProgress["state"], news: WatchTicketResponse = {}, found?: Assignment): SearchProgress {
  const {
    waitedMs = 0,
    estimatedWaitMs = 0,
    estimatedWaitP90Ms = 0,
    searching = 0,
    waitingFor = "",
    queue = "",
    rulesVersion = "",
  } = news;
  const { matchId = "", game = "", mode = "", roomCode = "", team = 0 } = found ?? {};
  return {
    state,
    waitedMs,
    estimatedWaitMs,
    estimatedWaitP90Ms,
    searching,
    retryInMs: 0,
    queue,
    rulesVersion,
    waitingFor: waitingFor.slice("WAITING_FOR_".length) as WaitingFor,
    assignment: found && { matchId, game, mode, roomCode, queue, rulesVersion, team },
  };
}

/** What reports that a call is made again after a while. */
function busy(onProgress: PlayOptions["onProgress"]): (retryInMs: number) => void {
  return (retryInMs) => onProgress?.({ ...progress("searching"), retryInMs });
}

/** A ticket that ends without a match is an error of 200 and its reason's number. */
function endError({ reason, message }: WatchTicketResponse): TactusError {
  const name = reason?.slice("END_REASON_".length) ?? "";
  return new TactusError(
    ErrorCode.ticket + (EndReason[name as EndReason] ?? 0),
    message || `The search ended: ${name.toLowerCase()}.`,
    false,
    name,
  );
}

/** Starts to compile rules while a match is searched for. */
function warmUp(rules: PlayOptions["rules"]): void {
  if (rules && typeof rules !== "function") compileRules(rules).catch(() => {});
}
