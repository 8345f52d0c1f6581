/** What is sent reliably and answered: commands and chat. */

import { type Connection, MessageType } from "./connection.ts";
import { ErrorCode, TactusError } from "./errors.ts";
import { bytesOf, type Writer } from "./msgpack.ts";
import { cleaned } from "./text.ts";
import { later, type Timer } from "./timeout.ts";
import type { ChatOutcome } from "./api/match.ts";

interface Waiting {
  resolve(words: readonly number[]): void;
  reject(error: Error): void;
  timer: Timer;
}

enum Ms {
  answer = 5000,
  /** For chat that waits until the connection is back. */
  late = 40_000,
}

enum Limit {
  args = 16,
  nameBytes = 32,
  chatBytes = 200,
}

export class Commands {
  /** Whether the server answers chat. */
  answersChat = false;
  readonly #connection: Connection;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  send(name: string, args: readonly number[]): void {
    this.#command(0, name, args);
  }

  request(name: string, args: readonly number[], timeoutMs = Ms.answer): Promise<readonly number[]> {
    return this.#ask(`command "${name}"`, timeoutMs, (id) => this.#command(id, name, args));
  }

  /** Sends a line of chat. The outcome never rejects. */
  async say(text: string): Promise<ChatOutcome> {
    const line = cleaned(text);
    const long = bytesOf(line).length > Limit.chatBytes;
    let reason = long ? "too_long" : line ? "" : "bad_text";
    try {
      if (!reason) await this.#say(line);
    } catch (error) {
      ({ reason } = error as TactusError);
    }
    return { sent: !reason, reason };
  }

  /** The server's answer. */
  reply(id: number, ok: boolean, words: readonly number[], reason: string): void {
    const waiting = this.#takeWaiting(id);
    if (ok) waiting?.resolve(words);
    else
      waiting?.reject(
        new TactusError(ErrorCode.refused, `The match refused it: ${reason || "no reason given"}.`, false, reason),
      );
  }

  /** No answer will come any more. */
  close(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#takeWaiting(id)?.reject(error);
  }

  #ask(what: string, timeoutMs: number, write: (id: number) => void): Promise<readonly number[]> {
    const id = (this.#lastId = (this.#lastId % 0x7fffffff) + 1);
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => this.#takeWaiting(id)?.reject(error as Error);
      const timer = later(
        () =>
          fail(
            new TactusError(
              ErrorCode.timeout,
              `The ${what} was not answered within ${timeoutMs} ms.`,
              false,
              "timeout",
            ),
          ),
        timeoutMs,
      );
      this.#waiting.set(id, { resolve, reject, timer });
      try {
        write(id);
      } catch (error) {
        fail(error);
      }
    });
  }

  #takeWaiting(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #command(id: number, name: string, args: readonly number[]): void {
    if (bytesOf(name).length > Limit.nameBytes || args.length > Limit.args) {
      throw new TypeError(`a command has at most ${Limit.nameBytes} bytes of name and ${Limit.args} numbers`);
    }
    const w = this.#connection.writer.begin(4).int(MessageType.command).int(id).string(name).array(args.length);
    for (const arg of args) w.int(arg | 0);
    this.#write(w);
  }

  #say(line: string): unknown {
    const write = (id: number) =>
      this.#write(this.#connection.writer.begin(3).int(MessageType.chat).string(line).int(id));
    if (!this.answersChat) return write(0);
    return this.#ask("chat", this.#connection.isLive ? Ms.answer : Ms.late, write);
  }

  #write(w: Writer): void {
    if (!this.#connection.sendReliably(w.done())) throw closed("The match can't be reached.");
  }
}

/** The error of what a match without a connection can't do. */
export function closed(message: string): TactusError {
  return new TactusError(ErrorCode.closed, message, false, "closed");
}
