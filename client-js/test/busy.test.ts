/** Refusals that say when to try again. Time runs fifty times as fast here. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { WebSocket } from "ws";
import { Client, ErrorCode, type SearchProgress, type TactusError, type WebSocketClass } from "../src/index.ts";
import { Lobby } from "../src/lobby.ts";
import { FakeServer } from "./fakeserver.ts";
import { base64, field } from "./refusal.ts";
import { hurryTime } from "./fasttime.ts";

const webSocket: WebSocketClass = WebSocket;

let server: FakeServer;
let client: Client;
/** The times that were reported. */
let waits: number[];
const onBusy = (retryInMs: number): void => void waits.push(retryInMs);

beforeEach(async () => {
  server = await FakeServer.start();
  client = new Client(server.origin, { webSocket, storage: null });
  waits = [];
  hurryTime(50);
});

afterEach(async () => {
  mock.restoreAll();
  await server.stop();
});

const made = (method: string): number => server.calls.filter((call) => call.method === method).length;

/** An error with a google.rpc.ErrorInfo and a RetryInfo whose Duration has these bytes. */
function refusal(reason: string, duration?: string): { code: string; message: string; details: object[] } {
  const details = [{ type: "google.rpc.ErrorInfo", value: base64(field("\n", reason) + field("\x12", "tactus")) }];
  if (duration !== undefined) details.push({ type: "google.rpc.RetryInfo", value: base64(field("\n", duration)) });
  return { code: "resource_exhausted", message: "too many searches", details };
}

/** Refuses so many calls of a method, and then takes them. */
function refuse(method: string, times: number, error: object, status = 429, headers?: Record<string, string>): void {
  server.answers[method] = () =>
    made(method) <= times
      ? { status, body: error, headers }
      : { body: { ticketId: "t1", partyCode: "KX7QPT", memberId: "m1", playerId: "p1" } };
}

const seconds = (from: number, to: number, ms: number): void =>
  assert.ok(ms >= 1000 * from && ms <= 1000 * to, `${ms} ms is not between ${from} and ${to} s`);

test("a search waits as long as a refusal says, and reports it", async () => {
  refuse("CreateTicket", 2, refusal("TOO_MANY_FROM_ADDRESS", "\b\x04"));
  const seen: SearchProgress[] = [];
  const then = performance.now();
  const joining = client.quickPlay({ onProgress: (progress) => seen.push(progress) });
  await server.until(() => made("CreateTicket") === 3);
  assert.ok(performance.now() - then > 7500, "both waits were kept");
  await server.welcome();
  (await joining).leave();
  const [first, second, third] = seen;
  assert.equal(first!.state, "searching");
  seconds(4, 5, first!.retryInMs);
  seconds(4, 5, second!.retryInMs);
  assert.equal(third!.retryInMs, 0);
  const ids = server.calls.filter((call) => call.method === "CreateTicket").map(({ request }) => request.requestId);
  assert.equal(new Set(ids).size, 1, "it is one search");
});

const times: Record<
  string,
  [from: number, to: number, duration: string | undefined, headers?: Record<string, string>]
> = {
  "a header in seconds": [3, 3.75, undefined, { "Retry-After": "3" }],
  "nanoseconds, as a full second": [1, 1.25, "\x10\x80\xca\xb5\xee\x01"],
  "seconds and nanoseconds": [3, 3.75, "\b\x02\x10\x01"],
  "the longer of the two": [5, 6.25, "\b\x05", { "Retry-After": "2" }],
};

for (const [what, [from, to, duration, headers]] of Object.entries(times)) {
  test(`a refusal says when by ${what}`, async () => {
    refuse("CreateParty", 1, duration ? refusal("TOO_MANY_FROM_PLAYER", duration) : {}, 503, headers);
    (await new Lobby(client).createParty({ onBusy })).leave();
    assert.equal(waits.length, 1);
    seconds(from, to, waits[0]!);
  });
}

test("a refusal says when by a header with a date", async () => {
  server.answers.CreateTicket = () => ({
    status: 503,
    body: refusal("BANNED"),
    headers: { "Retry-After": new Date(Date.now() + 3_600_000).toUTCString() },
  });
  const error: unknown = await client.quickPlay().catch((error: unknown) => error);
  seconds(3000, 3600, (error as TactusError).retryAfterMs);
});

test("plain calls wait, too", async () => {
  refuse("ListMatches", 1, {}, 429, { "Retry-After": "2" });
  await new Lobby(client).listMatches();
  assert.equal(made("ListMatches"), 2);
});

test("a watch waits as long as it is refused, and goes on", async () => {
  server.updates = [{ error: refusal("TOO_MANY_READS", "\b\x06") }];
  const seen: SearchProgress[] = [];
  const joining = client.findMatch({
    ticketId: "t1",
    onProgress(progress) {
      seen.push(progress);
      if (progress.retryInMs) server.updates = [server.assigned()];
    },
  });
  await server.welcome();
  (await joining).leave();
  assert.equal(made("WatchTicket"), 2);
  seconds(6, 7.5, seen.find(({ retryInMs }) => retryInMs)!.retryInMs);
});

test("refusals are waited out for thirty seconds in all", async () => {
  refuse("CreateTicket", Infinity, refusal("STARTING", "\b\x0a"), 503);
  const onProgress = ({ retryInMs }: SearchProgress): void => onBusy(retryInMs);
  await assert.rejects(client.quickPlay({ onProgress }), { reason: "STARTING", retryAfterMs: 10_000 });
  assert.equal(waits.length, 2);
  assert.ok(waits[0]! + waits[1]! <= 30_000);
});

const shown: Record<string, [reason: string, duration: string | undefined, retryAfterMs: number]> = {
  "is too far away": ["TOO_MANY_CODES", "\b\xac\x02", 300_000],
  "is the end of a cooldown": ["COOLDOWN", "\b\x05", 5000],
  "is the end of a ban": ["BANNED", "\b\x05", 5000],
  "is not said": ["TOO_MANY_ROOMS", undefined, 0],
};

for (const [what, [reason, duration, retryAfterMs]] of Object.entries(shown)) {
  test(`a refusal whose time ${what} is an error with that time`, async () => {
    refuse("CreateTicket", Infinity, refusal(reason, duration));
    await assert.rejects(client.quickPlay(), { code: ErrorCode.matchmaker + 8, reason, retryAfterMs });
    assert.equal(made("CreateTicket"), 1);
  });
}

test("bytes that are no RetryInfo say nothing", async () => {
  refuse("CreateTicket", Infinity, refusal("TOO_MANY_ROOMS", ""));
  await assert.rejects(client.quickPlay(), { retryAfterMs: 0 });
  refuse("CreateTicket", Infinity, refusal("TOO_MANY_ROOMS", "\b\xff"));
  await assert.rejects(client.quickPlay(), { reason: "TOO_MANY_ROOMS" });
});

test("aborting ends the wait", async () => {
  refuse("CreateTicket", Infinity, refusal("TOO_MANY_FROM_ADDRESS", "\b\x1e"));
  const giveUp = new AbortController();
  const onProgress = (): void => giveUp.abort();
  const then = performance.now();
  await assert.rejects(client.quickPlay({ signal: giveUp.signal, onProgress }), { name: "AbortError" });
  assert.ok(performance.now() - then < 30_000);
  assert.equal(made("CreateTicket"), 1);
});
