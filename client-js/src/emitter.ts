/** Named callbacks. */

import type { Unsubscribe } from "./api/match.ts";

export class Emitter<Events extends { [K in keyof Events]: (...args: never[]) => void }> {
  readonly #callbacks = new Map<keyof Events, Set<Events[keyof Events]>>();

  on<K extends keyof Events>(name: K, callback: Events[K]): Unsubscribe {
    let set = this.#callbacks.get(name);
    if (!set) this.#callbacks.set(name, (set = new Set()));
    set.add(callback);
    return () => set.delete(callback);
  }

  emit<K extends keyof Events>(name: K, ...args: Parameters<Events[K]>): void {
    for (const callback of this.#callbacks.get(name) ?? []) {
      guarded(callback as (...args: Parameters<Events[K]>) => void, ...args);
    }
  }
}

/** Calls a game's callback; its error is reported as an uncaught one would be, the client goes on. */
export function guarded<A extends unknown[]>(callback: (...args: A) => void, ...args: A): void {
  try {
    callback(...args);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}
