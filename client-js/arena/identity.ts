const markKey = "tactus.tab";
const lockName = "tactus.player";

/**
 * Where this tab keeps who its player is. The browser's first tab keeps it for
 * good, with the player's ratings; each further one until it is closed, so that
 * two tabs of one browser can meet in a match.
 */
export async function identityStore(): Promise<Storage> {
  const mark = sessionStorage.getItem(markKey);
  const first = mark ? mark === "first" : await claim();
  // After a reload the lock may still be the old page's for a moment.
  if (mark === "first") void navigator.locks?.request(lockName, forever);
  sessionStorage.setItem(markKey, first ? "first" : "further");
  return first ? localStorage : sessionStorage;
}

/** Takes the lock that the first tab holds as long as it lives; false when another one has it, or there are no locks here. */
function claim(): Promise<boolean> {
  if (!navigator.locks) return Promise.resolve(false);
  return new Promise((resolve) => {
    const taken = (lock: Lock | null): Promise<void> | undefined => {
      resolve(lock !== null);
      return lock ? forever() : undefined;
    };
    navigator.locks.request(lockName, { ifAvailable: true }, taken).catch(() => resolve(false));
  });
}

function forever(): Promise<void> {
  return new Promise(() => {});
}
