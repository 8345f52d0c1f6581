/** Parties, queues and ratings. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { Client, ErrorCode, type WebSocketClass } from "../src/index.ts";
import { Lobby, type Party } from "../src/lobby.ts";
import { FakeServer } from "./fakeserver.ts";

const webSocket = WebSocket as unknown as WebSocketClass;

let server: FakeServer;
let client: Client;
let lobby: Lobby;
const parties: Party[] = [];

beforeEach(async () => {
  server = await FakeServer.start();
  client = new Client(server.origin, { webSocket, storage: null });
  lobby = new Lobby(client);
  server.answers.CreateParty = () => ({ body: { partyCode: "ABCD", memberId: "secret-1", playerId: "p1", guestToken: "g1" } });
  server.answers.JoinParty = () => ({ body: { memberId: "secret-2", playerId: "p2" } });
});

afterEach(async () => {
  for (const party of parties.splice(0)) party.leave();
  await server.stop();
});

function keep(party: Party): Party {
  parties.push(party);
  return party;
}

/** The next time that a party has news. */
function changed(party: Party): Promise<void> {
  return new Promise((resolve) => {
    const stop = party.on("change", () => {
      stop();
      resolve();
    });
  });
}

const ann = { playerId: "p1", playerName: "Ann", leader: true };
const bob = { playerId: "p2", playerName: "Bob" };

test("a party is opened, joined by its code and watched", async () => {
  const party = keep(await lobby.createParty({ name: "Ann" }));
  assert.deepEqual(party.membership, { code: "ABCD", memberId: "secret-1", playerId: "p1" });
  assert.equal(client.playerId, "p1");
  const watch = await server.stream();
  assert.deepEqual([watch.method, watch.request], ["WatchParty", { memberId: "secret-1" }]);
  const news = changed(party);
  watch.send({ partyCode: "ABCD", members: [{ ...ann, you: true }, bob] });
  await news;
  assert.equal(party.leads, true);
  assert.deepEqual(party.members[1], { ...bob, leader: false, you: false });

  const joined = keep(await lobby.joinParty("ABCD", { name: "Bob" }));
  const { request } = server.calls.find((c) => c.method === "JoinParty")!;
  assert.deepEqual(request, { partyCode: "ABCD", playerName: "Bob", guestToken: "" });
  assert.equal(joined.membership.memberId, "secret-2");
  assert.equal(joined.leads, false);
});

test("the leader's search seats the others through their own tickets", async () => {
  const party = keep(await lobby.joinParty("ABCD"));
  await assert.rejects(party.follow(), TypeError);
  const watch = await server.stream();
  const searched = new Promise<string>((resolve) => party.on("search", resolve));
  watch.send({ members: [ann, { ...bob, you: true }], ticketId: "mine" });
  assert.equal(await searched, "mine");
  const joining = party.follow();
  await server.welcome();
  (await joining).leave();
  assert.equal(server.calls.some((c) => c.method === "CreateTicket"), false);
  assert.equal(server.calls.find((c) => c.method === "WatchTicket")?.request.ticketId, "mine");
});

test("the leader searches for all, and is not told of it", async () => {
  const party = keep(await lobby.createParty());
  party.on("search", () => assert.fail("the leader knows"));
  const watch = await server.stream();
  let news = changed(party);
  watch.send({ members: [{ ...ann, you: true }, bob] });
  await news;
  const joining = party.start({ mode: "free" });
  news = changed(party);
  watch.send({ members: [{ ...ann, you: true }, bob], ticketId: "t1" });
  await news;
  await server.welcome();
  (await joining).leave();
  assert.equal(server.calls.find((c) => c.method === "CreateTicket")?.request.party, "secret-1");
});

test("a leader whose page is a new one finds the search that goes on", async () => {
  const party = keep(lobby.resumeParty({ code: "ABCD", memberId: "secret-1", playerId: "p1" }));
  const searched = new Promise<string>((resolve) => party.on("search", resolve));
  (await server.stream()).send({ members: [{ ...ann, you: true }], ticketId: "t1" });
  assert.equal(await searched, "t1");
});

test("a party's watch is resumed when it breaks", async () => {
  const party = keep(await lobby.createParty());
  (await server.stream()).break();
  const news = changed(party);
  (await server.stream()).send({ members: [{ ...ann, you: true }] });
  await news;
  assert.equal(party.closed, false);
});

test("a party that is gone closes with a numbered error", async () => {
  const party = keep(await lobby.createParty());
  const closed = new Promise<{ code: number }>((resolve) => party.on("close", resolve));
  (await server.stream()).end({ code: "not_found", message: "not a member" });
  assert.equal((await closed).code, ErrorCode.matchmaker + 5);
  assert.equal(party.closed, true);
});

test("leaving tells the matchmaker and ends the watch", async () => {
  const party = await lobby.createParty();
  party.on("close", () => assert.fail("it was left"));
  await server.stream();
  party.leave();
  await server.until(() => server.abandoned === 1 && server.calls.some((c) => c.method === "LeaveParty"));
  assert.deepEqual(server.calls.at(-1)?.request ?? {}, { memberId: "secret-1" });
});

