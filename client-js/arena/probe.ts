import type { Match } from "../src/index.ts";
import type { Phase } from "./transitions.ts";

/**
 * For tests of the page, read only: what it is doing and the match it is in.
 * Nothing in the page uses it.
 */
declare global {
  interface Window {
    readonly __tactus: { readonly phase: Phase; readonly match: Match | undefined };
  }
}

export function expose(page: { readonly phase: Phase; readonly play: { readonly match: Match } | undefined }): void {
  const value = Object.freeze({
    get phase(): Phase {
      return page.phase;
    },
    get match(): Match | undefined {
      return page.play?.match;
    },
  });
  Object.defineProperty(window, "__tactus", { value });
}
