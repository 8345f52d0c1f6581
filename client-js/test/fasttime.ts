/** Time for tests of long limits. */

import { mock } from "node:test";

/** Makes timers and performance.now run so many times as fast, until mock.restoreAll. */
export function hurryTime(speed: number): void {
  const { setTimeout } = globalThis;
  const now = performance.now.bind(performance);
  const fast = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    setTimeout(callback, ms / speed, ...args);
  mock.method(performance, "now", () => now() * speed);
  mock.method(globalThis, "setTimeout", fast);
}
