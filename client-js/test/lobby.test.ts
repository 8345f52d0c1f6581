/** Parties, queues and ratings. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { Client, ErrorCode, type WebSocketClass } from "../src/index.ts";
import { Lobby, type Party, type Room } from "../src/lobby.ts";
import { FakeServer } from "./fakeserver.ts";

const webSocket: WebSocketClass = WebSocket;

let server: FakeServer;
let client: Client;
let lobby: Lobby;
const groups: (Party | Room)[] = [];

beforeEach(async () => {
  server = await FakeServer.start();
  client = new Client(server.origin, { webSocket, storage: null });
  lobby = new Lobby(client);
  server.answers.CreateParty = () => ({
    body: { partyCode: "ABCD", memberId: "secret-1", playerId: "p1", guestToken: "g1" },
  });
  server.answers.JoinParty = () => ({ body: { memberId: "secret-2", playerId: "p2" } });
});

afterEach(async () => {
  for (const group of groups.splice(0)) group.leave();
  await server.stop();
});

function keep<G extends Party | Room>(group: G): G {
  groups.push(group);
  return group;
}

/** The next time that a party or a room has news. */
function changed(party: Pick<Party, "on">): Promise<void> {
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
  assert.equal(
    server.calls.some((c) => c.method === "CreateTicket"),
    false,
  );
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
  server.answers.ListQueues = () => ({
    body: { queues: [{ name: "duel", game: "fake", rated: true, waitP90Ms: 4000 }] },
  });
  assert.deepEqual(await lobby.queues(), [
    {
      ...{
        name: "duel",
        title: "",
        game: "fake",
        mode: "",
        rulesVersion: "",
        teams: 0,
        teamMin: 0,
        teamMax: 0,
        partyMax: 0,
      },
      ...{ away: false, accept: false, rated: true, searching: 0, waitP50Ms: 0, waitP90Ms: 4000 },
    },
  ]);
  server.answers.ListQueues = () => ({ status: 501, body: { code: "unimplemented" } });
  await assert.rejects(lobby.queues(), { code: ErrorCode.matchmaker + 12 });
});

test("ratings, leaderboard and history are told with all their fields", async () => {
  const last = {
    matchId: "m1",
    endedUnixMs: "1700000000000",
    rank: 1,
    teams: 2,
    pointsBefore: 1500,
    pointsAfter: 1518.4,
    mode: "free",
  };
  server.answers.GetRating = () => ({ body: { rating: { playerId: "p1", points: 1518.4, rank: 3 }, last } });
  assert.deepEqual(await lobby.rating("duel", "p1"), {
    rating: { playerId: "p1", playerName: "", points: 1518.4, uncertainty: 0, rank: 3, matches: 0, wins: 0 },
    last: { ...last, endedUnixMs: 1_700_000_000_000 },
  });
  server.answers.GetRating = () => ({ body: { rating: { points: 1500 } } });
  assert.equal((await lobby.rating("duel", "p1")).last, undefined);

  server.answers.ListLeaderboard = () => ({ body: { ratings: [{ playerId: "p1", rank: 1 }], players: 7 } });
  const board = await lobby.leaderboard("duel", { around: "p1", limit: 5 });
  assert.deepEqual([board.players, board.ratings[0]!.rank, board.ratings[0]!.wins], [7, 1, 0]);
  assert.deepEqual(server.calls.at(-1)?.request, { queue: "duel", aroundPlayerId: "p1", limit: 5 });

  server.answers.ListHistory = () => ({ body: { matches: [last] } });
  assert.deepEqual(await lobby.history("duel", "p1", 3), [{ ...last, endedUnixMs: 1_700_000_000_000 }]);
  assert.deepEqual(server.calls.at(-1)?.request, { queue: "duel", playerId: "p1", limit: 3 });
});

test("a report names the player as the match's roster does", async () => {
  server.answers.ReportPlayer = () => ({ body: {} });
  const roster = new Map([[3, { slot: 3, name: "Ann", bot: false, connected: true, team: -1 }]]);
  await lobby.report({ id: "m1", roster }, 3, "CHEATING", { text: "sees through walls" });
  const { guestToken, ...request } = server.calls.at(-1)!.request as Record<string, unknown>;
  assert.deepEqual(request, {
    matchId: "m1",
    slot: 3,
    reportedName: "Ann",
    category: "REPORT_CATEGORY_CHEATING",
    text: "sees through walls",
  });
  await assert.rejects(lobby.report({ id: "m1", roster }, 3, "CHAT", { txt: "" } as object), TypeError);
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
  const rated = (matchId: string) => ({
    body: { rating: { points: 1510, rank: 2 }, last: { matchId, pointsBefore: 1500, pointsAfter: 1510 } },
  });
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
  const operation = new AbortController();
  const waiting = lobby.ratingAfter({ id: "m", player: "p", queue: "q" }, operation.signal);
  operation.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  assert.deepEqual(server.calls, []);
});

