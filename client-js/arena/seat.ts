import type { SavedSeat } from "../src/index.ts";
import { tabStore } from "./storage.ts";

const key = "tactus.seat";
/** A seat older than this is not worth asking for: the server keeps it for 30 s. */
const freshMs = 60_000;

/** A seat as this tab remembers it over a reload. */
export interface KeptSeat {
  saved: SavedSeat;
  /** Code of the private room, empty for a public match. */
  room: string;
}

/** Keeps the seat in this tab; call again now and then to keep it fresh. */
export function keepSeat(seat: KeptSeat): void {
  tabStore.setJson(key, { ...seat, at: Date.now() });
}

export function forgetSeat(): void {
  tabStore.removeItem(key);
}

/** The seat this tab had a moment ago. */
export function keptSeat(): KeptSeat | undefined {
  const kept = tabStore.getJson<KeptSeat & { at: number }>(key);
  if (!kept?.saved?.resume || Date.now() - kept.at > freshMs) return undefined;
  return { saved: kept.saved, room: kept.room ?? "" };
}
