/** Watches whose streams are held back on their way. Time runs ten times as fast here. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Client, ErrorCode } from "../src/index.ts";
import { Lobby } from "../src/lobby.ts";
import { hurryTime } from "./fasttime.ts";
import { FakeServer } from "./fakeserver.ts";

let server: FakeServer;
let client: Client;

beforeEach(async () => {
  server = await FakeServer.start();
  server.updates = [];
  server.heldBack = true;
  client = new Client(server.origin, { storage: null });
  hurryTime(10);
});

afterEach(async () => {
  mock.restoreAll();
  await server.stop();
});

const made = (method: string) => server.calls.filter((call) => call.method === method).length;

/** Later streams speak, and tell of a match. */
function getThrough(): void {
  server.heldBack = false;
  server.updates = [server.assigned()];
}

interface News {
  state?: string;
  waitedMs?: number;
}

/** Follows a ticket until it is assigned, and tells how long it had waited. */
async function follow(): Promise<number[]> {
  const waits: number[] = [];
  await client.matchmaker.follow<News>("WatchTicket", { ticketId: "t1" }, ({ state, waitedMs = 0 }) => {
    if (state !== "STATE_ASSIGNED") waits.push(waitedMs);
    return state === "STATE_ASSIGNED";
  });
  return waits;
}

test("a silent watch is replaced by polls", async () => {
  server.answers.GetTicket = ({ ticketId }) => {
    assert.equal(ticketId, "t1");
    const ticket =
      made("GetTicket") < 4 ? { state: "STATE_SEARCHING", waitedMs: made("GetTicket") } : server.assigned();
    return { body: { ticket } };
  };
  assert.deepEqual(await follow(), [1, 2, 3]);
  assert.equal(made("WatchTicket"), 1);
});

test("a stream is tried again, and followed when it speaks", async () => {
  server.answers.GetTicket = () => {
    getThrough();
    return { body: { ticket: { state: "STATE_SEARCHING" } } };
  };
  assert.equal((await follow()).length, 1, "the same news is told once");
  assert.ok(made("GetTicket") >= 15);
});

test("an older matchmaker, which can't be polled, is watched", async () => {
  server.answers.GetTicket = () => {
    getThrough();
    return { status: 404, body: {} };
  };
  await follow();
  assert.equal(made("GetTicket"), 1);
  assert.equal(made("WatchTicket"), 2);
});

test("where there are no streams, the matchmaker is polled from the start", async (t) => {
  const { ReadableStream } = globalThis;
  Object.assign(globalThis, { ReadableStream: undefined });
  t.after(() => Object.assign(globalThis, { ReadableStream }));
  // Node's own fetch needs streams.
  mock.method(globalThis, "fetch", async (url: string) => {
    assert.match(url, /GetTicket$/);
    const headers = new Headers({ "Content-Type": "application/json" });
    return { ok: true, status: 200, headers, json: async () => ({ ticket: server.assigned() }) };
  });
  await follow();
});

test("a fetch whose responses have no body is polled", async () => {
  const { fetch } = globalThis;
  mock.method(globalThis, "fetch", async (url: string, init: RequestInit) => {
    if (!url.endsWith("WatchTicket")) return fetch(url, init);
    const headers = new Headers({ "Content-Type": "application/connect+json" });
    return { ok: true, status: 200, headers, body: null };
  });
  server.answers.GetTicket = () => ({ body: { ticket: server.assigned() } });
  await follow();
});

test("polls that fail are given up like watches", async () => {
  server.answers.GetTicket = () => ({ status: 503, body: {} });
  await assert.rejects(follow(), { code: ErrorCode.matchmaker + 14 });
});

test("a party's members are polled, and told only when they change", async () => {
  const changes: string[] = [];
  server.answers.GetParty = () => {
    const names = made("GetParty") < 5 ? ["Ann"] : ["Ann", "Bob"];
    return { body: { party: { members: names.map((playerName) => ({ playerName })) } } };
  };
  const party = new Lobby(client).resumeParty({ code: "KX7QPT", memberId: "m1", playerId: "p1" });
  await new Promise<void>((resolve) => {
    party.on("change", (members) => {
      changes.push(members.map((member) => member.playerName).join());
      if (members.length === 2) resolve();
    });
  });
  party.leave();
  assert.deepEqual(changes, ["Ann", "Ann,Bob"]);
});
