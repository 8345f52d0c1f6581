/**
 * The matchmaker over the Connect protocol with JSON
 * (connectrpc.com/docs/protocol): unary calls are POSTs, the watched ticket is
 * a stream of envelopes.
 */

import { ErrorCode, TactusError } from "./errors.ts";

const service = "/tactus.matchmaker.v1.MatchmakerService/";

/** gRPC status numbers by their Connect names. */
const statusNumbers: Record<string, number> = {
  canceled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  out_of_range: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  data_loss: 15,
  unauthenticated: 16,
};

/** Names of a ticket's end reasons, by number. */
const endReasons = [
  "END_REASON_UNSPECIFIED",
  "END_REASON_MATCHED",
  "END_REASON_CANCELLED",
  "END_REASON_EXPIRED",
  "END_REASON_REPLACED",
  "END_REASON_ALLOCATION_FAILED",
  "END_REASON_UNMATCHABLE",
  "END_REASON_ABANDONED",
];

export interface Assignment {
  matchId: string;
  url: string;
  joinToken: string;
  game: string;
  mode: string;
  roomCode?: string;
}

/** One news of a watched ticket; fields with their zero value are left out, as JSON of protobuf does. */
interface TicketUpdate {
  state?: string;
  waitedMs?: number;
  estimatedWaitMs?: number;
  searching?: number;
  assignment?: Assignment;
  reason?: string;
  message?: string;
}

export interface TicketRequest {
  game?: string;
  mode?: string;
  playerName?: string;
  guestToken?: string;
  roomCode?: string;
  matchId?: string;
}

export interface Ticket {
  ticketId: string;
  playerId: string;
  guestToken: string;
  playerName: string;
}

/** An error in the Connect protocol's JSON. */
interface ConnectError {
  code?: string;
  message?: string;
}

function matchmakerError(error: ConnectError | undefined, status: number): TactusError {
  const number = statusNumbers[error?.code ?? ""] ?? 2;
  return new TactusError(ErrorCode.matchmaker + number, error?.message || `The matchmaker answered HTTP ${status}.`);
}

const endOfStream = 2;
const envelopeHead = 5;

/** A ticket whose stream breaks is kept for a few seconds: it is watched again so many times. */
const rewatches = 3;
const rewatchMs = 500;

export class Matchmaker {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin.replace(/\/$/, "");
  }

  /** A call with one answer. Empty answers are an empty object. */
  async call<Answer>(method: string, request: object, signal?: AbortSignal, keepalive = false): Promise<Answer> {
    const response = await this.#post(method, "application/json", JSON.stringify(request), signal, keepalive);
    const body = (await response.json().catch(() => ({}))) as Answer & ConnectError;
    if (!response.ok) throw matchmakerError(body, response.status);
    return body;
  }

  /**
   * Watches a ticket until it is assigned, and returns the assignment. A ticket
   * that ends otherwise is an error of 200 and its reason's number.
   */
  async watch(ticketId: string, onUpdate: (update: TicketUpdate) => void, signal?: AbortSignal): Promise<Assignment> {
    for (let broken = 0; ; broken++) {
      try {
        for await (const update of this.#updates(ticketId, signal)) {
          broken = 0;
          if (update.state === "STATE_ASSIGNED" && update.assignment) return update.assignment;
          if (update.state === "STATE_ENDED") throw endError(update);
          onUpdate(update);
        }
      } catch (error) {
        const mendable = error instanceof TactusError && error.code === ErrorCode.unreachable;
        if (!mendable || broken >= rewatches) throw error;
      }
      if (broken >= rewatches) throw new TactusError(ErrorCode.unreachable, "The matchmaker stopped answering.");
      await pause(rewatchMs, signal);
    }
  }

  async *#updates(ticketId: string, signal?: AbortSignal): AsyncGenerator<TicketUpdate> {
    const response = await this.#post("WatchTicket", "application/connect+json", envelope({ ticketId }), signal);
    if (!response.ok || !response.body) {
      throw matchmakerError((await response.json().catch(() => undefined)) as ConnectError | undefined, response.status);
    }
    for await (const { flags, text } of envelopes(response.body)) {
      const message = JSON.parse(text) as TicketUpdate & { error?: ConnectError };
      if ((flags & endOfStream) === 0) {
        yield message;
        continue;
      }
      if (message.error) throw matchmakerError(message.error, response.status);
      return;
    }
  }

  async #post(
    method: string,
    contentType: string,
    body: string | Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
    keepalive = false,
  ): Promise<Response> {
    const headers = { "Content-Type": contentType, "Connect-Protocol-Version": "1" };
    try {
      return await fetch(this.#origin + service + method, { method: "POST", headers, body, signal, keepalive });
    } catch (error) {
      throw unreachable(error, signal);
    }
  }
}

function unreachable(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return error;
  return new TactusError(ErrorCode.unreachable, `The matchmaker can't be reached: ${(error as Error).message}.`);
}

function endError({ reason, message }: TicketUpdate): TactusError {
  const number = Math.max(0, endReasons.indexOf(reason ?? ""));
  return new TactusError(ErrorCode.ticket + number, message || `The search ended: ${endReasons[number]}.`);
}

function envelope(message: object): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const out = new Uint8Array(envelopeHead + text.length);
  new DataView(out.buffer).setUint32(1, text.length);
  out.set(text, envelopeHead);
  return out;
}

/** Cuts a stream of bytes into envelopes: flags, length, text. */
async function* envelopes(body: ReadableStream<Uint8Array>): AsyncGenerator<{ flags: number; text: string }> {
  const reader = body.getReader();
  let rest = new Uint8Array(0);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw (error as Error).name === "AbortError" ? error : unreachable(error);
      });
      if (done) return;
      const joined = new Uint8Array(rest.length + value.length);
      joined.set(rest);
      joined.set(value, rest.length);
      rest = joined;
      while (rest.length >= envelopeHead) {
        const end = envelopeHead + new DataView(rest.buffer, rest.byteOffset).getUint32(1);
        if (rest.length < end) break;
        yield { flags: rest[0], text: new TextDecoder().decode(rest.subarray(envelopeHead, end)) };
        rest = rest.slice(end);
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
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
