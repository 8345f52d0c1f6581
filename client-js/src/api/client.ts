/** Public types of the client, and of how it finds a match. */

import type { WaitingFor as Waiting } from "../matchmakerv1.ts";
import type { RulesSource } from "./match.ts";
import type { Connect, WebSocketClass } from "./transport.ts";

/**
 * What keeps a search from its match: no server takes players, all seats are taken, too few
 * others search, the queue's rules, a pause after declined matches; empty: nothing that is known.
 */
export type WaitingFor = "" | Waiting;

/** How far a search is. */
export interface SearchProgress {
  state: "searching" | "proposed" | "assigned" | "joining";
  waitedMs: number;
  /** Median wait, in all, of recent players that had waited as long; 0: unknown. */
  estimatedWaitMs: number;
  /** Nine of ten of them waited less; 0: unknown. */
  estimatedWaitP90Ms: number;
  searching: number;
  /** The server is busy, and the client tries again in so long; else 0. */
  retryInMs: number;
  waitingFor: WaitingFor;
  queue: string;
  /** Of the queue's rules: when proposed or searching as of now, later of those that made the match. */
  rulesVersion: string;
  /** The match that waits until its players accept, while state is "proposed". */
  proposal?: Proposal;
  /** Once a seat is found. */
  assignment?: Assignment;
}

/** A found match that waits until its players accept. A player who does not accept in time leaves the queue. */
export interface Proposal {
  matchId: string;
  /** What is left of the time to answer. */
  acceptWithinMs: number;
  players: number;
  accepted: number;
  acceptedByYou: boolean;
  /** Rejects when the match is not proposed any more. */
  accept(): Promise<void>;
  /** Ends the search, of a party for all its members, with the reason "DECLINED". */
  decline(): Promise<void>;
}

/** The match that a search has found. */
export interface Assignment {
  matchId: string;
  game: string;
  mode: string;
  /** Set for private rooms. */
  roomCode: string;
  queue: string;
  rulesVersion: string;
  /** -1: the game decides. */
  team: number;
}

export interface PlayOptions {
  game?: string;
  mode?: string;
  /** Queue by the name in its rules; by default the one of game and mode. */
  queue?: string;
  name?: string;
  /** Play in this private room instead of searching; see tactus/lobby for its members. */
  room?: string;
  /** Join this open match instead of searching. */
  matchId?: string;
  /**
   * Leave the rated match that the player sits in. Without it the search rejects with
   * the reason "IN_MATCH", and the error's matchId is the way back: { matchId }.
   */
  replace?: boolean;
  /** Game version of the page, where only servers of that version will do. */
  version?: string;
  /** A JWT of the game's own issuer, instead of the guest token that the client keeps. */
  identityToken?: string;
  /** Measured round trip by region, for queues with a latency rule. */
  latencyMs?: Record<string, number>;
  /** What the queue's attribute rules look at, such as { language: ["en", "de"] }. */
  attributes?: Record<string, readonly string[]>;
  /** Search for all members of a party: its leader's member id. See Party.start. */
  party?: string;
  /** Follow this ticket, which another player opened for this one. See Party.follow. */
  ticketId?: string;
  /** Aborting cancels the ticket and rejects with an AbortError. */
  signal?: AbortSignal;
  onProgress?: (progress: SearchProgress) => void;
  /** URL of the game's rules in WebAssembly, for prediction; loaded beside the connection. Or rules of another make. */
  rules?: string | URL | RulesSource;
}

/** The matchmaker's API; methods and fields as in matchmaker.proto, fields in the JSON of protobuf. */
export interface MatchmakerApi {
  /** See Client.playerId. */
  readonly playerId: string;
  /**
   * One call. Fields with their zero value are missing in the answer. With keepalive it
   * outlives the page. timeoutMs: see ClientOptions. A refusal that says when to try
   * again is waited out, up to 30 s in all, except COOLDOWN and BANNED.
   */
  call<Answer>(
    method: string,
    request: object,
    signal?: AbortSignal,
    keepalive?: boolean,
    timeoutMs?: number,
  ): Promise<Answer>;
  /**
   * A call with the player's identity: it sends the kept guest token, and keeps the token
   * that comes back. onBusy gets the time until the next attempt, when a refusal is waited out.
   */
  enter<Answer>(
    method: string,
    request: { identityToken?: string; requestId?: string },
    signal?: AbortSignal,
    onBusy?: (retryInMs: number) => void,
  ): Promise<Answer>;
  /**
   * Reads a stream until take returns true, or throws; a message that repeats the one
   * before is left out. A stream that breaks is opened again, with growing pauses, for 20 s.
   * Where streams are held back on their way (8 s of silence), or can't be read, the call
   * with the same answer is made every 2 s: GetTicket for WatchTicket.
   */
  follow<Message>(
    method: string,
    request: object,
    take: (message: Message) => boolean,
    signal?: AbortSignal,
    onBusy?: (retryInMs: number) => void,
  ): Promise<void>;
}

export interface ClientOptions {
  /** WebSocket class where there is no global one, such as Node's ws package. */
  webSocket?: WebSocketClass;
  /** Wraps the way to game servers, for instance in a simulated network (tactus/simulation). */
  network?: (connect: Connect) => Connect;
  /**
   * World units per tick from which a step is shown as a jump rather than
   * glided over. By default it is judged by what is usual in the table.
   */
  teleport?: number;
  /** Where the guest token is kept; localStorage when there is one, null for nowhere. One that throws counts as none. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
  /** An attempt of a call to the matchmaker that is not answered in so long fails with error 101; 10,000 by default, Infinity for no limit. */
  timeoutMs?: number;
}
