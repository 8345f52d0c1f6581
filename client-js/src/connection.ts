/**
 * One seat's connection: hello and welcome, pings, finding out that the line is
 * dead, and coming back with the resume token while the seat is kept.
 */

import { CloseCode } from "./codes.ts";
import { ErrorCode, TactusError } from "./errors.ts";
import { MalformedError, Reader, Writer } from "./msgpack.ts";
import { mapOf, numberOf, stringOf } from "./schema.ts";
import type { Connect, Transport } from "./types.ts";

/** Numbers of the messages (docs/protocol.md). */
export enum MessageType {
  hello = 1,
  input = 2,
  command = 3,
  chat = 4,
  ping = 5,
  bye = 6,
  resync = 7,
  welcome = 16,
  snapshot = 17,
  roster = 18,
  reply = 19,
  chatFrom = 20,
  pong = 21,
  result = 22,
  notice = 23,
}

const pingMs = 2000;

/** Without a word from the server for so long, the line is dead: it answers a ping every two seconds. */
const deadMs = 7000;

const welcomeMs = 8000;

const firstBackoffMs = 200;
const maxBackoffMs = 4000;

/** Reliable messages that wait for the connection to come back. */
const maxWaiting = 64;

/** An uplink with more than this waiting gets no more inputs: by the time they arrive they are too late. */
const maxPending = 16384;

const clientName = "tactus-js/0.1";

/** Additions to the wire that this client knows (docs/protocol.md, "Features"). */
const features = ["reply"];

export type Welcome = ReturnType<typeof mapOf>;

export interface ConnectionOwner {
  /** First or renewed; a keyframe follows. */
  welcome(map: Welcome): void;
  /** Any other message; the reader stands behind its type, length counts all elements. */
  message(type: number, length: number, reader: Reader, now: number): void;
  /** The line broke; it is being mended. */
  lost(): void;
  /** Nothing more will come. */
  ended(error: TactusError): void;
  roundTrip(ms: number): void;
  /** Newest event seen, and hash of the schema in use: 0 for none. */
  seen(): { event: number; schema: number };
}

export interface ConnectionConfig {
  url: string;
  connect: Connect;
  now: () => number;
  random: () => number;
  /** Join token of a new seat, or resume token of a kept one. */
  token?: string;
  resume?: string;
}

export class Connection {
  bytesIn = 0;
  bytesOut = 0;
  resume: string;
  readonly #config: ConnectionConfig;
  readonly #owner: ConnectionOwner;
  #transport: Transport | undefined;
  readonly #reader = new Reader();
  readonly writer = new Writer();
  #live = false;
  #done = false;
  #graceMs = 0;
  #lostAt = 0;
  #helloAt = 0;
  #heardAt = 0;
  #attempts = 0;
  #welcomed = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #welcomeTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #pingTimer: ReturnType<typeof setInterval>;
  readonly #waiting: Uint8Array<ArrayBuffer>[] = [];

