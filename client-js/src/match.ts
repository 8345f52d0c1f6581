/** A player's seat in a match: state, picture, inputs and messages. */

import { History } from "./history.ts";
import { Clock } from "./clock.ts";
import { closed, Commands } from "./commands.ts";
import { Connection, type ConnectionConfig, type ConnectionHandler, MessageType } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { type EntityTable, entityTables } from "./entity.ts";
import { abortError, ErrorCode, TactusError } from "./errors.ts";
import { named, readField, writeInput } from "./field.ts";
import { MalformedError, type Reader, type Value } from "./msgpack.ts";
import { Prediction } from "./prediction.ts";
import { type RawEvent, Replica } from "./replica.ts";
import { compileRules, loadRules } from "./rules.ts";
import { type Fields, listOf, mapOf, parseSchema, read, type Schema } from "./schema.ts";
import type { PlayOptions } from "./api/client.ts";
import type {
  ChatOutcome,
  Entity,
  EntityView,
  GameEvent,
  Match,
  MatchEvents,
  MatchResult,
  MatchState,
  NetStats,
  RosterEntry,
  Rules,
  RulesConfig,
  SavedSeat,
  Unsubscribe,
} from "./api/match.ts";

enum Ms {
  /** Without a frame() for so long, the page is hidden or draws nothing: a timer takes over. */
  hidden = 250,
  /** What a frame's time may differ from the page's clock. */
  clockError = 1000,
  /** A keyframe that was asked for and did not come in so long is asked for again. */
  resync = 2000,
}

/** Of a longer pause only the newest input is sent: those of the ticks between would come too late. */
enum Limit {
  burst = 4,
}

enum RosterFlag {
  bot = 1,
  connected = 2,
  gone = 4,
}

/** Where the seat is and how to get there. */
export interface SeatConfig extends ConnectionConfig {
  game: string;
  mode: string;
  queue: string;
  rules?: PlayOptions["rules"];
  signal?: AbortSignal;
  /** See ClientOptions.teleport. */
  teleport: number;
}

export class MatchClient implements Match {
  id = "";
  slot = 0;
  player = "";
  tickRate = 30;
  mode: Match["mode"] = { name: "", title: "", teams: 0, max: 0, options: {} };
  state: MatchState = "connecting";
  result: MatchResult | undefined;
  readonly roster = new Map<number, RosterEntry>();
  readonly stats: NetStats = {
    rttMs: 0,
    jitterMs: 0,
    serverTick: 0,
    inputTick: 0,
    slack: 0,
    interpolationDelayMs: 0,
    predictionError: 0,
    predicting: false,
    bytesIn: 0,
    bytesOut: 0,
    snapshots: 0,
    resyncs: 0,
    hashesChecked: 0,
    clockPercent: 100,
  };
  readonly #config: SeatConfig;
  readonly #emitter = new Emitter<MatchEvents>();
  readonly #events = new Emitter<Record<string, (event: GameEvent) => void>>();
  readonly #connection: Connection;
  readonly #commands: Commands;
  #schemaHash = 0;
  #schema!: Schema;
  #replica!: Replica;
  #tables: EntityTable[] = [];
  #histories: History[] = [];
  #clock!: Clock;
  #prediction: Prediction | undefined;
  #rules: Rules | undefined;
  #input = new Int32Array(0);
  #seq = 0;
  #inputTick = 0;
  #inputsSince = false;
  /** When a keyframe was asked for, 0 while none is missing. */
  #resyncAt = 0;
  #resumed = false;
  #framedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #joined: Promise<void>;
  #joinResult!: { resolve: () => void; reject: (error: Error) => void };

  constructor(config: SeatConfig) {
    this.#config = config;
    this.#joined = new Promise((resolve, reject) => (this.#joinResult = { resolve, reject }));
    this.#joined.catch(() => {});
    this.#connection = new Connection(config, this.#connectionHandler());
    this.#commands = new Commands(this.#connection);
  }

