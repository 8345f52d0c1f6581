/**
 * One seat's connection: hello and welcome, pings, finding out that the line is
 * dead, and coming back with the resume token while the seat is kept.
 */

import { CloseCode } from "./codes.ts";
import { ErrorCode, TactusError, unreachable } from "./errors.ts";
import { MalformedError, Reader, Writer } from "./msgpack.ts";
import { backoff } from "./pause.ts";
import { type Fields, mapOf, read } from "./schema.ts";
import type { Connect, Transport } from "./api/transport.ts";

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

enum Ms {
  ping = 2000,
  /** A connection that is silent for so long is dead: the server answers a ping every two seconds. */
  dead = 7000,
  /** After a sleep of the page the connection counts as silent for at most so long: it gets a ping first. */
  silentAsleep = 5500,
  /** From a new connection to the welcome, and from there to the first state. */
  welcome = 8000,
  maxBackoff = 4000,
}

enum Limit {
  /** Reliable messages that wait for the connection to come back. */
  waiting = 64,
  /** An uplink with more bytes than this waiting gets no more inputs: by the time they arrive they are too late. */
  pending = 16384,
}

const clientName = "tactus-js/0.1";

/** What a connection reports. */
export interface ConnectionHandler {
  /** First or renewed; a keyframe follows. */
  welcome(map: Fields): void;
  /** Any other message; the reader stands behind its type, length counts all elements. */
  message(type: number, length: number, reader: Reader, now: number): void;
  /** The connection broke by this error. The client reconnects. */
  lost(why: TactusError): void;
  /** The connection has ended for good. */
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
  readonly #handler: ConnectionHandler;
  #transport: Transport | undefined;
  readonly #reader = new Reader();
  readonly writer = new Writer();
  #live = false;
  #done = false;
  /** The handler knows that it is over. A seat that was left while the line was broken is freed after that. */
  #endReported = false;
  #graceMs = 0;
  #lostAt = 0;
  #helloAt = 0;
  #receivedAt = 0;
  #checkedAt: number;
  #attempts = 0;
  #welcomed = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #welcomeTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #pingTimer: ReturnType<typeof setInterval>;
  readonly #waiting: Uint8Array<ArrayBuffer>[] = [];

  constructor(config: ConnectionConfig, handler: ConnectionHandler) {
    this.#config = config;
    this.#handler = handler;
    this.resume = config.resume ?? "";
    this.#checkedAt = config.now();
    this.#pingTimer = setInterval(() => this.#checkLine(), Ms.ping);
    this.#listen("addEventListener");
    this.#open();
  }

  /** Whether messages reach the server. */
  get isLive(): boolean {
    return this.#live;
  }

