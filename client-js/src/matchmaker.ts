/**
 * The matchmaker over the Connect protocol with JSON
 * (connectrpc.com/docs/protocol): unary calls are POSTs, watches are streams of
 * envelopes.
 */

import { ErrorCode, TactusError } from "./errors.ts";
import { pause } from "./pause.ts";
import type { ClientOptions, MatchmakerApi } from "./types.ts";

const service = "/tactus.matchmaker.v1.MatchmakerService/";

/** gRPC statuses by their Connect names, in the order of their numbers. */
const statusNames =
  "ok canceled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied resource_exhausted failed_precondition aborted out_of_range unimplemented internal unavailable data_loss unauthenticated".split(
    " ",
  );

const unknown = 2;
const unavailable = 14;
const unauthenticated = 16;

/** What an answer that is not from a matchmaker means (connectrpc.com/docs/protocol, "HTTP to error code"). */
const statusOfHttp: Record<number, number> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };

/** An error in the Connect protocol's JSON. */
interface ConnectError {
  code?: string;
  message?: string;
  details?: { type?: string; value?: string }[];
}

function matchmakerError(error: ConnectError, status: number): TactusError {
  const named = statusNames.indexOf(error.code ?? "");
  const number = named > 0 ? named : (statusOfHttp[status] ?? unknown);
  const sentence = error.message || `The matchmaker answered HTTP ${status}.`;
  return new TactusError(ErrorCode.matchmaker + number, sentence, false, reasonOf(error));
}

/** The reason in a google.rpc.ErrorInfo: its field 1, which comes first and is shorter than 128 bytes. */
function reasonOf({ details = [] }: ConnectError): string {
  for (const { type, value = "" } of details) {
    if (type !== "google.rpc.ErrorInfo") continue;
    const bytes = atob(value);
    if (bytes[0] === "\n") return bytes.slice(2, 2 + bytes.charCodeAt(1));
  }
  return "";
}

const endOfStream = 2;
const envelopeHead = 5;

/** Pauses before a broken watch is resumed. What is watched is kept for five seconds or more without a watcher. */
const firstBackoffMs = 200;
const maxBackoffMs = 2000;

/** A watch that can't be resumed for so long is given up. */
const patienceMs = 20_000;

/** Failures that another attempt, maybe at another replica, can mend. */
const mendable = new Set<number>([
  ErrorCode.unreachable,
  ErrorCode.matchmaker + 4, // deadline exceeded
  ErrorCode.matchmaker + 8, // resource exhausted
  ErrorCode.matchmaker + unavailable,
]);

/** A call with a request id is made so often, should its answer be lost. */
const attempts = 3;

const guestKey = "tactus.guest";
const playerKey = "tactus.player";

interface Identity {
  guestToken?: string;
  playerId?: string;
}

export class Matchmaker implements MatchmakerApi {
  readonly #origin: string;
  readonly #storage: ClientOptions["storage"];

  constructor(origin: string, storage: ClientOptions["storage"]) {
    this.#origin = origin.replace(/\/$/, "");
    this.#storage = storage === undefined ? pageStorage() : storage;
    this.playerId = this.#storage?.getItem(playerKey) ?? "";
  }

  playerId: string;

  async call<Answer>(method: string, request: object, signal?: AbortSignal, keepalive = false): Promise<Answer> {
    const response = await this.#post(method, "application/json", JSON.stringify(request), signal, keepalive);
    const body = (await response.json().catch(() => ({}))) as Answer & ConnectError;
    if (!response.ok) throw matchmakerError(body, response.status);
    return body;
  }

  async enter<Answer>(
    method: string,
    request: { identityToken?: string; requestId?: string },
    signal?: AbortSignal,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const guestToken = request.identityToken ? "" : (this.#storage?.getItem(guestKey) ?? "");
      try {
        const answer = await this.call<Answer & Identity>(method, { ...request, guestToken }, signal);
        this.#keep(playerKey, (this.playerId = answer.playerId ?? ""));
        if (!request.identityToken) this.#keep(guestKey, answer.guestToken);
        return answer;
      } catch (error) {
        const code = error instanceof TactusError ? error.code : 0;
        if (code === ErrorCode.unreachable && request.requestId && attempt < attempts) {
          await pause(backoff(attempt), signal);
        } else if (code === ErrorCode.matchmaker + unauthenticated && guestToken) {
          // The token is from another installation: start over as a new guest.
          this.#keep(guestKey);
        } else throw error;
      }
    }
  }

  async follow<Message>(
    method: string,
    request: object,
    take: (message: Message) => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    let brokenAt = 0;
    for (let broken = 1; ; broken++) {
      let problem: TactusError | undefined;
      try {
        for await (const message of this.#messages<Message>(method, request, signal)) {
          broken = 0;
          if (take(message)) return;
        }
      } catch (error) {
        if (!(error instanceof TactusError) || !mendable.has(error.code)) throw error;
        problem = error;
      }
      const now = performance.now();
      if (broken < 2) brokenAt = now;
      if (now - brokenAt > patienceMs) {
        throw problem ?? new TactusError(ErrorCode.unreachable, "The matchmaker stopped answering.");
      }
      await pause(backoff(broken), signal);
    }
  }

  async *#messages<Message>(method: string, request: object, signal?: AbortSignal): AsyncGenerator<Message> {
    const response = await this.#post(method, "application/connect+json", envelope(request), signal);
    if (!response.ok || !response.body) {
      throw matchmakerError((await response.json().catch(() => ({}))) as ConnectError, response.status);
    }
    for await (const { flags, text } of envelopes(response.body)) {
      const message = JSON.parse(text) as Message | { error?: ConnectError };
      if ((flags & endOfStream) === 0) {
        yield message as Message;
        continue;
      }
      const { error } = message as { error?: ConnectError };
      if (error) throw matchmakerError(error, response.status);
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

  #keep(key: string, value?: string): void {
    if (value) this.#storage?.setItem(key, value);
    else this.#storage?.removeItem(key);
  }
}

function pageStorage(): ClientOptions["storage"] {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    // Storage is forbidden here: the player is a new guest each time.
    return null;
  }
}

function unreachable(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return error;
  return new TactusError(ErrorCode.unreachable, `The matchmaker can't be reached: ${(error as Error).message}.`);
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

/** Exponential, and anywhere between half and all of it, so that a new replica is not met by everybody at once. */
function backoff(failures: number): number {
  return Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.max(0, failures - 1)) * (0.5 + Math.random() / 2);
}
