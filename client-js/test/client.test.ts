/** Finding a match: tickets, progress, cancelling, errors. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { Client, CloseCode, ErrorCode, type SearchProgress, type WebSocketClass } from "../src/index.ts";
import { MessageType } from "../src/connection.ts";
import { FakeServer } from "./fakeserver.ts";

const webSocket = WebSocket as unknown as WebSocketClass;

let server: FakeServer;
let client: Client;

beforeEach(async () => {
  server = await FakeServer.start();
  client = new Client(server.origin, { webSocket, storage: null });
});

afterEach(() => server.stop());

/** Storage that is a map, with what a Storage needs. */
function memoryStorage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> & Map<string, string> {
  const map = new Map<string, string>();
  return Object.assign(map, {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  });
}

test("a search tells how it goes", async () => {
  server.updates = [{ state: "STATE_SEARCHING", waitedMs: 120, estimatedWaitMs: 900, searching: 3 }, server.assigned()];
  const seen: SearchProgress[] = [];
  const joining = client.quickPlay({ game: "fake", mode: "free", name: "Ada", room: "XYZ", onProgress: (p) => seen.push(p) });
  await server.welcome();
  (await joining).leave();
  const [ticket, watch] = server.calls;
  const { game, mode, playerName, roomCode } = ticket.request;
  assert.deepEqual([game, mode, playerName, roomCode], ["fake", "free", "Ada", "XYZ"]);
  assert.deepEqual(watch, { method: "WatchTicket", request: { ticketId: "t1" } });
  assert.deepEqual(
    seen.map((p) => p.state),
    ["searching", "searching", "assigned", "joining"],
  );
  assert.deepEqual(seen[1], { state: "searching", waitedMs: 120, estimatedWaitMs: 900, searching: 3 });
});

test("a guest stays who he is", async () => {
  const storage = memoryStorage();
  for (const expected of ["", "guest-1"]) {
    const again = new Client(server.origin, { webSocket, storage });
    const joining = again.quickPlay();
    await server.welcome();
    (await joining).leave();
    assert.equal(server.calls.filter((c) => c.method === "CreateTicket").at(-1)?.request.guestToken, expected);
  }
});

test("a guest token that is not taken is replaced", async () => {
  const storage = memoryStorage();
  storage.setItem("tactus.guest", "stale");
  server.answers.CreateTicket = ({ guestToken }) =>
    guestToken === "stale"
      ? { status: 401, body: { code: "unauthenticated", message: "not signed here" } }
      : { body: { ticketId: "t1", guestToken: "fresh" } };
  const joining = new Client(server.origin, { webSocket, storage }).quickPlay();
  await server.welcome();
  (await joining).leave();
  assert.equal(storage.getItem("tactus.guest"), "fresh");
});

test("aborting a search cancels the ticket and ends its stream", async () => {
  server.updates = [{ state: "STATE_SEARCHING" }];
  const effort = new AbortController();
  const searching = client.quickPlay({ signal: effort.signal });
  await server.until(() => server.calls.some((c) => c.method === "WatchTicket"));
  effort.abort();
  await assert.rejects(searching, { name: "AbortError" });
  await server.until(() => server.abandoned === 1 && server.calls.some((c) => c.method === "CancelTicket"));
  assert.equal(server.calls.find((c) => c.method === "CancelTicket")?.request.ticketId, "t1");
});

test("aborting while joining leaves the match", async () => {
  const effort = new AbortController();
  const joining = client.quickPlay({ signal: effort.signal });
  const player = await server.player();
  const gone = new Promise((resolve) => player.socket.once("close", resolve));
  effort.abort();
  await assert.rejects(joining, { name: "AbortError" });
  await gone;
});

test("a search that was aborted before it began asks nobody", async () => {
  await assert.rejects(client.quickPlay({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual(server.calls, []);
});

test("a ticket that ends without a match is a numbered error", async () => {
  server.updates = [{ state: "STATE_ENDED", reason: "END_REASON_UNMATCHABLE", message: "No such room." }];
  await assert.rejects(client.quickPlay({ room: "NOPE" }), { code: ErrorCode.ticket + 6, message: "No such room." });
});

test("the matchmaker's refusals are numbered errors", async () => {
  server.answers.CreateTicket = () => ({ status: 400, body: { code: "invalid_argument", message: "unknown game" } });
  await assert.rejects(client.quickPlay({ game: "nope" }), { code: ErrorCode.matchmaker + 3, message: "unknown game" });
  server.answers.CreateRoom = () => ({ status: 503, body: {} });
  await assert.rejects(client.createRoom(), { code: ErrorCode.matchmaker + 2 });
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

test("rooms, matches and games are listed with all their fields", async () => {
  server.answers.CreateRoom = ({ options }) => {
    assert.deepEqual(options, [{ name: "seconds", value: 60 }]);
    return { body: { roomCode: "ABCD", matchId: "m7" } };
  };
  assert.deepEqual(await client.createRoom({ game: "fake", options: { seconds: 60 } }), { code: "ABCD", matchId: "m7" });
  server.answers.ListMatches = () => ({ body: { matches: [{ matchId: "m7", game: "fake", mode: "free", seats: 16, ageS: 5 }] } });
  assert.deepEqual(await client.listMatches(), [{ matchId: "m7", game: "fake", mode: "free", people: 0, seats: 16, ageSeconds: 5 }]);
  server.answers.ListMatches = () => ({ body: {} });
  assert.deepEqual(await client.listMatches({ mode: "free" }), []);
  server.answers.ListGames = () => ({ body: { games: [{ name: "fake", modes: [{ name: "free", maxPlayers: 16 }] }], players: 3 } });
  assert.deepEqual(await client.listGames(), {
    games: [
      {
        name: "fake",
        title: "",
        version: "",
        modes: [{ name: "free", title: "", minPlayers: 0, maxPlayers: 16, teams: 0 }],
      },
    ],
    servers: 0,
    players: 3,
  });
});

test("a simulated network delays what is sent and what comes, in order", async () => {
  const slow = new Client(server.origin, { webSocket, storage: null, network: { delayMs: 25, jitterMs: 20 } });
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
