/** The SDK in Node against the real server: what its fakes only claim. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Client, ErrorCode, type Match, type SearchProgress, TactusError, type WebSocketClass } from "../src/index.ts";
import { Lobby, type Party } from "../src/lobby.ts";
import { TactusServer } from "./server.ts";

const webSocket: WebSocketClass = WebSocket;

const rules = `
queue: asks
game: arena
mode: duel
accept: {within: 20s}
rated: true
---
queue: speaks
game: arena
mode: ffa
teams: {count: 2, max: 1}
attributes:
  - {name: language, rule: overlap}
---
queue: pairs
game: arena
mode: teams
teams: {count: 2, min: 1, max: 2}
`;

let server: TactusServer;

before(async () => {
  server = await TactusServer.startWith([], rules);
});

after(() => server.stop());

/** A player whose identity lasts as long as this object. */
function player(): { client: Client; lobby: Lobby } {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const client = new Client(server.url, { webSocket, storage });
  return { client, lobby: new Lobby(client) };
}

/** The reason that a refusal names. */
async function refusal(promise: Promise<unknown>): Promise<{ code: number; reason: string }> {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (failed: unknown) => failed,
  );
  assert.ok(error instanceof TactusError);
  return { code: error.code, reason: error.reason };
}

test("queues say what their rules are", async () => {
  const { lobby } = player();
  const queues = new Map((await lobby.queues()).map((queue) => [queue.name, queue]));
  const asks = queues.get("asks");
  assert.deepEqual([asks?.accept, asks?.rated, asks?.teams, asks?.teamMax], [true, true, 2, 1]);
  assert.ok(asks?.rulesVersion);
  assert.equal(queues.get("pairs")?.partyMax, 2);
  assert.equal(queues.get("arena/swarm")?.mode, "swarm", "quick play is a queue too");
});

test("attributes bring together who has something in common", async () => {
  const search = (...language: string[]): Promise<Match> =>
    player().client.findMatch({ queue: "speaks", attributes: { language } });
  const [german, both] = await Promise.all([search("de"), search("en", "de")]);
  assert.equal(german.id, both.id);
  assert.equal(german.queue, "speaks");
  for (const match of [german, both]) match.leave();
});

test("a match that was proposed begins when both accept, by a version of the rules that is told", async () => {
  const seen: SearchProgress[] = [];
  const accepts = ({ proposal }: SearchProgress): void => {
    // It is asked again when the other has accepted: the answer may be on its way.
    if (proposal && !proposal.acceptedByYou) proposal.accept().catch(() => {});
  };
  const search = (onProgress: (progress: SearchProgress) => void): Promise<Match> =>
    player().client.findMatch({ queue: "asks", onProgress });
  const [ann, bob] = await Promise.all([
    search((progress) => (seen.push(progress), accepts(progress))),
    search(accepts),
  ]);
  assert.equal(ann.id, bob.id);
  const states = seen.map(({ state }) => state);
  assert.deepEqual([states.includes("proposed"), states.slice(-2)], [true, ["assigned", "joining"]]);
  assert.ok(seen.at(-1)?.assignment?.rulesVersion);
  for (const match of [ann, bob]) match.leave();
});

test("who declines is told so", async () => {
  const waiting = new AbortController();
  const ann = player().client.findMatch({ queue: "asks", signal: waiting.signal });
  const bob = player().client.findMatch({
    queue: "asks",
    onProgress: ({ proposal }) => void proposal?.decline().catch(() => {}),
  });
  assert.deepEqual(await refusal(bob), { code: ErrorCode.ticket + 9, reason: "DECLINED" });
  waiting.abort();
  await assert.rejects(ann, { name: "AbortError" });
});

test("a party is led into one team", async () => {
  const [leader, member, stranger] = [player(), player(), player()];
  const party = await leader.lobby.createParty({ name: "Ann" });
  const joined = await member.lobby.joinParty(party.code, { name: "Bob" });
  const full = new Promise<void>((resolve) => {
    const look = ({ length }: readonly unknown[]) => length === 2 && resolve();
    party.on("change", look);
    look(party.members);
  });
  const followed = new Promise<Match>((resolve, reject) => {
    joined.on("search", () => void joined.follow().then(resolve, reject));
  });
  await full;
  const matches = await Promise.all([
    party.start({ queue: "pairs" }),
    followed,
    stranger.client.findMatch({ queue: "pairs" }),
  ]);
  assert.equal(new Set(matches.map(({ id }) => id)).size, 1);
  const [ann, bob, cy] = await Promise.all(matches.map(team));
  assert.equal(ann, bob);
  assert.notEqual(ann, cy);
  for (const match of matches) match.leave();
  for (const one of [party, joined] satisfies Party[]) one.leave();
});

/** The team of the player's seat, once the roster tells. */
function team(match: Match): Promise<number> {
  return new Promise((resolve) => {
    const own = match.roster.get(match.slot);
    if (own) resolve(own.team);
    else match.on("roster", (entry) => entry.slot === match.slot && resolve(entry.team));
  });
}

test("refusals carry their reasons", async () => {
  const { client, lobby } = player();
  const queue = await refusal(client.findMatch({ queue: "nowhere" }));
  assert.equal(queue.code, ErrorCode.matchmaker + 3);
  assert.match(queue.reason, /^[A-Z][A-Z_]+$/);
  const forged = await refusal(client.findMatch({ identityToken: "a.b.c" }));
  assert.equal(forged.code, ErrorCode.matchmaker + 16);
  const party = await refusal(lobby.joinParty("ZZZZZZ"));
  assert.equal(party.code, ErrorCode.matchmaker + 5);
  assert.match(party.reason, /^[A-Z][A-Z_]+$/);
  assert.equal(new Set([queue.reason, forged.reason, party.reason]).size, 3);
  assert.equal((await refusal(lobby.rating("pairs", "nobody"))).code, ErrorCode.matchmaker + 5, "not a rated queue");
  const { rating, last } = await lobby.rating("asks", "nobody");
  assert.deepEqual([rating.points, rating.matches, rating.rank, last], [1500, 0, 0, undefined]);
  assert.deepEqual(await lobby.leaderboard("asks", { limit: 5 }), { ratings: [], players: 0 });
  assert.deepEqual(await lobby.history("asks", "nobody"), []);
});
