/** Public types of the Tactus client. Names follow the Go side. */

import type { Rules, RulesConfig } from "./rules.ts";

/** How far a search is. */
export interface SearchProgress {
  state: "searching" | "assigned" | "joining";
  waitedMs: number;
  /** Computed by the matchmaker from what it observed; 0: unknown. */
  estimatedWaitMs: number;
  searching: number;
}

export interface PlayOptions {
  game?: string;
  mode?: string;
  name?: string;
  /** Join this private room instead of searching. */
  room?: string;
  /** Join this open match instead of searching. */
  matchId?: string;
  /** Aborting cancels the ticket and rejects with an AbortError. */
  signal?: AbortSignal;
  onProgress?: (progress: SearchProgress) => void;
  /** URL of the game's rules in WebAssembly, for prediction; loaded beside the connection. Or rules of another make. */
  rules?: string | URL | RulesSource;
}

/** Makes the rules of one match; see Rules in docs/client.md. */
export type RulesSource = (config: RulesConfig) => Rules | Promise<Rules>;

/** What it takes to come back to a seat: keep it in sessionStorage. */
export interface SavedSeat {
  url: string;
  resume: string;
  game: string;
  mode: string;
}

export type MatchState = "connecting" | "playing" | "reconnecting" | "over" | "closed";

export interface RosterEntry {
  slot: number;
  name: string;
  bot: boolean;
  connected: boolean;
  team: number;
}

export interface MatchResult {
  over: boolean;
  results: { slot: number; name: string; team: number; score: number; rank: number; bot: boolean }[];
  nextMs: number;
}

/**
 * A row of a table. Fields are read by their schema names: fixed numbers as
 * floats, vecs as {x, y}, angles in radians, the rest as integers; arrays as
 * arrays. Fields tagged lerp (and pos) are those of the picture: interpolated,
 * or predicted for the player's own rows, as of the last Match.frame().
 */
export interface Entity {
  readonly id: number;
  readonly index: number;
  /** True for rows that the player's own slot is named in. */
  readonly own: boolean;
}

export type Unsubscribe = () => void;

export interface EntityView<T> extends Iterable<Entity & T> {
  readonly size: number;
  get(id: number): (Entity & T) | undefined;
  onAdd(callback: (entity: Entity & T) => void): Unsubscribe;
  /** After a snapshot changed some of the row's words. */
  onChange(callback: (entity: Entity & T) => void): Unsubscribe;
  /** The entity still has its last values. */
  onRemove(callback: (entity: Entity & T) => void): Unsubscribe;
}

export interface GameEvent {
  readonly seq: number;
  readonly tick: number;
}

export interface NetStats {
  rttMs: number;
  jitterMs: number;
  /** Newest tick received. */
  serverTick: number;
  /** Tick that the newest input was for. */
  inputTick: number;
  slack: number;
  interpolationDelayMs: number;
  /** Distance in world units between what was predicted and what came, last reconciliation. */
  predictionError: number;
  predicting: boolean;
  bytesIn: number;
  bytesOut: number;
  snapshots: number;
  resyncs: number;
  hashesChecked: number;
  /** Percent of normal speed that the server's clock runs at. */
  clockPercent: number;
}

export interface MatchEvents {
  state: (state: MatchState) => void;
  roster: (entry: RosterEntry, gone: boolean) => void;
  chat: (slot: number, text: string) => void;
  result: (result: MatchResult) => void;
  notice: (code: number, text: string) => void;
  /** The match ended for this client; error tells why, with a number. */
  close: (error: TactusErrorLike) => void;
}

export interface TactusErrorLike extends Error {
  readonly code: number;
  /** Whether coming back can help. */
  readonly reconnect: boolean;
}

export interface Match {
  readonly id: string;
  readonly slot: number;
  readonly player: string;
  readonly tickRate: number;
  readonly mode: { name: string; title: string; teams: number; max: number; options: Record<string, number> };
  readonly state: MatchState;
  readonly roster: ReadonlyMap<number, RosterEntry>;
  readonly stats: Readonly<NetStats>;
  readonly saved: SavedSeat;
  /** Last result message, undefined before the match is over. */
  readonly result: MatchResult | undefined;
  entities<T = Record<string, never>>(table: string): EntityView<T>;
  /** The one row of a single table, undefined before the first snapshot. */
  single<T>(table: string): (Entity & T) | undefined;
  /** Game events by the name of their table; fields as in Entity. */
  onEvent<T>(table: string, callback: (event: GameEvent & T) => void): Unsubscribe;
  on<K extends keyof MatchEvents>(name: K, callback: MatchEvents[K]): Unsubscribe;
  /**
   * Sets what the player wants, by input field: fixed fields as floats, angles
   * in radians. It is sent every tick until it changes.
   */
  setInput(input: Record<string, number | readonly number[] | { x: number; y: number }>): void;
  /**
   * Call once per animation frame before drawing, with performance.now():
   * advances the clock, sends due inputs, predicts and interpolates. When it is
   * not called (hidden tab), a timer keeps inputs and acks going.
   */
  frame(nowMs: number): void;
  /** Reliable command to the game, no answer wanted. */
  send(name: string, args?: readonly number[]): void;
  /** Reliable command with an answer; rejects on refusal, timeout (default 5000 ms) or close. */
  request(name: string, args?: readonly number[], options?: { timeoutMs?: number }): Promise<readonly number[]>;
  chat(text: string): void;
  /** Leaves for good; the seat is freed. */
  leave(): void;
  /** Continuous server time in ticks that the picture of others shows. */
  readonly renderTick: number;
  /** Continuous tick that the player's own picture is at. */
  readonly predictedTick: number;
}
