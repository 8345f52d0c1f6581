/** Ordered, reliable binary messages to a game server. */

import type { NetworkConditions, WebSocketClass } from "./types.ts";

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

const subprotocol = "tactus.v1";
const open = 1;

/** Connects by WebSocket. */
export function webSocketConnect(implementation?: WebSocketClass): Connect {
  return (url, handler) => {
    const Socket = implementation ?? (globalThis.WebSocket as unknown as WebSocketClass | undefined);
    if (!Socket) throw new TypeError("no WebSocket here; pass one as the client's option webSocket");
    const socket = new Socket(url, [subprotocol]);
    socket.binaryType = "arraybuffer";
    let live = true;
    socket.onopen = () => live && handler.open();
    socket.onmessage = (event: { data: unknown }) => {
      if (live && event.data instanceof ArrayBuffer) handler.message(new Uint8Array(event.data));
    };
    // An error is always followed by a close.
    socket.onerror = () => {};
    socket.onclose = (event: { code: number; reason: string }) => {
      if (!live) return;
      live = false;
      handler.close(event.code, event.reason);
    };
    return {
      send: (bytes) => socket.readyState === open && socket.send(bytes),
      close: (code, reason) => {
        live = false;
        socket.close(code, reason);
      },
      get pending() {
        return socket.bufferedAmount;
      },
    };
  };
}

/**
 * Wraps a way to connect in a simulated network, for tests and for trying a game
 * under bad conditions. It works in user space: messages wait in this process.
 */
export function simulatedNetwork(connect: Connect, conditions: NetworkConditions): Connect {
  return (url, handler) => {
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
    setTimeout(() => this.#run(), Math.max(0, this.#queue[0].at - performance.now()));
  }

  #run(): void {
    const now = performance.now();
    while (!this.#stopped && this.#queue.length > 0 && this.#queue[0].at <= now) this.#queue.shift()!.action();
    if (!this.#stopped && this.#queue.length > 0) this.#wait();
  }
}