test("queues are listed with all their fields", async () => {
  server.answers.ListQueues = () => ({ body: { queues: [{ name: "duel", game: "fake", rated: true, waitP90Ms: 4000 }] } });
  assert.deepEqual(await lobby.queues(), [
    {
      ...{ name: "duel", title: "", game: "fake", mode: "", rulesVersion: "", teams: 0, teamMin: 0, teamMax: 0, partyMax: 0 },
      ...{ accept: false, rated: true, searching: 0, waitP50Ms: 0, waitP90Ms: 4000 },
    },
  ]);
  server.answers.ListQueues = () => ({ status: 501, body: { code: "unimplemented" } });
  await assert.rejects(lobby.queues(), { code: ErrorCode.matchmaker + 12 });
});

test("ratings, leaderboard and history are told with all their fields", async () => {
  const last = { matchId: "m1", endedUnixMs: "1700000000000", rank: 1, teams: 2, pointsBefore: 1500, pointsAfter: 1518.4, mode: "free" };
  server.answers.GetRating = () => ({ body: { rating: { playerId: "p1", points: 1518.4, rank: 3 }, last } });
  assert.deepEqual(await lobby.rating("duel", "p1"), {
    rating: { playerId: "p1", playerName: "", points: 1518.4, uncertainty: 0, rank: 3, matches: 0, wins: 0 },
    last: { ...last, endedUnixMs: 1_700_000_000_000 },
  });
  server.answers.GetRating = () => ({ body: { rating: { points: 1500 } } });
  assert.equal((await lobby.rating("duel", "p1")).last, undefined);

  server.answers.ListLeaderboard = () => ({ body: { ratings: [{ playerId: "p1", rank: 1 }], players: 7 } });
  const board = await lobby.leaderboard("duel", { around: "p1", limit: 5 });
  assert.deepEqual([board.players, board.ratings[0].rank, board.ratings[0].wins], [7, 1, 0]);
  assert.deepEqual(server.calls.at(-1)?.request, { queue: "duel", aroundPlayerId: "p1", limit: 5 });

  server.answers.ListHistory = () => ({ body: { matches: [last] } });
  assert.deepEqual(await lobby.history("duel", "p1", 3), [{ ...last, endedUnixMs: 1_700_000_000_000 }]);
  assert.deepEqual(server.calls.at(-1)?.request, { queue: "duel", playerId: "p1", limit: 3 });
});

test("the rating after a match is waited for, and not for ever", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const match = { id: "m2", player: "p1", queue: "duel" };
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false;
    void promise.catch(() => {}).finally(() => (over = true));
    while (!over) {
      t.mock.timers.tick(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return promise;
  };
  const rated = (matchId: string) => ({ body: { rating: { points: 1510, rank: 2 }, last: { matchId, pointsBefore: 1500, pointsAfter: 1510 } } });
  let asked = 0;
  server.answers.GetRating = () => rated(++asked < 3 ? "m1" : "m2");
  assert.equal((await run(lobby.ratingAfter(match)))?.rating.points, 1510);
  assert.equal(asked, 3);

  server.answers.GetRating = () => (++asked, rated("m1"));
  asked = 0;
  assert.equal(await run(lobby.ratingAfter(match)), undefined);
  assert.ok(asked > 5 && asked < 15, `given up after ${asked} times`);

  server.answers.GetRating = () => (++asked, { status: 404, body: { code: "not_found" } });
  asked = 0;
  assert.equal(await run(lobby.ratingAfter(match)), undefined);
  assert.equal(asked, 1, "an unrated queue is asked once");
});

test("waiting for a rating ends when it is no longer wanted", async () => {
  const effort = new AbortController();
  const waiting = lobby.ratingAfter({ id: "m", player: "p", queue: "q" }, effort.signal);
  effort.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  assert.deepEqual(server.calls, []);
});

test("rooms, matches and games are listed with all their fields", async () => {
  server.answers.CreateRoom = ({ options }) => {
    assert.deepEqual(options, [{ name: "seconds", value: 60 }]);
    return { body: { roomCode: "ABCD", matchId: "m7" } };
  };
  assert.deepEqual(await lobby.createRoom({ game: "fake", options: { seconds: 60 } }), { code: "ABCD", matchId: "m7" });
  server.answers.ListMatches = () => ({ body: { matches: [{ matchId: "m7", game: "fake", mode: "free", seats: 16, ageS: 5 }] } });
  assert.deepEqual(await lobby.listMatches(), [{ matchId: "m7", game: "fake", mode: "free", people: 0, seats: 16, ageSeconds: 5 }]);
  server.answers.ListMatches = () => ({ body: {} });
  assert.deepEqual(await lobby.listMatches({ mode: "free" }), []);
  server.answers.ListGames = () => ({ body: { games: [{ name: "fake", modes: [{ name: "free", maxPlayers: 16 }] }], players: 3 } });
  assert.deepEqual(await lobby.listGames(), {
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