  constructor(config: ConnectionConfig, owner: ConnectionOwner) {
    this.#config = config;
    this.#owner = owner;
    this.resume = config.resume ?? "";
    this.#pingTimer = setInterval(() => this.#beat(), pingMs);
    globalThis.addEventListener?.("online", this.#hurry);
    globalThis.document?.addEventListener("visibilitychange", this.#hurry);
    this.#open();
  }

  /** Whether messages reach the server. */
  get isLive(): boolean {
    return this.#live;
  }

  /** Whether the uplink is so far behind that inputs would come too late. */
  get isCongested(): boolean {
    return (this.#transport?.pending ?? 0) > maxPending;
  }

  /** Sends what is only worth something now; it is dropped while the line is broken. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#live) return;
    this.bytesOut += bytes.length;
    this.#transport?.send(bytes);
  }

  /** Sends now, or when the line is mended. It returns false when too much waits already. */
  sendReliably(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#live) this.send(bytes);
    else if (this.#waiting.length >= maxWaiting || this.#done) return false;
    else this.#waiting.push(bytes.slice());
    return true;
  }

  /** Frees the seat and ends. */
  leave(): void {
    this.send(this.writer.begin(1).int(MessageType.bye).done());
    this.end(TactusError.fromClose(CloseCode.Left, ""));
  }

  /** Ends, with an error that tells why. The seat stays for its grace. */
  end(error: TactusError): void {
    if (this.#done) return;
    this.#done = true;
    this.#live = false;
    clearInterval(this.#pingTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#welcomeTimer);
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#hurry);
    this.#transport?.close(1000, "");
    this.#owner.ended(error);
  }

  #open(): void {
    this.#retryTimer = undefined;
    if (this.#done) return;
    this.#attempts++;
    this.#heardAt = this.#config.now();
    this.#welcomeTimer = setTimeout(() => this.#cut("no welcome in time"), welcomeMs);
    try {
      this.#transport = this.#config.connect(this.#config.url, {
        open: () => this.#hello(),
        message: (bytes) => this.#receive(bytes),
        close: (code, reason) => this.#closed(TactusError.fromClose(code, reason)),
      });
    } catch (error) {
      // No WebSocket at all, or no URL for one.
      this.end(new TactusError(ErrorCode.unreachable, `The game server can't be reached: ${(error as Error).message}`));
    }
  }

  #hello(): void {
    const { event, schema } = this.#owner.seen();
    const w = this.writer.begin(2).int(MessageType.hello).map(5);
    if (this.resume) w.string("resume").string(this.resume);
    else w.string("token").string(this.#config.token ?? "");
    w.string("schema").int(schema).string("event").int(event).string("client").string(clientName).string("features").array(features.length);
    for (const feature of features) w.string(feature);
    const bytes = w.done();
    this.#helloAt = this.#config.now();
    this.bytesOut += bytes.length;
    this.#transport?.send(bytes);
  }

  #receive(bytes: Uint8Array): void {
    const now = this.#config.now();
    this.#heardAt = now;
    this.bytesIn += bytes.length;
    try {
      this.#reader.reset(bytes);
      const length = this.#reader.array();
      const type = this.#reader.int();
      if (type === MessageType.welcome) this.#welcome(mapOf(this.#reader.value()));
      else if (type === MessageType.pong) this.#owner.roundTrip(((Math.floor(now) >>> 0) - this.#reader.int()) >>> 0);
      else this.#owner.message(type, length, this.#reader, now);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.end(new TactusError(ErrorCode.malformed, `The server's message can't be read: ${error.message}.`));
    }
  }

  #welcome(map: Welcome): void {
    clearTimeout(this.#welcomeTimer);
    this.resume = stringOf(map.resume) || this.resume;
    this.#graceMs = numberOf(map.grace, 30_000);
    this.#live = true;
    this.#welcomed = true;
    this.#attempts = 0;
    this.#lostAt = 0;
    this.#owner.welcome(map);
    this.#owner.roundTrip(this.#heardAt - this.#helloAt);
    for (const bytes of this.#waiting.splice(0)) this.send(bytes);
    this.#ping();
  }

  #beat(): void {
    if (!this.#live) return;
    if (this.#config.now() - this.#heardAt > deadMs) this.#cut("nothing heard from the server");
    else this.#ping();
  }

  #ping(): void {
    this.send(this.writer.begin(2).int(MessageType.ping).int(Math.floor(this.#config.now()) >>> 0).done());
  }

  /** Gives the line up from this side. */
  #cut(why: string): void {
    this.#transport?.close();
    this.#closed(new TactusError(1006, `The connection was lost: ${why}.`, true));
  }

  #closed(error: TactusError): void {
    clearTimeout(this.#welcomeTimer);
    if (this.#done) return;
    const wasLive = this.#live;
    this.#live = false;
    this.#transport = undefined;
    if (!error.reconnect) return this.end(error);
    // A join token is good for one hello: without a welcome there is no seat to come back to.
    if (!this.resume) return this.end(new TactusError(ErrorCode.unreachable, `The game server can't be reached. ${error.message}`));
    const now = this.#config.now();
    if (this.#lostAt === 0) this.#lostAt = now;
    if (wasLive) this.#owner.lost();
    const patience = this.#welcomed ? this.#graceMs : welcomeMs;
    if (now - this.#lostAt > patience) {
      return this.end(new TactusError(ErrorCode.lost, "The connection was lost for longer than the seat is kept."));
    }
    this.#retryTimer = setTimeout(() => this.#retry(), this.#backoff());
  }

  /** Exponential, and anywhere between half and all of it, so that a restarted server is not met by everybody at once. */
  #backoff(): number {
    const ms = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.max(0, this.#attempts - 1));
    return ms * (0.5 + this.#config.random() / 2);
  }

  #retry(): void {
    if (globalThis.navigator?.onLine === false && this.#config.now() - this.#lostAt < this.#graceMs) {
      // The browser knows that there is no network; "online" comes sooner than this.
      this.#retryTimer = setTimeout(() => this.#retry(), maxBackoffMs);
      return;
    }
    this.#open();
  }

  /** The network is back, or the player looks again: waiting has no more reason. */
  #hurry = (): void => {
    if (globalThis.document?.visibilityState === "hidden") return;
    this.#beat();
    if (this.#live || this.#retryTimer === undefined) return;
    clearTimeout(this.#retryTimer);
    this.#open();
  };
}
