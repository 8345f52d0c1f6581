/** Public types of the Tactus client. Names follow the Go side. */

/**
 * What keeps a search from its match: no server takes players, all seats are taken, too few
 * others search, the queue's rules, a pause after declined matches; empty: nothing that is known.
 */
export type WaitingFor = "" | "NO_SERVER" | "NO_CAPACITY" | "NO_OPPONENTS" | "RULES" | "COOLDOWN";

/** How far a search is. */
export interface SearchProgress {
  state: "searching" | "proposed" | "assigned" | "joining";
  waitedMs: number;
  /** In all: half of those who were matched lately, and had waited as long, waited less; 0: unknown. */
  estimatedWaitMs: number;
  /** Nine of ten waited less; 0: unknown. */
  estimatedWaitP90Ms: number;
  searching: number;
  waitingFor: WaitingFor;
  queue: string;
  /** Of the queue's rules: when proposed or searching as of now, later of those that made the match. */
  rulesVersion: string;
  /** While a found match waits for its players' consent: state is "proposed". */
  proposal?: Proposal;
  /** Once a seat is found. */
  assignment?: Assignment;
}

/** A match that was found and waits for its players' consent. Who does not accept in time leaves the queue. */
export interface Proposal {
  matchId: string;
  /** What is left of the time to answer. */
  acceptWithinMs: number;
  players: number;
  accepted: number;
  acceptedByYou: boolean;
  /** Rejects when the match is not proposed any more. */
  accept(): Promise<void>;
  /** Ends the search, of a party for all its members, with error 209. */
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
  /** Follow this ticket, which somebody else opened for the player. See Party.follow. */
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
   * outlives the page. timeoutMs: see ClientOptions.
   */
  call<Answer>(
    method: string,
    request: object,
    signal?: AbortSignal,
    keepalive?: boolean,
    timeoutMs?: number,
  ): Promise<Answer>;
  /** A call that says who the player is: it sends the guest token that is kept, and keeps what comes back. */
  enter<Answer>(
    method: string,
    request: { identityToken?: string; requestId?: string },
    signal?: AbortSignal,
  ): Promise<Answer>;
  /**
   * Listens to a stream until take returns true, or throws; the same message twice in a
   * row is told once. A stream that breaks is opened again, with growing pauses, for 20 s.
   * Where streams are held back on their way (8 s of silence), or can't be read, the call
   * that tells the same is made every 2 s: GetTicket for WatchTicket.
   */
  follow<Message>(
    method: string,
    request: object,
    take: (message: Message) => boolean,
    signal?: AbortSignal,
  ): Promise<void>;
}

/** Makes the rules of one match; see Rules in docs/client.md. */
export type RulesSource = (config: RulesConfig) => Rules | Promise<Rules>;

/** What it takes to come back to a seat: keep it in sessionStorage. */
export interface SavedSeat {
  url: string;
  resume: string;
  game: string;
  mode: string;
  queue?: string;
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
  /** why: what the server, or the network, ended the connection by when it is "reconnecting". */
  state: (state: MatchState, why?: TactusErrorLike) => void;
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
  readonly reason: string;
}

/** What became of a line of chat. */
export interface ChatOutcome {
  sent: boolean;
  /**
   * Why not: "busy" (too much in too short a time), "too_long" (over 200 bytes), "bad_text" (nothing that shows),
   * "closed" (the match can't be reached), "timeout" (nobody knows), or one of a newer server. Empty when it was sent.
   */
  reason: string;
}

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
  /** Says something to everybody in the match. The promise never rejects; it may be ignored. */
  chat(text: string): Promise<ChatOutcome>;
  /** Leaves for good; the seat is freed. */
  leave(): void;
  /** Continuous server time in ticks that the picture of others shows. */
  readonly renderTick: number;
  /** Continuous tick that the player's own picture is at. */
  readonly predictedTick: number;
}

/** What prediction needs of a set of rules; made from WebAssembly, or by a RulesSource. */
export interface Rules {
  /** Hash of the schema that they were built for. */
  readonly schemaHash: number;
  /** Memory of a table's rows, capacity x stride; fetch it anew after every call. */
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
  /** A call to the matchmaker that is not answered in so long fails with error 101; 10,000 by default, Infinity for no limit. */
  timeoutMs?: number;
}

/** What the next match of a room will be. */
export interface RoomSettings {
  mode?: string;
  options?: Readonly<Record<string, number>>;
  /** At most four; names and texts of at most 64 bytes. */
  labels?: Readonly<Record<string, string>>;
}

