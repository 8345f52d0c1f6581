/**
 * The matchmaker over the Connect protocol with JSON
 * (connectrpc.com/docs/protocol): unary calls are POSTs, watches are streams of
 * envelopes.
 */

import { ErrorCode, TactusError, unreachable } from "./errors.ts";
import type { CreateTicketResponse } from "./matchmakerv1.ts";
import { bytesOf } from "./msgpack.ts";
import { backoff, pause } from "./pause.ts";
import { Refusal } from "./refusal.ts";
import { within } from "./timeout.ts";
import type { ClientOptions, MatchmakerApi } from "./api/client.ts";

const service = "/tactus.matchmaker.v1.MatchmakerService/";

/** gRPC statuses by the first letters of their Connect names, in the order of their numbers. */
const statuses = "ok canc unkn inva dead not_ alre perm reso fail abor out_ unim inte unav data unau".split(" ");

/** An error in the Connect protocol's JSON. */
interface ConnectError {
  code?: string;
  message?: string;
  details?: { type?: string; value?: string }[];
}

function matchmakerError(
  { code = "", message = "", details = [] }: ConnectError,
  http = 0,
  retryAfter: string | null = null,
): TactusError {
  let refusal = ErrorCode.matchmaker + statuses.indexOf(code.slice(0, 4));
  // The answer is not of Connect, but of a proxy for example (connectrpc.com/docs/protocol, "HTTP to error code").
  if (refusal <= ErrorCode.matchmaker)
    refusal = http === 404 ? Refusal.unimplemented : http > 500 || http === 429 ? Refusal.unavailable : Refusal.unknown;
  // The reason in a google.rpc.ErrorInfo is its field 1, which comes first and is shorter than 128 bytes.
  const detail = (name: string): string => atob(details.find(({ type }) => type === `google.rpc.${name}`)?.value ?? "");
  const info = detail("ErrorInfo");
  // Two bytes are between a name and its value in the metadata.
  const [, matchId] = /match_id[\s\S]{2}([\w.-]+)/.exec(info) ?? [];
  const retryAfterMs = Math.max(headerMs(retryAfter), retryInfoMs(detail("RetryInfo")));
  return new TactusError(refusal, message, false, info.slice(2, 2 + info.charCodeAt(1)), matchId, retryAfterMs);
}

/** The time of a Retry-After header, which has seconds or a date (RFC 9110, section 10.2.3). */
function headerMs(retryAfter: string | null): number {
  const seconds = Number(retryAfter);
  return Math.max(0, seconds >= 0 ? seconds * 1000 : Date.parse(retryAfter!) - Date.now()) || 0;
}

/** The time of a google.rpc.RetryInfo in full seconds. Its field 1 is a Duration: seconds are field 1 of that, nanos field 2. */
function retryInfoMs(info: string): number {
  let at = 2;
  let byte = info[at] === "\b" ? 128 : 0;
  let seconds = 0;
  for (let unit = 1; byte > 127; unit *= 128) seconds += ((byte = info.charCodeAt(++at)) & 127) * unit;
  return 1000 * (info.length > at + 1 ? seconds + 1 : seconds);
}

/**
 * Waits as long as a refusal says, and rejects with the refusal when that is too long or is not said.
 * waited is what earlier refusals cost; the new sum is returned.
 */
async function waitOut(
  error: unknown,
  waited: number,
  signal?: AbortSignal,
  onBusy?: (retryInMs: number) => void,
): Promise<number> {
  const { retryAfterMs = 0, reason } = error as TactusError;
  if (!retryAfterMs || waited + retryAfterMs > Ms.busy || forPlayers.has(reason)) throw error;
  // Not all clients that were refused come back at the same moment.
  const ms = Math.min(retryAfterMs * (1 + Math.random() / 4), Ms.busy - waited);
  onBusy?.(ms);
  await pause(ms, signal);
  return waited + ms;
}

/** An envelope is flags, length and text. */
enum Envelope {
  endOfStream = 2,
  head = 5,
}

enum Ms {
  /** A call is answered, whole, in so long. */
  call = 10_000,
  /** A watch sends something every three seconds. One that is silent for so long is dead, or a proxy holds it back. */
  silence = 8000,
  /** The same for matchmakers of releases that can't be polled. */
  oldSilence = 30_000,
  /** Pause between two polls, which replace a watch while streams do not work. */
  poll = 2000,
  /** Longest pause before a broken watch is resumed. What is watched is kept for five seconds or more without a watcher. */
  maxBackoff = 2000,
  /** A watch that can't be resumed for so long is given up. */
  patience = 20_000,
  /** Refusals that say when to try again are waited out for so long in all. */
  busy = 30_000,
  day = 86_400_000,
}

enum Limit {
  /** A call with a request id is made so often, should its answer be lost. */
  attempts = 3,
  /** While streams do not work, one is tried after so many polls. */
  polls = 15,
}

