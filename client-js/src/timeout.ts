/** Limits on how long something may take. */

import { abortError, ErrorCode, TactusError } from "./errors.ts";

enum Ms {
  /** setTimeout counts in 31 bits: anything longer would fire immediately. */
  longest = 0x7fffffff,
  /** A timer that fires later than this slept, with its page or its computer. */
  slept = 1000,
}

export type Timer = ReturnType<typeof setTimeout>;

/** setTimeout for any time, Infinity too. */
export function later(callback: () => void, ms: number): Timer {
  return setTimeout(callback, Math.min(ms, Ms.longest));
}

/**
 * Runs work until it ends, the caller's signal aborts, or it has not called received
 * for so many milliseconds. The promise settles then, whatever the work does; the
 * signal that the work gets is aborted. The URL is for the error.
 */
export function within<T>(
  ms: number,
  signal: AbortSignal | undefined,
  url: string,
  work: (signal: AbortSignal, received: () => void) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const inner = new AbortController();
    let timer: Timer;
    const settled =
      <V>(how: (value: V) => void) =>
      (value: V): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        how(value);
        inner.abort();
      };
    const fail = settled(reject);
    const abort = () => fail(abortError(signal!));
    const received = () => {
      if (inner.signal.aborted) return;
      clearTimeout(timer);
      const due = performance.now() + ms;
      // What came while everything slept was not read yet: it gets the time once more.
      timer = later(
        () =>
          performance.now() > due + Ms.slept
            ? received()
            : fail(new TactusError(ErrorCode.timeout, `${url} did not answer within ${ms} ms.`)),
        ms,
      );
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    received();
    work(inner.signal, received).then(settled(resolve), fail);
  });
}
