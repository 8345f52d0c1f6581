import { browserStore, type Keeper, type Store, tabStore } from "./storage.ts";

const markKey = "tactus.tab";
const lockName = "tactus.player";
/** How long a tab that asks waits for the browser's first tab to answer. */
const answerMs = 250;

/**
 * Where this tab keeps who its player is. The browser's first tab keeps it for
 * good, with the player's ratings; each further one until it is closed, so that
 * two tabs of one browser can meet in a match.
 */
export async function identityStore(tab: Store = tabStore, browser: Store = browserStore): Promise<Keeper> {
  const mark = tab.getItem(markKey);
  const first = await (globalThis.navigator?.locks ? claimLock(mark) : claimByAsking(mark));
  tab.setItem(markKey, first ? "first" : "further");
  return first ? browser : tab;
}

/** Takes the lock that the first tab holds as long as it lives; false when another one has it. */
function claimLock(mark: string | null): Promise<boolean> {
  const { locks } = navigator;
  // After a reload the lock may still be the old page's for a moment.
  if (mark === "first") locks.request(lockName, forever).catch(() => {});
  if (mark) return Promise.resolve(mark === "first");
  return new Promise((resolve) => {
    const taken = (lock: Lock | null): Promise<void> | undefined => {
      resolve(lock !== null);
      return lock ? forever() : undefined;
    };
    locks.request(lockName, { ifAvailable: true }, taken).catch(() => resolve(false));
  });
}

/**
 * The same where there are no locks, as on a page that came by plain http: asks
 * the other tabs whether one of them is the first, which answers with -1. Of
 * several that ask at one moment the one with the lowest number is, and answers, too.
 */
function claimByAsking(mark: string | null): Promise<boolean> {
  if (mark === "further") return Promise.resolve(false);
  if (!globalThis.BroadcastChannel) return Promise.resolve(true);
  const channel = new BroadcastChannel(lockName);
  const own = Math.random();
  let first: boolean | undefined = mark === "first" || undefined;
  return new Promise((resolve) => {
    const settle = (isFirst: boolean): void => {
      first = isFirst;
      if (!isFirst) channel.close();
      resolve(isFirst);
    };
    channel.onmessage = ({ data }: MessageEvent<number>) => {
      if (data >= 0 && (first ?? own < data)) channel.postMessage(-1);
      else if (first === undefined && data < own) settle(false);
    };
    if (first) return settle(true);
    channel.postMessage(own);
    // What came while the page was busy is read before it decides.
    setTimeout(() => setTimeout(() => first ?? settle(true)), answerMs);
  });
}

function forever(): Promise<void> {
  return new Promise(() => {});
}
