/** Reliable commands and their answers. */

import { type Connection, MessageType } from "./connection.ts";
import { ErrorCode, TactusError } from "./errors.ts";

interface Waiting {
  resolve(words: readonly number[]): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

const defaultTimeoutMs = 5000;
const maxArgs = 16;
const maxNameBytes = 32;

/** What the reasons of replies say to people. */
const refusals: Record<string, string> = {
  refused: "The game refused the command.",
  busy: "Too many commands at once.",
};

export class Commands {
  readonly #connection: Connection;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  send(name: string, args: readonly number[]): void {
    this.#write(0, name, args);
  }

  request(name: string, args: readonly number[], timeoutMs = defaultTimeoutMs): Promise<readonly number[]> {
    const id = (this.#lastId = (this.#lastId % 0x7fffffff) + 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new TactusError(ErrorCode.timeout, `The command "${name}" was not answered within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      try {
        this.#write(id, name, args);
      } catch (error) {
        this.#settle(id)?.reject(error as Error);
      }
    });
  }

  /** The server's answer. */
  reply(id: number, ok: boolean, words: readonly number[], reason: string): void {
    const waiting = this.#settle(id);
    if (ok) waiting?.resolve(words);
    else waiting?.reject(new TactusError(ErrorCode.refused, refusals[reason] ?? refusals.refused, false, reason));
  }

  /** No answer will come any more. */
  close(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(error);
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #write(id: number, name: string, args: readonly number[]): void {
    if (new TextEncoder().encode(name).length > maxNameBytes || args.length > maxArgs) {
      throw new TypeError(`a command has a name of at most ${maxNameBytes} bytes and at most ${maxArgs} numbers`);
    }
    const w = this.#connection.writer.begin(4).int(MessageType.command).int(id).string(name).array(args.length);
    for (const arg of args) w.int(arg | 0);
    if (!this.#connection.sendReliably(w.done())) throw new TactusError(ErrorCode.closed, "The match can't be reached.");
  }
}
