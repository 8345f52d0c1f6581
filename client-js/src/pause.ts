/** Waiting. */

/** Resolves after so many milliseconds; an abort rejects with its reason. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

const firstBackoffMs = 200;

/**
 * The pause after so many failures in a row: exponential, with jitter down to one
 * half, so that not all clients meet a restarted server at the same moment.
 */
export function backoff(failures: number, maxMs: number, random = Math.random): number {
  return Math.min(maxMs, firstBackoffMs * 2 ** Math.max(0, failures - 1)) * (0.5 + random() / 2);
}
