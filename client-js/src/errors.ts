/** Numbered errors. 4000-4999 are the wire's close codes; the rest is the client's own. */

import { CloseCode, reconnects } from "./codes.ts";
import type { TactusErrorLike } from "./api/match.ts";

/** Numbers of what can go wrong before and beside the connection; see docs/client.md. */
export const ErrorCode = {
  /** The matchmaker, or the game server, can't be reached. */
  unreachable: 100,
  /** No answer in time. */
  timeout: 101,
  /** The game refused the command. */
  refused: 102,
  /** The match is closed. */
  closed: 103,
  /** The lost connection did not come back within the seat's grace. */
  lost: 104,
  /** The rules in WebAssembly can't be used; play goes on without prediction. */
  rules: 105,
  /** The server's bytes can't be understood. */
  malformed: 106,
  /** 200 and the number of the ticket's end reason. */
  ticket: 200,
  /** 300 and the number of the gRPC status that the matchmaker answered. */
  matchmaker: 300,
} as const;

/** An error with a number that stays the same between versions. */
export class TactusError extends Error implements TactusErrorLike {
  override name = "TactusError";
  readonly code: number;
  /** Whether coming back to the same seat can help. */
  readonly reconnect: boolean;
  /** Why it was refused, or the search ended, as a name that stays the same between versions; empty where there is none. */
  readonly reason: string;
  /** With the reason "IN_MATCH": the rated match that the player sits in. */
  readonly matchId: string;
  /** The refused call may succeed after so long; 0: the answer did not say. */
  readonly retryAfterMs: number;

  constructor(code: number, message: string, reconnect = false, reason = "", matchId = "", retryAfterMs = 0) {
    super(message);
    this.code = code;
    this.reconnect = reconnect;
    this.reason = reason;
    this.matchId = matchId;
    this.retryAfterMs = retryAfterMs;
  }

  /** The error of a WebSocket close: the server's reason, or the name of the code where there is none. */
  static fromClose(code: number, reason: string): TactusError {
    const name = Object.keys(CloseCode).find((key) => CloseCode[key as keyof typeof CloseCode] === code) ?? code;
    return new TactusError(code, reason || `The connection was closed: ${name}.`, reconnects(code));
  }
}

/** The error of a URL that does not answer. Browsers do not say whether they blocked the request themselves. */
export function unreachable(what: string, url: string, why: string): TactusError {
  const mixed =
    globalThis.location?.protocol === "https:" && /^(http|ws):/.test(url)
      ? "; a page that came by https needs https and wss"
      : "";
  return new TactusError(ErrorCode.unreachable, `The ${what} can't be reached at ${url}: ${why}${mixed}.`);
}

/** The error that an aborted operation rejects with. */
export function abortError(signal: AbortSignal): Error {
  const { reason } = signal;
  return reason instanceof Error ? reason : new DOMException("The operation was aborted.", "AbortError");
}