test("a room counts for its player, and tells what is known of it", async () => {
  server.answers.CreateRoom = () => ({ body: { roomCode: "ABCD", memberId: "r1", playerId: "p1" } });
  const request = { game: "fake", mode: "free", options: { seconds: 60 }, labels: { map: "old town" } };
  const room = keep(await lobby.createRoom({ ...request, name: "Ann" }));
  const sent = server.calls.find((c) => c.method === "CreateRoom")!.request;
  assert.deepEqual(sent, { ...request, options: [{ name: "seconds", value: 60 }], playerName: "Ann", guestToken: "" });
  assert.deepEqual(
    [room.code, room.matchId, room.membership],
    ["ABCD", "", { code: "ABCD", memberId: "r1", playerId: "p1" }],
  );
  const watch = await server.stream();
  assert.deepEqual([watch.method, watch.request], ["WatchRoom", { memberId: "r1" }]);
  const news = changed(room);
  watch.send({
    ...{
      roomCode: "ABCD",
      game: "fake",
      mode: "free",
      options: [{ name: "seconds", value: 60 }, { name: "bots" }],
      labels: request.labels,
      seats: 4,
    },
    members: [
      { playerId: "p1", playerName: "Ann", owner: true, you: true },
      { playerId: "p2", playerName: "Bob", ready: true },
    ],
  });
  await news;
  assert.deepEqual(
    [room.game, room.mode, room.options, room.labels],
    ["fake", "free", { seconds: 60, bots: 0 }, request.labels],
  );
  assert.deepEqual([room.seats, room.round, room.owns, room.ready, room.owner?.playerName], [4, 0, true, false, "Ann"]);
  assert.deepEqual(room.members[1], {
    playerId: "p2",
    playerName: "Bob",
    owner: false,
    you: false,
    ready: true,
    playing: false,
  });
});

test("a room that was opened by nobody is entered at once", async () => {
  server.answers.CreateRoom = () => ({ body: { roomCode: "ABCD" } });
  server.answers.JoinRoom = () => ({ body: { roomCode: "ABCD", memberId: "r1", playerId: "p1", guestToken: "g1" } });
  const room = keep(await lobby.createRoom({ name: "Ann" }));
  assert.equal(room.membership.memberId, "r1");
  assert.deepEqual(server.calls.find((c) => c.method === "JoinRoom")?.request, {
    roomCode: "ABCD",
    playerName: "Ann",
    guestToken: "",
  });
});

/** A room in which the player is, with its open watch. */
async function inRoom() {
  server.answers.JoinRoom = () => ({ body: { roomCode: "ABCD", memberId: "r1", playerId: "p1" } });
  const room = keep(await lobby.joinRoom("a-b c d"));
  assert.equal(room.code, "ABCD");
  return { room, watch: await server.stream() };
}

test("the owner of a room sets it and starts it, and is not told of the match", async () => {
  const { room, watch } = await inRoom();
  room.on("search", () => assert.fail("the owner knows"));
  const state = {
    mode: "free",
    options: [{ name: "minutes", value: 5 }],
    members: [{ playerId: "p1", owner: true, you: true }],
  };
  let news = changed(room);
  watch.send(state);
  await news;
  server.answers.SetRoom = () => ({ body: {} });
  await room.set({ labels: { for: "friends" } });
  const { memberId, mode, options, labels } = server.calls.find((c) => c.method === "SetRoom")!.request;
  assert.deepEqual([memberId, mode, options, labels], ["r1", "free", state.options, { for: "friends" }]);
  server.answers.SetReady = () => ({ body: {} });
  await room.setReady();
  assert.deepEqual(server.calls.find((c) => c.method === "SetReady")?.request, { memberId: "r1", ready: true });
  server.answers.StartRoom = () => ({ body: { ticketId: "t1" } });
  const joining = room.start();
  news = changed(room);
  watch.send({ ...state, matchId: "room-abcd-1", round: 1, ticketId: "t1" });
  await news;
  await server.welcome();
  (await joining).leave();
  assert.equal(server.calls.find((c) => c.method === "WatchTicket")?.request.ticketId, "t1");
});

