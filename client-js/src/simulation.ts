/** A bad network on purpose. A file of its own (simulation.mjs, package export tactus/simulation). */

import type { Connect } from "./index.ts";

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

/**
 * A network that is simulated between a client and its game server, as the
 * client's option: for tests, and for trying a game under bad conditions. It
 * works in user space: messages wait in this process.
 */
export function simulatedNetwork(conditions: NetworkConditions): (connect: Connect) => Connect {
  return (connect) => (url, handler) => {
    const down = new DelayLine(conditions);
    const up = new DelayLine(conditions);
    let inFlight = 0;
    const inner = connect(url, {
      open: () => down.push(() => handler.open()),
      message: (bytes) => down.push(() => handler.message(bytes)),
      close: (code, reason) => down.push(() => handler.close(code, reason)),
    });
    return {
      send: (bytes) => {
        const copy = bytes.slice();
        inFlight += copy.length;
        up.push(() => {
          inFlight -= copy.length;
          inner.send(copy);
        });
      },
      close: (code, reason) => {
        down.stop();
        // What was sent before still arrives, a farewell above all.
        up.push(() => inner.close(code, reason));
      },
      get pending() {
        return inner.pending + inFlight;
      },
    };
  };
}

/** Runs actions later, each after the one before. */
class DelayLine {
  readonly #conditions: NetworkConditions;
  #last = 0;
  #stopped = false;
  readonly #begun = performance.now();
  readonly #queue: { at: number; action: () => void }[] = [];

  constructor(conditions: NetworkConditions) {
    this.#conditions = conditions;
  }

  push(action: () => void): void {
    const { delayMs = 0, jitterMs = 0, random = Math.random } = this.#conditions;
    const now = performance.now();
    const at = Math.max(this.#last, this.#afterStall(now + delayMs + jitterMs * random()));
    this.#last = at;
    this.#queue.push({ at, action });
    if (this.#queue.length === 1) this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }

  #afterStall(at: number): number {
    const { stallEveryMs = 0, stallMs = 0 } = this.#conditions;
    if (stallEveryMs <= 0) return at;
    const phase = (at - this.#begun) % stallEveryMs;
    const quiet = stallEveryMs - stallMs;
    return phase < quiet ? at : at + stallEveryMs - phase;
  }

  #wait(): void {
    setTimeout(() => this.#run(), Math.max(0, this.#queue[0]!.at - performance.now()));
  }

  #run(): void {
    const now = performance.now();
    while (!this.#stopped && this.#queue.length > 0 && this.#queue[0]!.at <= now) this.#queue.shift()!.action();
    if (!this.#stopped && this.#queue.length > 0) this.#wait();
  }
}
