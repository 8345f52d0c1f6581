/** Every promise of the client ends, whatever a server does. Time runs fifty times as fast here. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, mock, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { Client, ErrorCode, TactusError, type WebSocketClass } from "../src/index.ts";
import { Lobby } from "../src/lobby.ts";
import { later, within } from "../src/timeout.ts";
import { hurryTime } from "./fasttime.ts";

const webSocket: WebSocketClass = WebSocket;
const speed = 50;

/** What a server can do to a request instead of answering it. */
const misdeeds: Record<string, (socket: Socket, type: string) => void> = {
  "is silent": () => {},
  "sends headers and is silent": (socket, type) =>
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 9999\r\n\r\n`),
  trickles: (socket, type) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 99999999\r\n\r\n`);
    const drip = setInterval(() => socket.write(" "), 5);
    socket.on("close", () => clearInterval(drip));
  },
  "answers HTML": (socket) =>
    socket.end(
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 17\r\nConnection: close\r\n\r\n<h1>Log in</h1>\r\n",
    ),
  "calls HTML JSON": (socket, type) =>
    socket.end(
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 17\r\nConnection: close\r\n\r\n<h1>Log in</h1>\r\n`,
    ),
  "answers a 404 page": (socket) =>
    socket.end(
      "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!",
    ),
  resets: (socket) => socket.resetAndDestroy(),
};

/** Every method that waits for a server; a party and a room are known from before, as after a reload. */
const methods: Record<string, (client: Client, lobby: Lobby, url: string) => Promise<unknown>> = {
  quickPlay: (client) => client.quickPlay(),
  "findMatch, following a ticket": (client) => client.findMatch({ ticketId: "t1" }),
  resume: (client, _, url) => client.resume({ url, resume: "r", game: "", mode: "" }),
  "matchmaker.call": ({ matchmaker }) => matchmaker.call("AcceptMatch", {}),
  "matchmaker.enter": ({ matchmaker }) => matchmaker.enter("CreateTicket", {}),
  "matchmaker.follow": ({ matchmaker }) => matchmaker.follow("WatchTicket", {}, () => true),
  createParty: (_, lobby) => lobby.createParty(),
  joinParty: (_, lobby) => lobby.joinParty("KX7QPT"),
  queues: (_, lobby) => lobby.queues(),
  rating: (_, lobby) => lobby.rating("q"),
  ratingAfter: (_, lobby) => lobby.ratingAfter({ id: "m", player: "p", queue: "q" }),
  leaderboard: (_, lobby) => lobby.leaderboard("q"),
  history: (_, lobby) => lobby.history("q"),
  createRoom: (_, lobby) => lobby.createRoom(),
  joinRoom: (_, lobby) => lobby.joinRoom("KX7QPT"),
  listMatches: (_, lobby) => lobby.listMatches(),
  listGames: (_, lobby) => lobby.listGames(),
  "a party's watch": (_, lobby) => closeOf(party(lobby)),
  "party.start": (_, lobby) => party(lobby).start(),
  "party.enterRoom": (_, lobby) => party(lobby).enterRoom("KX7QPT"),
  "party.createRoom": (_, lobby) => party(lobby).createRoom(),
  "a room's watch": (_, lobby) => closeOf(room(lobby)),
  "room.start": (_, lobby) => room(lobby).start(),
};

const party = (lobby: Lobby) => lobby.resumeParty({ code: "KX7QPT", memberId: "m1", playerId: "p1" });
const room = (lobby: Lobby) => lobby.resumeRoom({ code: "KX7QPT", memberId: "m1", playerId: "p1" });

/** Rejects with why a party or a room is over. */
function closeOf(group: { on(name: "close", callback: (error: Error) => void): unknown }): Promise<never> {
  return new Promise((_, reject) => group.on("close", reject));
}

const sockets: Socket[] = [];
let server: Server;

async function listen(deed: (socket: Socket, type: string) => void): Promise<string> {
  server = createServer((request) => deed(request.socket, request.headers["content-type"] ?? ""));
  server.on("upgrade", (request) => deed(request.socket, ""));
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeEach(() => {
  hurryTime(speed);
});

afterEach(() => {
  mock.restoreAll();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

for (const [what, deed] of Object.entries(misdeeds)) {
  test(`every promise ends when the server ${what}`, { timeout: 60_000 }, async () => {
    const host = await listen(deed);
    const client = new Client(`http://${host}`, { webSocket, storage: null });
    const calls = Object.entries(methods).map(async ([name, method]) => {
      const outcome: unknown = await method(client, new Lobby(client), `ws://${host}/play`).catch(
        (error: unknown) => error,
      );
      if (name === "ratingAfter") return assert.equal(outcome, undefined);
      assert.ok(outcome instanceof TactusError, `${name}: ${outcome}`);
      assert.ok(outcome.message.includes(host) || outcome.code === ErrorCode.lost, `${name}: ${outcome.message}`);
    });
    await Promise.all(calls);
  });
}

test("every promise ends when the game server lets in and is silent", { timeout: 60_000 }, async () => {
  const host = await listen(() => {});
  const games = new WebSocketServer({ server, handleProtocols: (all) => [...all][0] ?? false });
  const client = new Client(`http://${host}`, { webSocket, storage: null });
  const saved = { url: `ws://${host}/play`, resume: "r", game: "", mode: "" };
  await assert.rejects(client.resume(saved), { code: ErrorCode.lost });
  for (const socket of games.clients) socket.terminate();
});

test("a limit of Infinity is no limit, and one beyond 31 bits does not end immediately", async () => {
  mock.restoreAll();
  const set = mock.method(globalThis, "setTimeout", () => 0);
  for (const ms of [Infinity, 2 ** 31, 2 ** 40]) later(() => {}, ms);
  assert.deepEqual(
    set.mock.calls.map((call) => (call.arguments as unknown as [unknown, number])[1]),
    Array(3).fill(2 ** 31 - 1),
  );
  await listen(() => {});
});

test("what comes while the page sleeps is waited for once more", async () => {
  await listen(() => {});
  mock.restoreAll();
  let now = 0;
  const timers: (() => void)[] = [];
  mock.method(performance, "now", () => now);
  mock.method(globalThis, "setTimeout", (callback: () => void) => timers.push(callback));
  const slept = within(8000, undefined, "http://x", () => new Promise(() => {}));
  now = 3_600_000;
  timers.shift()!();
  assert.equal(timers.length, 1, "asked once more");
  now += 8000;
  timers.shift()!();
  await assert.rejects(slept, { code: ErrorCode.timeout });
});
