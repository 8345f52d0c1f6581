/** What the browser keeps for the page. It may be forbidden, full, or not there: then what is kept lasts as long as the page. */

/** The part of Storage that the page and its client use. */
export type Keeper = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** A storage that never throws. */
export class Store implements Keeper {
  /** What the storage did not take. */
  private readonly memory = new Map<string, string | null>();

  constructor(private readonly open: () => Keeper | undefined) {}

  getItem(key: string): string | null {
    const held = this.memory.get(key);
    if (held !== undefined) return held;
    return this.attempt((storage) => storage.getItem(key)) ?? null;
  }

  setItem(key: string, value: string): void {
    this.keep(key, value, (storage) => storage.setItem(key, value));
  }

  removeItem(key: string): void {
    this.keep(key, null, (storage) => storage.removeItem(key));
  }

  /** The value as it was given to setJson; undefined where there is none that can be read. */
  getJson<T>(key: string): T | undefined {
    try {
      return (JSON.parse(this.getItem(key) ?? "null") as T | null) ?? undefined;
    } catch {
      return undefined;
    }
  }

  setJson(key: string, value: unknown): void {
    this.setItem(key, JSON.stringify(value));
  }

  private keep(key: string, value: string | null, action: (storage: Keeper) => void): void {
    const taken = this.attempt((storage) => (action(storage), true));
    if (taken) this.memory.delete(key);
    else this.memory.set(key, value);
  }

  private attempt<T>(action: (storage: Keeper) => T): T | undefined {
    try {
      const storage = this.open();
      return storage && action(storage);
    } catch {
      return undefined;
    }
  }
}

/** Of this tab, until it is closed. */
export const tabStore = new Store(() => globalThis.sessionStorage);

/** Of all tabs, for good. */
export const browserStore = new Store(() => globalThis.localStorage);
