/** Pages of the last release against this server, and beside this release's clients. */

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import { Client, type Match, type WebSocketClass } from "../src/index.ts";
import type * as lobbyModule from "../src/lobby.ts";
import type * as clientModule from "../src/index.ts";
import { TactusServer } from "./server.ts";

const webSocket: WebSocketClass = WebSocket;

let server: TactusServer;
let released: typeof clientModule & typeof lobbyModule;

before(async () => {
  const load = (name: string) => import(pathToFileURL(resolve("test", "released", name)).href);
  released = { ...(await load("tactus.mjs")), ...(await load("lobby.mjs")) };
  server = await TactusServer.start();
});

after(() => server.stop());

function oldClient(): clientModule.Client {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  return new released.Client(server.url, { webSocket, storage });
}

/** What somebody else says in a match, next. */
const heard = (match: Match) => new Promise<string>((done) => match.on("chat", (_, text) => done(text)));

/** Resolves when a seat of the name is gone. */
const gone = (match: Match, name: string) =>
  new Promise<void>((done) => match.on("roster", (entry, isGone) => isGone && entry.name === name && done()));

test("a page of the last release finds a match, plays, chats and leaves", async () => {
  const old = await oldClient().quickPlay({ game: "arena", mode: "ffa", name: "Old" });
  const today = await new Client(server.url, { webSocket, storage: null }).findMatch({
    matchId: old.id,
    name: "Today",
  });
  const snapshots = old.stats.snapshots;
  old.setInput({ buttons: 1 });
  const atOld = heard(old);
  assert.deepEqual(await today.chat("hello\tthere"), { sent: true, reason: "" });
  assert.equal(await atOld, "hello there");
  const atToday = heard(today);
  void old.chat("hello yourself");
  assert.equal(await atToday, "hello yourself");
  assert.ok(old.stats.snapshots > snapshots);
  const left = gone(today, "Old");
  old.leave();
  await left;
  today.leave();
});

test("a party of pages of the last release searches together", async () => {
  const leader = await new released.Lobby(oldClient()).createParty({ name: "Ann" });
  const member = await new released.Lobby(oldClient()).joinParty(leader.code, { name: "Bob" });
  const told = new Promise((done) => member.on("search", done));
  const starting = leader.start({ game: "arena", mode: "teams" });
  await told;
  const [first, second] = await Promise.all([starting, member.follow()]);
  assert.equal(first.id, second.id);
  for (const match of [first, second]) match.leave();
  for (const party of [leader, member]) party.leave();
});

test("a page of the last release comes back to its seat", async () => {
  const old = oldClient();
  const match = await old.quickPlay({ game: "arena", mode: "ffa", name: "Back" });
  const again = await old.resume(match.saved);
  assert.equal(again.slot, match.slot);
  assert.equal(again.id, match.id);
  again.leave();
});