  /** Whether the uplink is so far behind that inputs would come too late. */
  get isCongested(): boolean {
    return (this.#transport?.pending ?? 0) > Limit.pending;
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
    else if (this.#waiting.length >= Limit.waiting || this.#endReported) return false;
    else this.#waiting.push(bytes.slice());
    return true;
  }

  /** Ends, and frees the seat: now, or when the line is mended, should that be before the seat's grace is over. */
  leave(): void {
    this.send(this.writer.begin(1).int(MessageType.bye).done());
    const left = new TactusError(CloseCode.Left, "The player left the match.");
    if (this.#live) this.end(left);
    else this.#reportEnd(left);
  }

  /** Ends with this error. The seat stays for its grace. */
  end(error: TactusError): void {
    if (this.#done) return;
    this.#done = true;
    this.#live = false;
    clearInterval(this.#pingTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#welcomeTimer);
    this.#listen("removeEventListener");
    this.#transport?.close(1000, "");
    this.#reportEnd(error);
  }

  #reportEnd(error: TactusError): void {
    if (this.#endReported) return;
    this.#endReported = true;
    this.#handler.ended(error);
  }

  #listen(how: "addEventListener" | "removeEventListener"): void {
    globalThis[how]?.("online", this.#reconnectNow);
    globalThis.document?.[how]("visibilitychange", this.#reconnectNow);
  }

  #open(): void {
    this.#retryTimer = undefined;
    if (this.#done) return;
    this.#attempts++;
    this.#receivedAt = this.#config.now();
    this.#awaitState();
    try {
      this.#transport = this.#config.connect(this.#config.url, {
        open: () => this.#hello(),
        message: (bytes) => this.#receive(bytes),
        close: (code, reason) => this.#closed(TactusError.fromClose(code, reason)),
      });
    } catch (error) {
      // No WebSocket at all, or no URL for one.
      this.end(this.#unreachable((error as Error).message));
    }
  }

  #unreachable(why: string): TactusError {
    return unreachable("game server", this.#config.url, why);
  }

  #hello(): void {
    const { event, schema } = this.#handler.seen();
    const w = this.writer.begin(2).int(MessageType.hello).map(5);
    if (this.resume) w.string("resume").string(this.resume);
    else w.string("token").string(this.#config.token ?? "");
    w.string("schema").int(schema).string("event").int(event).string("client").string(clientName);
    // Additions to the wire that this client knows (docs/protocol.md, "Features").
    const bytes = w.string("features").array(1).string("reply").done();
    this.#helloAt = this.#config.now();
    this.bytesOut += bytes.length;
    this.#transport?.send(bytes);
  }

  #receive(bytes: Uint8Array): void {
    const now = this.#config.now();
    this.#receivedAt = now;
    this.bytesIn += bytes.length;
    try {
      this.#reader.reset(bytes);
      const length = this.#reader.array();
      const type = this.#reader.int();
      if (type === MessageType.welcome) this.#welcome(mapOf(this.#reader.value()));
      else if (type === MessageType.pong) this.#handler.roundTrip(((Math.floor(now) >>> 0) - this.#reader.int()) >>> 0);
      else {
        this.#handler.message(type, length, this.#reader, now);
        if (type === MessageType.snapshot) this.#stateReceived();
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.end(new TactusError(ErrorCode.malformed, `The server's message can't be read: ${error.message}.`));
    }
  }

  #welcome(map: Fields): void {
    const { resume, grace } = read(map, { resume: this.resume, grace: 30_000 });
    this.resume = resume;
    this.#graceMs = grace;
    this.#live = true;
    this.#welcomed = true;
    if (this.#endReported) return this.leave();
    this.#awaitState();
    this.#handler.welcome(map);
    this.#handler.roundTrip(this.#receivedAt - this.#helloAt);
    for (const bytes of this.#waiting.splice(0)) this.send(bytes);
    this.#ping();
  }

  /** Limits the time until the welcome, and from there until the state. */
  #awaitState(): void {
    clearTimeout(this.#welcomeTimer);
    this.#welcomeTimer = setTimeout(() => this.#cut("no state in time"), Ms.welcome);
  }

  /** The state is there, the line is mended. */
  #stateReceived(): void {
    clearTimeout(this.#welcomeTimer);
    this.#attempts = 0;
    this.#lostAt = 0;
  }

  #checkLine(): void {
    const now = this.#config.now();
    const slept = now - this.#checkedAt - Ms.ping;
    this.#checkedAt = now;
    if (slept > Ms.ping) {
      // Bytes that came meanwhile are not read yet, and no attempt to reconnect was made.
      this.#receivedAt = Math.max(this.#receivedAt, now - Ms.silentAsleep);
      this.#lostAt &&= this.#lostAt + slept;
    }
    if (!this.#live) return;
    if (now - this.#receivedAt > Ms.dead) this.#cut("nothing heard from the server");
    else this.#ping();
  }

  #ping(): void {
    this.send(
      this.writer
        .begin(2)
        .int(MessageType.ping)
        .int(Math.floor(this.#config.now()) >>> 0)
        .done(),
    );
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
    if (!this.resume) return this.end(this.#unreachable(error.message));
    const now = this.#config.now();
    this.#lostAt ||= now;
    if (wasLive) this.#handler.lost(error);
    const patience = this.#welcomed ? this.#graceMs : Ms.welcome;
    if (now - this.#lostAt > patience) {
      return this.end(new TactusError(ErrorCode.lost, "The connection was lost for longer than the seat is kept."));
    }
    this.#retryTimer = setTimeout(() => this.#retry(), backoff(this.#attempts, Ms.maxBackoff, this.#config.random));
  }

  #retry(): void {
    if (globalThis.navigator?.onLine === false && this.#config.now() - this.#lostAt < this.#graceMs) {
      // The browser knows that there is no network; "online" comes sooner than this.
      this.#retryTimer = setTimeout(() => this.#retry(), Ms.maxBackoff);
      return;
    }
    this.#open();
  }

  /** The network is back, or the player looks again: waiting has no more reason. */
  #reconnectNow = (): void => {
    if (globalThis.document?.visibilityState === "hidden") return;
    this.#checkLine();
    if (this.#live || this.#retryTimer === undefined) return;
    clearTimeout(this.#retryTimer);
    this.#open();
  };
}