/** Failures that another attempt, maybe at another replica, can mend. */
const mendable = new Set<number>([
  ErrorCode.unreachable,
  ErrorCode.timeout,
  Refusal.deadlineExceeded,
  Refusal.resourceExhausted,
  Refusal.unavailable,
]);

/** Refusals that players should know of, also when they say when to try again. */
const forPlayers = new Set(["COOLDOWN", "BANNED"]);

const guestKey = "tactus.guest";
const playerKey = "tactus.player";

/** A guest token that was refused, and when it was exchanged for the present one: it is tried again once a day. */
const beforeKey = "tactus.guest.before";
const triedKey = "tactus.guest.tried";

/** The player's identity, in the answer to each call of enter. */
type Identity = Pick<CreateTicketResponse, "guestToken" | "playerId">;

/** Names in requests that the matchmaker said it does not know. */
const ignored = new Set<string>();

export class Matchmaker implements MatchmakerApi {
  readonly #origin: string;
  readonly #storage: ClientOptions["storage"];
  readonly #timeoutMs: number;

  constructor(origin: string, { storage = pageStorage(), timeoutMs = Ms.call }: ClientOptions) {
    this.#origin = origin.replace(/\/+$/, "");
    this.#storage = storage;
    this.#timeoutMs = timeoutMs;
    const kept = this.#kept(playerKey);
    this.playerId = kept.startsWith("u-") ? "" : kept; // of an earlier release: players have public ids since
  }

  playerId: string;

  async call<Answer>(
    method: string,
    request: object,
    signal?: AbortSignal,
    keepalive?: boolean,
    timeoutMs?: number,
  ): Promise<Answer> {
    for (let waited = 0; ; ) {
      try {
        return await this.#attempt<Answer>(method, request, signal, keepalive, timeoutMs);
      } catch (error) {
        waited = await waitOut(error, waited, signal);
      }
    }
  }