test("the others of a room hear of its match, and get seats of their own", async () => {
  const { room, watch } = await inRoom();
  const searched = new Promise<string>((resolve) => room.on("search", resolve));
  watch.send({
    members: [
      { playerId: "p2", owner: true },
      { playerId: "p1", you: true },
    ],
    matchId: "room-abcd-1",
    ticketId: "mine",
  });
  assert.equal(await searched, "mine");
  server.answers.StartRoom = () => ({ body: { ticketId: "mine" } });
  const joining = room.follow();
  await server.welcome();
  (await joining).leave();
});

test("a page that was away for long comes back to a room by its code, one that was replaced does not", async () => {
  server.answers.JoinRoom = () => ({ body: { roomCode: "ABCD", memberId: "r2", playerId: "p1" } });
  const room = keep(lobby.resumeRoom({ code: "ABCD", memberId: "r1", playerId: "p1" }));
  const closed = new Promise<{ code: number }>((resolve) => room.on("close", resolve));
  (await server.stream()).end({ code: "not_found", message: "no such room" });
  const watch = await server.stream();
  assert.deepEqual([watch.request, room.membership.memberId], [{ memberId: "r2" }, "r2"]);
  const news = changed(room);
  watch.send({ members: [] });
  await news;
  watch.end({ code: "not_found", message: "no such room" });
  assert.equal((await closed).code, ErrorCode.matchmaker + 5);
  assert.equal(server.calls.filter((c) => c.method === "JoinRoom").length, 1);
});

test("a party enters a room as one", async () => {
  const party = keep(await lobby.createParty());
  const watch = await server.stream();
  party.on("room", () => assert.fail("the leader knows"));
  const members = [{ ...ann, you: true }, bob];
  let news = changed(party);
  watch.send({ members });
  await news;
  server.answers.JoinRoom = () => ({ body: { roomCode: "WXYZ", memberId: "r1" } });
  const room = keep(await party.enterRoom("wxyz"));
  assert.deepEqual(server.calls.find((c) => c.method === "JoinRoom")?.request, { roomCode: "wxyz", party: "secret-1" });
  assert.deepEqual(room.membership, { code: "WXYZ", memberId: "r1", playerId: "p1" });
  news = changed(party);
  watch.send({ members, roomCode: "WXYZ", roomMemberId: "r1" });
  await news;
  assert.deepEqual(party.room, room.membership);

  const other = keep(await lobby.joinParty("ABCD"));
  const entered = new Promise<object>((resolve) => other.on("room", resolve));
  const streams = [await server.stream(), await server.stream()];
  const theirs = streams.find((s) => s.method === "WatchParty")!;
  theirs.send({ members: [ann, { ...bob, you: true }], roomCode: "WXYZ", roomMemberId: "r2" });
  assert.deepEqual(await entered, { code: "WXYZ", memberId: "r2", playerId: "p2" });
});

test("matches and games are listed with all their fields", async () => {
  server.answers.ListMatches = () => ({
    body: { matches: [{ matchId: "m7", game: "fake", mode: "free", seats: 16, ageS: 5, rated: true }] },
  });
  assert.deepEqual(await lobby.listMatches(), [
    { matchId: "m7", game: "fake", mode: "free", people: 0, seats: 16, ageSeconds: 5, rated: true },
  ]);
  server.answers.ListMatches = () => ({ body: {} });
  assert.deepEqual(await lobby.listMatches({ mode: "free" }), []);
  server.answers.ListGames = () => ({
    body: {
      games: [
        {
          name: "fake",
          modes: [
            { name: "free", maxPlayers: 16, options: [{ name: "seconds", value: 60, max: 600 }] },
            { name: "duel", maxPlayers: 2, away: true },
          ],
        },
      ],
      players: 3,
    },
  });
  assert.deepEqual(await lobby.listGames(), {
    games: [
      {
        name: "fake",
        title: "",
        version: "",
        away: false,
        modes: [
          {
            name: "free",
            title: "",
            minPlayers: 0,
            maxPlayers: 16,
            teams: 0,
            away: false,
            options: [{ name: "seconds", value: 60, min: 0, max: 600 }],
          },
          { name: "duel", title: "", minPlayers: 0, maxPlayers: 2, teams: 0, away: true, options: [] },
        ],
      },
    ],
    servers: 0,
    players: 3,
  });
});