  /** Resolves when the first state is there; an abort leaves the match. */
  async join(): Promise<Match> {
    const { signal } = this.#config;
    const abort = () => {
      this.#joinResult.reject(abortError(signal!));
      this.leave();
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await this.#joined;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    return this;
  }

  get saved(): SavedSeat {
    const { url, game, mode, queue } = this.#config;
    return { url, resume: this.#connection.resume, game, mode, queue };
  }

  get queue(): string {
    return this.#config.queue;
  }

  get renderTick(): number {
    return this.#clock.renderTick;
  }

  get predictedTick(): number {
    return this.#clock.predictedTick;
  }

  entities<T>(table: string): EntityView<T> {
    return this.#tables[named(this.#schema.tables, "table", table)] as unknown as EntityView<T>;
  }

  single<T>(table: string): (Entity & T) | undefined {
    for (const entity of this.entities<T>(table)) return entity;
    return undefined;
  }

  onEvent<T>(table: string, callback: (event: GameEvent & T) => void): Unsubscribe {
    named(this.#schema.events, "event", table);
    return this.#events.on(table, callback as (event: GameEvent) => void);
  }

  on<K extends keyof MatchEvents>(name: K, callback: MatchEvents[K]): Unsubscribe {
    return this.#emitter.on(name, callback);
  }

  setInput(input: Parameters<Match["setInput"]>[0]): void {
    writeInput(this.#schema.input, input, this.#input);
  }

  frame(nowMs: number): void {
    this.#framedAt = this.#config.now();
    // A time of another clock, Date.now() for instance, would freeze the picture.
    this.#advance(Math.abs(nowMs - this.#framedAt) < Ms.clockError ? nowMs : this.#framedAt);
  }

  send(name: string, args: readonly number[] = []): void {
    this.#commands.send(name, args);
  }

  request(
    name: string,
    args: readonly number[] = [],
    options: { timeoutMs?: number } = {},
  ): Promise<readonly number[]> {
    return this.#commands.request(name, args, options.timeoutMs);
  }

  chat(text: string): Promise<ChatOutcome> {
    return this.#commands.say(text);
  }

  leave(): void {
    this.#connection.leave();
  }

  // What the connection reports.

  /** Takes what the connection reports, so that games do not find these methods on a match. */
  #connectionHandler(): ConnectionHandler {
    return {
      welcome: (map) => {
        if (!this.#schema) this.#begin(map);
        this.slot = read(map, { slot: 0 }).slot;
        this.#commands.answersChat = listOf(map.features).includes("reply");
        this.#resyncAt = 0;
        this.#resumed = true;
        this.#clock.reset();
      },
      message: (type, length, reader, now) => {
        if (!this.#schema) throw new MalformedError("the first message is no welcome");
        if (type === MessageType.snapshot) return this.#snapshot(reader, now);
        const rest = Array.from({ length: Math.max(0, length - 1) }, () => reader.value());
        // A chat and a notice begin with a number and a text.
        const { number, text } = read(rest, { number: 0, text: "" });
        switch (type) {
          case MessageType.roster:
            return listOf(rest[0]).forEach((entry) => this.#rosterEntry(entry));
          case MessageType.reply:
            return this.#commands.reply(
              number,
              rest[1] === true,
              listOf(rest[2]) as number[],
              read(rest.slice(3), { reason: "" }).reason,
            );
          case MessageType.chatFrom:
            return this.#emitter.emit("chat", number, text);
          case MessageType.result:
            return this.#takeResult(rest[0]!);
          case MessageType.notice:
            return this.#emitter.emit("notice", number, text);
          default:
          // A newer server may say more than this client knows.
        }
      },
      lost: (why) => this.#setState("reconnecting", why),
      ended: (error) => {
        clearInterval(this.#timer);
        this.#commands?.close(closed("The match is closed."));
        this.#joinResult.reject(error);
        this.#setState("closed");
        this.#emitter.emit("close", error);
      },
      roundTrip: (ms) => {
        this.#clock.roundTrip(ms);
        this.stats.rttMs = this.#clock.rtt;
      },
      seen: () => ({ event: this.#replica?.eventSeq ?? 0, schema: this.#schemaHash }),
    };
  }

  #begin(map: Fields): void {
    const { match, player, rate, hash, every } = read(map, { match: "", player: "", rate: 30, hash: 0, every: 1 });
    this.id = match;
    this.player = player;
    this.tickRate = rate;
    this.mode = { ...read(map.mode, { name: "", title: "", teams: 0, max: 0 }), options: {} };
    for (const option of listOf(mapOf(map.mode).options)) {
      const { name, value } = read(option, { name: "", value: 0 });
      this.mode.options[name] = value;
    }
    this.#schema = parseSchema(map.schema);
    this.#schemaHash = hash;
    this.#replica = new Replica(this.#schema);
    this.#tables = entityTables(this.#replica);
    this.#histories = this.#replica.tables.map((t) => new History(t, this.#config.teleport));
    this.#clock = new Clock(rate, every);
    this.#input = new Int32Array(this.#schema.input.stride);
    this.#timer = setInterval(() => this.#tickHidden(), Math.max(this.#clock.tickMs, 33));
    void this.#loadRules();
  }

  #rosterEntry(value: Value): void {
    const { slot, name, flags, team } = read(value, { slot: 0, name: "", flags: 0, team: -1 });
    const entry = {
      slot,
      name,
      bot: (flags & RosterFlag.bot) !== 0,
      connected: (flags & RosterFlag.connected) !== 0,
      team,
    };
    if (flags & RosterFlag.gone) {
      // After a resume the server also names seats that emptied meanwhile, known here or not.
      const left = this.roster.get(slot);
      if (left && this.roster.delete(slot)) this.#emitter.emit("roster", left, true);
      return;
    }
    this.roster.set(slot, entry);
    this.#emitter.emit("roster", entry, false);
  }

  #takeResult(value: Value): void {
    const { over, next: nextMs } = read(value, { over: false, next: 0 });
    const empty = { slot: 0, name: "", team: -1, score: 0, rank: 0, bot: false };
    this.result = { over, nextMs, results: listOf(mapOf(value).results).map((entry) => read(entry, empty)) };
    if (over) this.#setState("over");
    this.#emitter.emit("result", this.result);
  }

  #setState(state: MatchState, why?: TactusError): void {
    if (this.state === state || this.state === "closed") return;
    this.state = state;
    this.#emitter.emit("state", state, why);
  }

  // State.

  #snapshot(reader: Reader, now: number): void {
    const { stats } = this;
    const replica = this.#replica;
    const clock = this.#clock;
    const previous = replica.tick;
    const outcome = replica.apply(reader);
    stats.snapshots++;
    if (outcome === "gap") return this.#resync(now);
    if (replica.hashed) stats.hashesChecked++;
    if (outcome === "hash") this.#resync(now);
    else if (replica.keyframe) this.#resyncAt = 0;
    else if (this.#resyncAt) this.#resync(now);
    if (replica.ack > this.#seq) this.#seq = replica.ack;
    clock.snapshot(now, replica.tick, replica.percent);
    if (this.#inputsSince || replica.slack !== 0) clock.slack(replica.tick, replica.slack);
    this.#inputsSince = false;
    // After a long absence the picture starts again instead of gliding there.
    const restart = replica.tick - previous > this.tickRate / 2 || replica.tick < previous;
    for (let i = 0; i < this.#tables.length; i++) {
      const view = this.#tables[i]!;
      this.#histories[i]!.record(replica.tick, previous, restart, (row) => view.at(row)?.id ?? 0);
    }
    this.#predict();
    this.#updateStats();
    if (this.state === "connecting" || this.state === "reconnecting")
      this.#setState(this.result?.over ? "over" : "playing");
    this.#emitSnapshot();
    if (this.#resumed) {
      this.#resumed = false;
      this.#inputTick = 0;
      this.#joinResult.resolve();
    }
  }

  #predict(): void {
    const prediction = this.#prediction;
    const rules = this.#rules;
    if (prediction) prediction.snapshot();
    else if (rules) this.#prediction = new Prediction(rules, this.#replica, this.#tables, this.slot);
    if (prediction) this.stats.predictionError = prediction.error;
    this.stats.predicting = this.#prediction?.active ?? false;
  }

  #updateStats(): void {
    const { stats } = this;
    const replica = this.#replica;
    const clock = this.#clock;
    stats.serverTick = replica.tick;
    if (replica.slack !== 0) stats.slack = replica.slack;
    stats.clockPercent = replica.percent;
    stats.jitterMs = clock.jitter;
    stats.interpolationDelayMs = clock.delay * clock.tickMs;
    stats.bytesIn = this.#connection.bytesIn;
    stats.bytesOut = this.#connection.bytesOut;
  }

  /** Reports the snapshot to the game: entities that came and changed, events, entities that are gone. */
  #emitSnapshot(): void {
    for (const view of this.#tables) view.commit(this.slot);
    for (const view of this.#tables) view.emitChanges();
    for (const event of this.#replica.events) this.#emitEvent(event);
    for (const view of this.#tables) view.emitRemovals();
  }

  #emitEvent(raw: RawEvent): void {
    const schema = this.#schema.events[raw.table]!;
    const event: Record<string, unknown> = {};
    for (const f of schema.fields) event[f.name] = readField(f, raw.words, 0);
    const { seq, tick } = raw;
    this.#events.emit(schema.name, { ...event, seq, tick });
  }

  /** Asks for a keyframe, again and again until it comes. */
  #resync(now: number): void {
    if (this.#resyncAt && now - this.#resyncAt < Ms.resync) return;
    this.#resyncAt = now;
    this.stats.resyncs++;
    this.#connection.send(this.#connection.writer.begin(1).int(MessageType.resync).done());
  }

  async #loadRules(): Promise<void> {
    const { rules, signal } = this.#config;
    if (!rules) return;
    const config: RulesConfig = {
      game: this.#schema.game,
      mode: this.mode.name,
      options: this.mode.options,
      tableWords: this.#schema.tables.map((t) => t.capacity * t.stride),
      signal,
    };
    try {
      const made =
        typeof rules === "function" ? await rules(config) : await loadRules(await compileRules(rules), config);
      if (made.schemaHash !== this.#schemaHash) {
        throw new TactusError(ErrorCode.rules, "the rules were built for another version of the game");
      }
      this.#rules = made;
    } catch (error) {
      // Play goes on: the own rows are drawn from the past like all others.
      console.warn("Tactus: playing without prediction,", error);
    }
  }

  // Time.

  /** Keeps inputs going, and others moving, while the page does not call frame. */
  #tickHidden(): void {
    const now = this.#config.now();
    if (now - this.#framedAt > Ms.hidden) this.#advance(now);
  }

  #advance(now: number): void {
    // While the line is broken the picture stands still until the keyframe comes.
    if (!this.#connection.isLive || this.#replica === undefined || this.#replica.tick === 0) return;
    const clock = this.#clock;
    const jumped = clock.advance(now);
    const due = Math.floor(clock.predictedTick);
    if (jumped || this.#inputTick === 0 || due - this.#inputTick > Limit.burst) {
      this.#inputTick = due - 1;
      this.#prediction?.jump(due - 1);
    }
    while (this.#inputTick < due) this.#sendInput(now, ++this.#inputTick);
    for (let i = 0; i < this.#tables.length; i++) {
      this.#histories[i]!.sample(clock.renderTick, this.#tables[i]!.picture, this.#prediction?.skips(i));
    }
    this.#prediction?.draw(now, clock.predictedTick - due, this.#lag(due), this.#input);
  }

  /** How far behind a tick the picture of others is, as the wire has it: 1/16 ticks. */
  #lag(tick: number): number {
    return Math.min(255, Math.max(0, Math.round((tick - this.#clock.renderTick) * 16)));
  }

  #sendInput(now: number, tick: number): void {
    const connection = this.#connection;
    const input = this.#input;
    const lag = this.#lag(tick);
    if (this.#prediction) {
      if (this.#prediction.tick !== tick - 1) this.#prediction.jump(tick - 1);
      this.#prediction.remember(tick, lag, input);
      this.#prediction.step();
    }
    if (connection.isCongested) return;
    const w = connection.writer
      .begin(4 + input.length)
      .int(MessageType.input)
      .int(++this.#seq)
      .int(tick)
      .int(lag);
    for (let i = 0; i < input.length; i++) w.int(input[i]!);
    connection.send(w.done());
    this.#clock.sent(now, tick);
    this.#inputsSince = true;
    this.stats.inputTick = tick;
  }
}