  #attempt<Answer>(
    method: string,
    request: object,
    signal?: AbortSignal,
    keepalive = false,
    timeoutMs = this.#timeoutMs,
  ): Promise<Answer> {
    return within(timeoutMs, signal, this.#url(method), async (inner) => {
      const response = await this.#post(method, "application/json", JSON.stringify(request), inner, keepalive);
      return this.#reached<Answer>(method, response.json());
    });
  }

  async enter<Answer>(
    method: string,
    request: { identityToken?: string; requestId?: string },
    signal?: AbortSignal,
    onBusy?: (retryInMs: number) => void,
  ): Promise<Answer> {
    const guest = !request.identityToken;
    const again = guest && this.#kept(beforeKey) && Math.abs(Date.now() - Number(this.#kept(triedKey))) > Ms.day;
    if (again) this.#exchange();
    for (let attempt = 1, refused = 0, waited = 0; ; ) {
      const guestToken = guest && refused < 2 ? this.#kept(guestKey) : "";
      try {
        const answer = await this.#attempt<Answer & Identity>(method, { ...request, guestToken }, signal);
        if (answer.playerId) this.#keep(playerKey, (this.playerId = answer.playerId));
        if (guest && answer.guestToken) {
          this.#keep(guestKey, answer.guestToken);
          if (again && !refused) this.#keep(beforeKey);
        }
        return answer;
      } catch (error) {
        const { code, reason } = error as TactusError;
        if (
          (code === ErrorCode.unreachable || code === ErrorCode.timeout) &&
          request.requestId &&
          attempt < Limit.attempts
        ) {
          await pause(backoff(attempt++, Ms.maxBackoff), signal);
        } else if (reason === "GUEST_TOKEN_INVALID" && guestToken) {
          // It is of another installation, or this replica does not know the key that signed it.
          if (refused++) this.#keep(guestKey);
          else this.#exchange();
        } else waited = await waitOut(error, waited, signal, onBusy);
      }
    }
  }

  async follow<Message>(
    method: string,
    request: object,
    take: (message: Message) => boolean,
    signal?: AbortSignal,
    onBusy?: (retryInMs: number) => void,
  ): Promise<void> {
    const what = method.slice("Watch".length);
    let silence = Ms.silence;
    // Without streams there is no way to watch.
    let polls = globalThis.ReadableStream ? 0 : Infinity;
    let last: string;
    let spent = 0;
    let then = performance.now();
    let broken = 0;
    let waited = 0;
    const news = (message: Message): boolean => {
      broken = waited = 0;
      // A watch repeats itself so that its silence means something.
      const text = JSON.stringify(message);
      return text !== last && ((last = text), take(message));
    };
    for (;;) {
      const polled = polls > 0;
      let problem: TactusError | undefined;
      broken++;
      try {
        if (polled) {
          polls--;
          const answer = await this.#attempt<Record<string, Message>>(`Get${what}`, request, signal);
          if (news(answer[what.toLowerCase()]!)) return;
        } else if (await this.#watch(method, request, news, silence, signal)) return;
      } catch (error) {
        problem = error as TactusError;
        if (polled && problem.code === Refusal.unimplemented) {
          silence = Ms.oldSilence;
          polls = 0;
        } else if (problem.retryAfterMs) {
          waited = await waitOut(problem, waited, signal, onBusy);
          // What is said next is news, even if it was said before.
          last = "";
          then = performance.now();
          continue;
        } else if (!mendable.has(problem.code)) throw error;
        else if (problem.code === ErrorCode.timeout && silence < Ms.oldSilence) polls = Math.max(polls, Limit.polls);
      }
      const now = performance.now();
      // A page that slept did not try.
      spent = broken ? spent + Math.min(now - then, Ms.call) : 0;
      then = now;
      if (spent > Ms.patience) throw problem ?? unreachable("matchmaker", this.#url(method), "it stopped answering");
      if (polled === polls > 0) await pause(polled && !problem ? Ms.poll : backoff(broken, Ms.maxBackoff), signal);
    }
  }

  /** Takes the messages of a stream; true when take had enough. */
  #watch<Message>(
    method: string,
    request: object,
    take: (message: Message) => boolean,
    silence: number,
    signal?: AbortSignal,
  ): Promise<boolean> {
    return within(silence, signal, this.#url(method), async (inner, received) => {
      const response = await this.#post(method, "application/connect+json", envelope(request), inner);
      const reader = response.body?.getReader();
      if (!reader) throw new TactusError(ErrorCode.timeout, "fetch has no streams");
      for (let rest = new Uint8Array(0); ; ) {
        const { done, value } = await this.#reached(method, reader.read());
        if (done || inner.aborted) return false;
        rest = new Uint8Array([...rest, ...value]);
        for (let end: number; (end = endOf(rest)) <= rest.length; rest = rest.slice(end)) {
          received();
          const message = JSON.parse(new TextDecoder().decode(rest.subarray(Envelope.head, end))) as Message & {
            error?: ConnectError;
          };
          if (rest[0]! & Envelope.endOfStream) {
            if (message.error) throw matchmakerError(message.error);
          } else if (take(message)) return true;
        }
      }
    });
  }

  #url(method: string): string {
    return this.#origin + service + method;
  }

  /** What reads from the network, with an error that says where to. */
  #reached<T>(method: string, reading: Promise<T>): Promise<T> {
    return reading.catch((error: Error) => {
      throw unreachable("matchmaker", this.#url(method), error.message);
    });
  }

  /** A response that is the matchmaker's and no error. */
  async #post(
    method: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
    keepalive = false,
  ): Promise<Response> {
    const headers = { "Content-Type": type, "Connect-Protocol-Version": "1" };
    const url = this.#url(method);
    const response = await this.#reached(method, fetch(url, { method: "POST", headers, body, signal, keepalive }));
    if (!response.ok) {
      const { status } = response;
      throw matchmakerError(
        { message: `${url} answered HTTP ${status}.`, ...(await response.json().catch(() => {})) },
        status,
        response.headers.get("Retry-After"),
      );
    }
    // The login page of a network, for instance.
    const came = response.headers.get("content-type") ?? "nothing";
    if (!came.startsWith(type)) throw unreachable("matchmaker", url, `${came} came from there, not ${type}`);
    for (const name of response.headers.get("Tactus-Ignored")?.split(/, */) ?? []) {
      if (!ignored.has(name)) console.warn(`Tactus: this matchmaker does not know "${name}" of ${method}`);
      ignored.add(name);
    }
    return response;
  }

  /** Lets the present guest token and the one before change places. */
  #exchange(): void {
    const guestToken = this.#kept(guestKey);
    this.#keep(guestKey, this.#kept(beforeKey));
    this.#keep(beforeKey, guestToken);
    this.#keep(triedKey, `${Date.now()}`);
  }

  #kept(key: string): string {
    try {
      return this.#storage?.getItem(key) ?? "";
    } catch {
      // Storage that fails is none: the player is a new guest.
      return "";
    }
  }

  #keep(key: string, value?: string): void {
    try {
      if (value) this.#storage?.setItem(key, value);
      else this.#storage?.removeItem(key);
    } catch {
      // It is forbidden, or full.
    }
  }
}

function pageStorage(): ClientOptions["storage"] {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

/** Flags, length, text. */
function envelope(message: object): Uint8Array<ArrayBuffer> {
  const text = bytesOf(JSON.stringify(message));
  return new Uint8Array([0, 0, 0, text.length >> 8, text.length, ...text]);
}

/** Where the first envelope ends. */
function endOf(bytes: Uint8Array): number {
  return bytes.length < Envelope.head ? Infinity : Envelope.head + new DataView(bytes.buffer).getUint32(1);
}
