/** Finding a match: tickets, progress, cancelling, errors. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { Client, CloseCode, ErrorCode, type Match, type SearchProgress, type WebSocketClass } from "../src/index.ts";
import { MessageType } from "../src/connection.ts";
import { Lobby } from "../src/lobby.ts";
import { simulatedNetwork } from "../src/simulation.ts";
import { FakeServer } from "./fakeserver.ts";
import { refusal } from "./refusal.ts";

const webSocket: WebSocketClass = WebSocket;

let server: FakeServer;
let client: Client;

beforeEach(async () => {
  server = await FakeServer.start();
  client = new Client(server.origin, { webSocket, storage: null });
});

afterEach(() => server.stop());

test("a search tells how it goes", async () => {
  const news = {
    waitedMs: 120,
    estimatedWaitMs: 900,
    estimatedWaitP90Ms: 4000,
    searching: 3,
    queue: "fake/free",
    rulesVersion: "r1",
  };
  server.updates = [{ state: "STATE_SEARCHING", ...news, waitingFor: "WAITING_FOR_NO_OPPONENTS" }, server.assigned()];
  const seen: SearchProgress[] = [];
  const joining = client.findMatch({
    game: "fake",
    mode: "free",
    name: "Ada",
    room: "XYZ",
    onProgress: (p) => seen.push(p),
  });
  await server.welcome();
  (await joining).leave();
  const [ticket, watch] = server.calls;
  const { game, mode, playerName, roomCode } = ticket!.request;
  assert.deepEqual([game, mode, playerName, roomCode], ["fake", "free", "Ada", "XYZ"]);
  assert.deepEqual(watch, { method: "WatchTicket", request: { ticketId: "t1" } });
  assert.deepEqual(
    seen.map((p) => p.state),
    ["searching", "searching", "assigned", "joining"],
  );
  assert.deepEqual(seen[1], {
    state: "searching",
    assignment: undefined,
    retryInMs: 0,
    ...news,
    waitingFor: "NO_OPPONENTS",
  });
  const { assignment } = seen[2]!;
  assert.deepEqual(assignment, {
    matchId: "m1",
    game: "fake",
    mode: "free",
    roomCode: "",
    queue: "fake/free",
    rulesVersion: "r1",
    team: 1,
  });
});

test("quickPlay is short for findMatch", async () => {
  const match = {} as Match;
  client.findMatch = async (play) => Object.assign(match, play);
  assert.equal(await client.quickPlay({ game: "fake", name: "Ada" }), match);
  assert.deepEqual(match, { game: "fake", name: "Ada" });
});

test("what narrows a search reaches the matchmaker as its .proto has it", async () => {
  const joining = client.findMatch({
    ...{ queue: "ranked", version: "1.2", latencyMs: { eu: 20 }, party: "member-secret" },
    attributes: { language: ["en", "de"] },
    identityToken: "jwt",
  });
  await server.welcome();
  const match = await joining;
  assert.equal(match.queue, "fake/free", "the queue that made the match");
  assert.equal(match.saved.queue, "fake/free");
  match.leave();
  const { request } = server.calls[0]!;
  assert.equal(typeof request.requestId, "string");
  delete request.requestId;
  assert.deepEqual(request, {
    ...{
      queue: "ranked",
      version: "1.2",
      protocol: "tactus.v1",
      latencyMs: { eu: 20 },
      party: "member-secret",
      identityToken: "jwt",
      guestToken: "",
    },
    attributes: { language: { values: ["en", "de"] } },
  });
});

test("a found match waits for acceptance where the queue asks", async () => {
  server.updates = [];
  const seen: SearchProgress[] = [];
  const joining = client.quickPlay({ onProgress: (p) => seen.push(p) });
  const watch = await server.stream();
  const proposal = { matchId: "m1", acceptWithinMs: 9000, players: 4 };
  const proposed = new Promise<SearchProgress>((resolve) => {
    const push = seen.push.bind(seen);
    seen.push = (p) => (p.proposal && resolve(p), push(p));
  });
  watch.send({ state: "STATE_PROPOSED", proposal });
  const news = await proposed;
  assert.equal(news.state, "proposed");
  const { accept, decline, ...facts } = news.proposal!;
  assert.deepEqual(facts, { ...proposal, accepted: 0, acceptedByYou: false });
  await accept();
  assert.deepEqual(server.calls.at(-1), {
    method: "AcceptMatch",
    request: { ticketId: "t1", matchId: "m1", accept: true },
  });
  await decline();
  assert.equal(server.calls.at(-1)?.request.accept, false);
  server.answers.AcceptMatch = () => ({ status: 400, body: { code: "failed_precondition", message: "gone" } });
  await assert.rejects(accept(), { code: ErrorCode.matchmaker + 9 });
  watch.send({ state: "STATE_ENDED", reason: "END_REASON_DECLINED" });
  await assert.rejects(joining, { code: ErrorCode.ticket + 9, reason: "DECLINED" });
});

test("a ticket that somebody else opened is followed", async () => {
  const joining = client.findMatch({ ticketId: "from-the-leader" });
  await server.welcome();
  (await joining).leave();
  assert.deepEqual(server.calls, [{ method: "WatchTicket", request: { ticketId: "from-the-leader" } }]);
});

test("a party's search is not repeated by one of its members", async () => {
  const joining = client.findMatch({ party: "member-secret" });
  (await server.player()).close(CloseCode.Full);
  await assert.rejects(joining, { code: CloseCode.Full });
  assert.equal(server.calls.filter((c) => c.method === "CreateTicket").length, 1);
});

test("a watch that breaks is resumed until the ticket has ended", async () => {
  server.updates = [];
  const joining = client.quickPlay();
  (await server.stream()).break();
  (await server.stream()).end({ code: "unavailable", message: "draining" });
  (await server.stream()).end();
  const last = await server.stream();
  assert.deepEqual(last.request, { ticketId: "t1" });
  last.send(server.assigned());
  last.end();
  await server.welcome();
  (await joining).leave();
  assert.equal(server.calls.filter((c) => c.method === "CreateTicket").length, 1);
});

test("a ticket that is gone is not watched for again", async () => {
  server.updates = [];
  const joining = client.quickPlay();
  (await server.stream()).end({ code: "not_found", message: "no such ticket" });
  await assert.rejects(joining, { code: ErrorCode.matchmaker + 5 });
});

test("a watch is given up when nobody answers for long", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  t.mock.method(globalThis, "fetch", async (url: string) => {
    now += 6000;
    return url.endsWith("CreateTicket") ? Response.json({ ticketId: "t1" }) : new Response(null, { status: 503 });
  });
  await assert.rejects(client.quickPlay(), { code: ErrorCode.matchmaker + 14 });
  assert.equal(now, 6000 * 5, "20 s are over with the fourth watch");
});

test("a matchmaker that stops has the search begun anew", async () => {
  server.updates = [{ state: "STATE_ENDED", reason: "END_REASON_SHUTDOWN" }];
  server.answers.CreateTicket = () => {
    if (server.calls.length > 2) server.updates = [server.assigned()];
    return { body: { ticketId: `t${server.calls.length}` } };
  };
  const joining = client.quickPlay();
  await server.welcome();
  (await joining).leave();
  const ids = server.calls.filter((c) => c.method === "CreateTicket").map((c) => c.request.requestId);
  assert.equal(new Set(ids).size, 2, "two searches");
});

test("a lost answer to CreateTicket is asked for again with the same id", async () => {
  const { fetch } = globalThis;
  let lost = 0;
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args);
    if (!String(args[0]).endsWith("CreateTicket") || lost++ > 0) return response;
    throw new TypeError("connection reset");
  };
  try {
    const joining = client.quickPlay();
    await server.welcome();
    (await joining).leave();
  } finally {
    globalThis.fetch = fetch;
  }
  const ids = server.calls.filter((c) => c.method === "CreateTicket").map((c) => c.request.requestId);
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

test("options that nobody knows are refused by name", async () => {
  assert.throws(() => new Client(server.origin, { websocket: WebSocket, timeout: 1 } as object), {
    name: "TypeError",
    message: /websocket, timeout/,
  });
  const lobby = new Lobby(client);
  await assert.rejects(lobby.createParty({ nmae: "Ada" } as object), { name: "TypeError", message: /nmae/ });
  await assert.rejects(lobby.createRoom({ mod: "duel" } as object), { name: "TypeError", message: /mod/ });
  await assert.rejects(client.quickPlay({ gameVersion: "3" } as object), { name: "TypeError", message: /gameVersion/ });
  await assert.rejects(
    client.resume({ url: server.url, resume: "r", game: "", mode: "" }, { rule: "/a.wasm" } as object),
    TypeError,
  );
  assert.deepEqual(server.calls, []);
});

test("what an older matchmaker does not know is said once", async (t) => {
  const warned: unknown[] = [];
  t.mock.method(console, "warn", (text: unknown) => warned.push(text));
  server.headers = { "Tactus-Ignored": "shoeSize, hatSize" };
  for (let i = 0; i < 2; i++) await client.matchmaker.call("ListGames", { shoeSize: 1, hatSize: 2 });
  assert.equal(warned.length, 2);
  assert.match(String(warned[0]), /"shoeSize" of ListGames/);
});

test("errors name the URL that was tried", async (t) => {
  const nobody = new Client("http://127.0.0.1:1/game/", { webSocket, storage: null });
  await assert.rejects(nobody.quickPlay(), /can't be reached at http:\/\/127\.0\.0\.1:1\/game\/tactus\.matchmaker\.v1/);
  server.updates = [{ state: "STATE_ASSIGNED", assignment: { url: "ws://127.0.0.1:1/play", joinToken: "t" } }];
  await assert.rejects(client.quickPlay(), /game server can't be reached at ws:\/\/127\.0\.0\.1:1\/play/);
  Object.defineProperty(globalThis, "location", { configurable: true, value: { protocol: "https:" } });
  t.after(() => Reflect.deleteProperty(globalThis, "location"));
  await assert.rejects(client.quickPlay(), /a page that came by https needs https and wss/);
});

test("aborting a search cancels the ticket and ends its stream", async () => {
  server.updates = [{ state: "STATE_SEARCHING" }];
  const operation = new AbortController();
  const searching = client.quickPlay({ signal: operation.signal });
  await server.until(() => server.calls.some((c) => c.method === "WatchTicket"));
  operation.abort();
  await assert.rejects(searching, { name: "AbortError" });
  await server.until(() => server.abandoned === 1 && server.calls.some((c) => c.method === "CancelTicket"));
  assert.equal(server.calls.find((c) => c.method === "CancelTicket")?.request.ticketId, "t1");
});

test("aborting while joining leaves the match", async () => {
  const operation = new AbortController();
  const joining = client.quickPlay({ signal: operation.signal });
  const outcome = assert.rejects(joining, { name: "AbortError" });
  await server.until(() => server.calls.some((c) => c.method === "WatchTicket"));
  operation.abort();
  await outcome;
});

test("aborting between hello and welcome frees the seat as soon as there is one", async () => {
  const operation = new AbortController();
  const joining = client.quickPlay({ signal: operation.signal });
  server.onPlayer = () => operation.abort();
  const outcome = assert.rejects(joining, { name: "AbortError" });
  const player = await server.welcome();
  await outcome;
  await player.message(MessageType.bye);
});

test("a search that was aborted before it began asks nobody", async () => {
  await assert.rejects(client.quickPlay({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual(server.calls, []);
});

test("a ticket that ends without a match is a numbered error", async () => {
  server.updates = [{ state: "STATE_ENDED", reason: "END_REASON_UNMATCHABLE", message: "No such room." }];
  await assert.rejects(client.findMatch({ room: "NOPE" }), { code: ErrorCode.ticket + 6, message: "No such room." });
});

test("the matchmaker's refusals are numbered errors", async () => {
  server.answers.CreateTicket = () => ({ status: 400, body: { code: "invalid_argument", message: "unknown game" } });
  await assert.rejects(client.quickPlay({ game: "nope" }), { code: ErrorCode.matchmaker + 3, message: "unknown game" });
  server.answers.CreateTicket = () => ({ status: 503, body: {} });
  await assert.rejects(client.quickPlay(), { code: ErrorCode.matchmaker + 14 });
});

test("a refusal carries the reason that the matchmaker names", async () => {
  // google.rpc.ErrorInfo: reason "QUEUE_UNKNOWN", domain "tactus".
  const value = Buffer.from("\n\rQUEUE_UNKNOWN\x12\x06tactus").toString("base64").replace(/=+$/, "");
  const details = [
    { type: "google.rpc.BadRequest", value: "" },
    { type: "google.rpc.ErrorInfo", value },
  ];
  server.answers.CreateTicket = () => ({
    status: 400,
    body: { code: "invalid_argument", message: "no such queue", details },
  });
  await assert.rejects(client.findMatch({ queue: "nope" }), {
    code: ErrorCode.matchmaker + 3,
    reason: "QUEUE_UNKNOWN",
  });
});

test("a matchmaker that is not there is a numbered error", async () => {
  const nobody = new Client("http://127.0.0.1:1", { webSocket, storage: null });
  await assert.rejects(nobody.quickPlay(), { code: ErrorCode.unreachable });
});

test("a seat that slipped away is searched for anew", async () => {
  const joining = client.quickPlay();
  (await server.player()).close(CloseCode.Full);
  await server.welcome();
  (await joining).leave();
  assert.equal(server.calls.filter((c) => c.method === "CreateTicket").length, 2);
});

test("a refused token is not tried again", async () => {
  const joining = client.quickPlay();
  (await server.player()).close(CloseCode.BadToken);
  await assert.rejects(joining, { code: CloseCode.BadToken });
  assert.equal(server.calls.filter((c) => c.method === "CreateTicket").length, 1);
});

test("a simulated network delays what is sent and what comes, in order", async () => {
  const slow = new Client(server.origin, {
    webSocket,
    storage: null,
    network: simulatedNetwork({ delayMs: 25, jitterMs: 20 }),
  });
  const joining = slow.quickPlay();
  const player = await server.welcome();
  const match = await joining;
  for (let tick = 101; tick <= 110; tick++) player.snapshot(tick, new Map());
  while (match.stats.serverTick < 110) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(match.stats.resyncs, 0, "in order");
  while (match.stats.rttMs === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(match.stats.rttMs >= 49, `round trip ${match.stats.rttMs} ms`);
  match.leave();
  await player.message(MessageType.bye);
});

test("a player that sits in a rated match learns the way back", async () => {
  const metadata = { game: "fake", match_id: "m-abc.1-2", mode: "free" };
  server.answers.CreateTicket = ({ replace, matchId }) =>
    replace || matchId
      ? { body: { ticketId: "t1", playerId: "p1" } }
      : refusal(400, "failed_precondition", "IN_MATCH", metadata);
  const client = new Client(server.origin, { webSocket, storage: null });
  const refused = { code: ErrorCode.matchmaker + 9, reason: "IN_MATCH", matchId: metadata.match_id };
  await assert.rejects(client.quickPlay(), refused);
  for (const way of [{ replace: true }, { matchId: metadata.match_id }]) {
    const joining = client.quickPlay(way);
    await server.welcome();
    (await joining).leave();
  }
});

test("a seat whose welcome got lost is searched no second time", async () => {
  let asked = 0;
  server.answers.CreateTicket = ({ matchId }) =>
    asked++ === 0 || matchId === "m1"
      ? { body: { ticketId: "t1", playerId: "p1" } }
      : refusal(400, "failed_precondition", "IN_MATCH", { match_id: "m1" });
  const joining = new Client(server.origin, { webSocket, storage: null }).quickPlay();
  (await server.player()).close(CloseCode.TokenExpired); // a copy of the hello was late
  await server.welcome();
  (await joining).leave();
  assert.equal(asked, 3);
});
