/** Public types of a match, and of the rules that predict it. */

export type MatchState = "connecting" | "playing" | "reconnecting" | "over" | "closed";

export interface Match {
  readonly id: string;
  readonly slot: number;
  readonly player: string;
  /** Queue that the match is of; empty where it is of none. */
  readonly queue: string;
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
  /** Sends a line of chat to all players. The promise never rejects; it may be ignored. */
  chat(text: string): Promise<ChatOutcome>;
  /** Leaves for good; the seat is freed. */
  leave(): void;
  /** Continuous server time in ticks that the picture of others shows. */
  readonly renderTick: number;
  /** Continuous tick that the player's own picture is at. */
  readonly predictedTick: number;
}

export interface MatchEvents {
  /** why: the error that broke the connection, when the state is "reconnecting". */
  state: (state: MatchState, why?: TactusErrorLike) => void;
  roster: (entry: RosterEntry, gone: boolean) => void;
  chat: (slot: number, text: string) => void;
  result: (result: MatchResult) => void;
  notice: (code: number, text: string) => void;
  /** The match has ended for this client, by this error. */
  close: (error: TactusErrorLike) => void;
}

export interface MatchResult {
  over: boolean;
  results: { slot: number; name: string; team: number; score: number; rank: number; bot: boolean }[];
  nextMs: number;
}

export interface RosterEntry {
  slot: number;
  name: string;
  bot: boolean;
  connected: boolean;
  team: number;
}

/** What became of a line of chat. */
export interface ChatOutcome {
  sent: boolean;
  /**
   * Why not: "busy" (too much in too short a time), "too_long" (over 200 bytes), "bad_text" (nothing that shows),
   * "muted" (an operator has turned off the player's chat), "closed" (the match can't be reached), "timeout" (unknown), or one of a newer server. Empty when it was sent.
   */
  reason: string;
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

export interface TactusErrorLike extends Error {
  readonly code: number;
  /** Whether coming back can help. */
  readonly reconnect: boolean;
  readonly reason: string;
  /** With the reason "IN_MATCH": the rated match that the player sits in; else empty. */
  readonly matchId: string;
  /** The refused call may succeed after so long; 0: the answer did not say. */
  readonly retryAfterMs: number;
}

/** What it takes to come back to a seat: keep it in sessionStorage. */
export interface SavedSeat {
  url: string;
  resume: string;
  game: string;
  mode: string;
  queue?: string;
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

export type Unsubscribe = () => void;

/** Makes the rules of one match; see Rules in docs/client.md. */
export type RulesSource = (config: RulesConfig) => Rules | Promise<Rules>;

/** What prediction needs of a set of rules; made from WebAssembly, or by a RulesSource. */
export interface Rules {
  /** Hash of the schema that they were built for. */
  readonly schemaHash: number;
  /** Memory of a table's rows, capacity x stride; fetch it again after every call. */
  words(table: number): Int32Array;
  /** Makes a row live, with zero words. */
  put(table: number, row: number, generation: number): void;
  remove(table: number, row: number): void;
  clear(): void;
  /**
   * Advances what the player in the slot controls by count ticks, the first of
   * which is tick. inputs holds a lag word and the input's words for each. It
   * returns false when the game can't predict.
   */
  predict(tick: number, slot: number, inputs: Int32Array, count: number): boolean;
}

/** The match that rules are made for. */
export interface RulesConfig {
  game: string;
  mode: string;
  options: Record<string, number>;
  /** Words of each table, capacity x stride. */
  tableWords: readonly number[];
  signal?: AbortSignal;
}