export interface RoomRequest extends RoomSettings {
  game?: string;
  /** Game version of the page, where only servers of that version will do. */
  version?: string;
}

export interface RoomMember {
  playerId: string;
  playerName: string;
  owner: boolean;
  you: boolean;
  ready: boolean;
  /** Has, or had, a seat in the present match. */
  playing: boolean;
}

export interface RoomEvents extends MembershipEvents<RoomMember> {}

export interface OpenMatch {
  matchId: string;
  game: string;
  mode: string;
  people: number;
  seats: number;
  ageSeconds: number;
}

export interface ModeInfo {
  name: string;
  title: string;
  minPlayers: number;
  maxPlayers: number;
  teams: number;
}

export interface GameInfo {
  name: string;
  title: string;
  version: string;
  modes: ModeInfo[];
}

export interface GameList {
  games: GameInfo[];
  servers: number;
  players: number;
}

/** A queue and what its rules say; see tactus/lobby. */
export interface QueueInfo {
  name: string;
  /** For people. */
  title: string;
  game: string;
  mode: string;
  rulesVersion: string;
  teams: number;
  /** Players of a team. */
  teamMin: number;
  teamMax: number;
  partyMax: number;
  /** A found match waits for its players' consent. */
  accept: boolean;
  rated: boolean;
  /** Players. */
  searching: number;
  waitP50Ms: number;
  waitP90Ms: number;
}

/** What is known of a player's skill in one queue. */
export interface Rating {
  playerId: string;
  playerName: string;
  /** The estimated skill; players start at 1500. */
  points: number;
  /** One standard deviation, in points. */
  uncertainty: number;
  /** 1 is best; 0: unranked. */
  rank: number;
  matches: number;
  wins: number;
}

export interface RatedMatch {
  matchId: string;
  endedUnixMs: number;
  /** Of the player's team; 1 is best. */
  rank: number;
  /** In free-for-all: players. */
  teams: number;
  pointsBefore: number;
  pointsAfter: number;
  mode: string;
}

export interface PlayerRating {
  rating: Rating;
  /** The newest rated match; undefined without any. */
  last: RatedMatch | undefined;
}

export interface LeaderboardPage {
  /** The page that this player is in the middle of. */
  around?: string;
  /** First rank - 1. */
  offset?: number;
  /** 100 by default and at most. */
  limit?: number;
}

export interface Leaderboard {
  ratings: Rating[];
  /** Ranked in all. */
  players: number;
}

export interface PartyMember {
  playerId: string;
  playerName: string;
  leader: boolean;
  you: boolean;
}

/** What it takes to come back to a party or a room: keep it in sessionStorage. The member id is a secret. */
export interface Membership {
  code: string;
  memberId: string;
  playerId: string;
}

export type PartyMembership = Membership;
export type RoomMembership = Membership;

export interface MembershipEvents<Member> {
  /** Who is there, or anything else that is told of it, may have changed. */
  change: (members: readonly Member[]) => void;
  /** A search, or a room's match, has begun that the player did not start: follow joins it. */
  search: (ticketId: string) => void;
  /** The player is not there any more, and did not leave. */
  close: (error: TactusErrorLike) => void;
}

/** Whoever does not follow a party's search within 10 s ends it. */
export interface PartyEvents extends MembershipEvents<PartyMember> {
  /** The party has entered a room: Lobby.resumeRoom takes the player's place in it. */
  room: (membership: RoomMembership) => void;
}

/** The part of the WebSocket class that is used, so that Node's ws package fits too. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
) => {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
};

/** Events of a transport, in the order they happen: open, any number of messages, close. */
export interface TransportHandler {
  open(): void;
  /** The bytes are the receiver's. */
  message(bytes: Uint8Array): void;
  /** Called once, also when the connection never opened. */
  close(code: number, reason: string): void;
}

export interface Transport {
  /** The bytes may be reused once send returns. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Ends the connection; the handler hears nothing more. */
  close(code?: number, reason?: string): void;
  /** Bytes that wait for the network. */
  readonly pending: number;
}

export type Connect = (url: string, handler: TransportHandler) => Transport;

/** What the simulated network does to each direction, in milliseconds. */
export interface NetworkConditions {
  /** One way. */
  delayMs?: number;
  /** Up to so much more, drawn evenly for each message; order is kept, as TCP does. */
  jitterMs?: number;
  /** Every so often nothing gets through... */
  stallEveryMs?: number;
  /** ...for so long. */
  stallMs?: number;
  /** Source of chance, 0 to 1; Math.random unless given. */
  random?: () => number;
}
