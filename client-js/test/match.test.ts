/** A match over a real socket, against a server that does what the test says. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import {
  Client,
  CloseCode,
  type Entity,
  ErrorCode,
  type Match,
  type MatchEvents,
  type MatchState,
  TactusError,
  type WebSocketClass,
} from "../src/index.ts";
import { MessageType } from "../src/connection.ts";
import { FakeServer, type Ship } from "./fakeserver.ts";

const webSocket: WebSocketClass = WebSocket;

interface ShipRow {
  pos: { x: number; y: number };
  angle: number;
  hp: number;
  pilot: number;
}

let server: FakeServer;
let client: Client;
let open: Match[] = [];

beforeEach(async () => {
  server = await FakeServer.start();
  client = new Client(server.origin, { webSocket, storage: null });
});

afterEach(async () => {
  for (const match of open) match.leave();
  open = [];
  await server.stop();
});

function ships(...list: [number, Ship][]): Map<number, Ship> {
  return new Map(list);
}

async function play(first = ships([0, { generation: 1, x: 1, y: 2, pilot: 2 }])) {
  const joining = client.quickPlay({ game: "fake" });
  const player = await server.welcome(first);
  const match = await joining;
  open.push(match);
  return { match, player };
}

/** Resolves with the arguments of the next call. */
function next<K extends keyof MatchEvents>(match: Match, name: K): Promise<Parameters<MatchEvents[K]>> {
  return new Promise((resolve) => {
    const stop = match.on(name, ((...args: Parameters<MatchEvents[K]>) => {
      stop();
      resolve(args);
    }) as MatchEvents[K]);
  });
}

const state = (match: Match, wanted: MatchState) =>
  new Promise<void>((resolve) => {
    if (match.state === wanted) return resolve();
    const stop = match.on("state", (now) => {
      if (now !== wanted) return;
      stop();
      resolve();
    });
  });

const snapshotApplied = async (match: Match, tick: number) => {
  while (match.stats.serverTick < tick) await new Promise((resolve) => setImmediate(resolve));
};

test("a match is there with its state once quickPlay resolves", async () => {
  const { match, player } = await play(
    ships([0, { generation: 1, x: 1.5, y: -2, angle: 16384, hp: 80, pilot: 2 }], [5, { generation: 3, x: 0, y: 0 }]),
  );
  assert.equal(player.hello.token, "join-1");
  assert.equal(match.state, "playing");
  assert.equal(match.slot, 2);
  assert.deepEqual(match.mode.options, { seconds: 180 });
  assert.deepEqual(match.saved, {
    url: server.url,
    resume: "seat-secret",
    game: "fake",
    mode: "free",
    queue: "fake/free",
  });
  const view = match.entities<ShipRow>("ship");
  assert.equal(view.size, 2);
  const [mine, other] = [...view] as [Entity & ShipRow, Entity & ShipRow];
  assert.deepEqual({ ...mine.pos }, { x: 1.5, y: -2 });
  assert.ok(Math.abs(mine.angle - Math.PI / 2) < 1e-9);
  assert.equal(mine.hp, 80);
  assert.equal(mine.own, true);
  assert.equal(other.own, false);
  assert.equal(other.pilot, -1);
  assert.equal(other.id, (3 << 16) | 5);
  assert.equal(view.get(other.id), other);
  assert.equal(match.single<{ left: number }>("clock")?.left, 100);
  assert.throws(() => match.entities("boat"), /there is no table "boat"; there are clock, ship/);
});

test("rows that come, change and go are told once each", async () => {
  const { match, player } = await play();
  const seen: string[] = [];
  const view = match.entities<ShipRow>("ship");
  view.onAdd((e) => seen.push(`add ${e.index} at ${e.pos.x}`));
  view.onChange((e) => seen.push(`change ${e.index} to ${e.hp}`));
  view.onRemove((e) => seen.push(`remove ${e.index} with ${e.hp}`));
  player.snapshot(101, ships([0, { generation: 1, x: 1, y: 2, pilot: 2 }], [4, { generation: 1, x: 7, y: 0, hp: 9 }]));
  player.snapshot(
    102,
    ships([0, { generation: 1, x: 1, y: 2, pilot: 2, hp: 50 }], [4, { generation: 1, x: 7, y: 0, hp: 9 }]),
  );
  player.snapshot(
    103,
    ships([0, { generation: 1, x: 1, y: 2, pilot: 2, hp: 50 }], [4, { generation: 2, x: 8, y: 0, hp: 33 }]),
  );
  player.snapshot(104, ships([4, { generation: 2, x: 8, y: 0, hp: 33 }]));
  await snapshotApplied(match, 104);
  assert.deepEqual(seen, ["add 4 at 7", "change 0 to 50", "add 4 at 8", "remove 4 with 9", "remove 0 with 50"]);
  assert.deepEqual(
    [...view].map((e) => e.index),
    [4],
  );
});

test("an entity keeps its last values when its place is taken by another", async () => {
  const { match, player } = await play();
  const [first] = [...match.entities<ShipRow>("ship")] as [Entity & ShipRow];
  player.snapshot(101, ships([0, { generation: 2, x: 50, y: 60, hp: 1 }]));
  await snapshotApplied(match, 101);
  assert.equal(first.hp, 100);
  assert.equal(first.pos.x, 1);
  assert.equal(match.entities("ship").get(first.id), undefined);
});

test("unsubscribing silences a callback", async () => {
  const { match, player } = await play();
  let calls = 0;
  const stop = match.entities("ship").onAdd(() => calls++);
  stop();
  player.snapshot(101, ships([1, { generation: 1, x: 0, y: 0 }]));
  await snapshotApplied(match, 101);
  assert.equal(calls, 0);
});

test("events carry their fields and come before what they ended is forgotten", async () => {
  const { match, player } = await play();
  const [victim] = [...match.entities<ShipRow>("ship")] as [Entity & ShipRow];
  let found: Entity | undefined;
  const hits: object[] = [];
  match.onEvent("hit", (event) => {
    found = match.entities("ship").get(victim.id);
    hits.push(event);
  });
  player.snapshot(101, ships(), { events: [[1, 101, 0, 65536, -65536, 25]] });
  await snapshotApplied(match, 101);
  assert.deepEqual(hits, [{ seq: 1, tick: 101, pos: { x: 1, y: -1 }, damage: 25 }]);
  assert.equal(found, victim);
  assert.equal(match.entities("ship").size, 0);
  assert.throws(() => match.onEvent("miss", () => {}), /there is no event "miss"/);
});

test("what a callback throws does not stop the match", async (t) => {
  const { match, player } = await play();
  const reported: unknown[] = [];
  t.mock.method(console, "error", (error: unknown) => reported.push(error));
  match.entities("ship").onAdd(() => {
    throw new Error("a bug in the game");
  });
  player.snapshot(101, ships([1, { generation: 1, x: 0, y: 0 }]));
  player.snapshot(102, ships());
  await snapshotApplied(match, 102);
  assert.deepEqual(reported, [new Error("a bug in the game")]);
  assert.equal(match.state, "playing");
});

test("inputs go out for rising ticks, in the fields' ranges", async () => {
  const { match, player } = await play();
  match.setInput({ move: { x: 0.5, y: -7 }, aim: -Math.PI / 2, buttons: 99 });
  match.frame(performance.now() + 1);
  const first = await player.message(MessageType.input);
  assert.deepEqual(first.slice(4), [32768, -65536, 49152, 7]);
  assert.ok((first[2] as number) > 100, "for a tick to come");
  match.setInput({ buttons: 0 });
  const second = await player.message(MessageType.input);
  const third = await player.message(MessageType.input);
  assert.ok((third[1] as number) > (second[1] as number), "seq rises");
  assert.ok((third[2] as number) > (second[2] as number), "ticks rise");
  assert.deepEqual(third.slice(4), [32768, -65536, 49152, 0]);
  assert.throws(() => match.setInput({ thrust: 1 }), /no field "thrust"; there are move, aim, buttons/);
});

test("inputs go on by a timer when nobody draws", async () => {
  const { match, player } = await play();
  match.setInput({ buttons: 1 });
  const first = await player.message(MessageType.input);
  const second = await player.message(MessageType.input);
  assert.ok((second[2] as number) > (first[2] as number));
});

test("requests are answered, refused, or time out", async () => {
  const { match, player } = await play();
  const asked = match.request("emote", [3]);
  const [, id, name, args] = await player.message(MessageType.command);
  assert.deepEqual([name, args], ["emote", [3]]);
  player.send([MessageType.reply, id as number, true, [-5, 7]]);
  assert.deepEqual(await asked, [-5, 7]);

  const refused = match.request("emote");
  player.send([MessageType.reply, (await player.message(MessageType.command))[1] as number, false, []]);
  await assert.rejects(refused, { name: "TactusError", code: ErrorCode.refused, reason: "" });

  assert.deepEqual(player.hello.features, ["reply"]);
  const busy = match.request("emote");
  player.send([MessageType.reply, (await player.message(MessageType.command))[1] as number, false, [], "busy"]);
  await assert.rejects(busy, { code: ErrorCode.refused, reason: "busy", message: "The match refused it: busy." });

  await assert.rejects(match.request("emote", [], { timeoutMs: 5 }), { code: ErrorCode.timeout });
  assert.throws(() => match.send("x".repeat(33)), TypeError);

  match.send("ready");
  for (;;) {
    const command = await player.message(MessageType.command);
    if (command[2] !== "ready") continue;
    assert.equal(command[1], 0, "no answer wanted");
    break;
  }
  const never = match.request("emote");
  match.leave();
  await assert.rejects(never, { code: ErrorCode.closed });
});

test("roster, chat, notices and the result arrive", async () => {
  const { match, player } = await play();
  player.send([
    MessageType.roster,
    [
      [2, "Ada", 2, -1],
      [3, "Bot", 3, 1],
    ],
  ]);
  await next(match, "roster");
  assert.deepEqual(match.roster.get(3), { slot: 3, name: "Bot", bot: true, connected: true, team: 1 });
  // A seat that emptied while the player was away has no name, and may be of a player never seen.
  const nameless = [9, 3].map((slot) => [slot, "", 4, -1]);
  player.send([MessageType.roster, nameless]);
  const [gone, isGone] = await next(match, "roster");
  assert.deepEqual([gone.slot, gone.name, isGone, match.roster.has(3)], [3, "Bot", true, false]);
  player.send([MessageType.chatFrom, 2, "gg"]);
  assert.deepEqual(await next(match, "chat"), [2, "gg"]);
  player.send([MessageType.notice, CloseCode.Draining, "soon"]);
  assert.deepEqual(await next(match, "notice"), [CloseCode.Draining, "soon"]);
  player.send([MessageType.result, { over: true, results: [[2, "Ada", -1, 30, 1, false]], next: 8000 }]);
  const [result] = await next(match, "result");
  assert.deepEqual(result.results, [{ slot: 2, name: "Ada", team: -1, score: 30, rank: 1, bot: false }]);
  assert.equal(match.result, result);
  assert.equal(match.state, "over");
});

test("a wrong state is found by its hash and mended by a keyframe", async () => {
  const { match, player } = await play();
  player.snapshot(101, ships([0, { generation: 1, x: 1, y: 2, pilot: 2 }]), { hash: 12345 });
  await player.message(MessageType.resync);
  assert.equal(match.stats.resyncs, 1);
  assert.equal(match.stats.hashesChecked, 1);
  player.snapshot(102, ships([9, { generation: 1, x: 0, y: 0 }]), { keyframe: true });
  await snapshotApplied(match, 102);
  assert.deepEqual(
    [...match.entities("ship")].map((e) => e.index),
    [9],
  );
});

test("a snapshot that does not follow the last one asks for a keyframe, once", async () => {
  const { match, player } = await play();
  player.tick = 105;
  player.snapshot(106, ships([1, { generation: 1, x: 0, y: 0 }]));
  player.snapshot(107, ships([1, { generation: 1, x: 0, y: 0 }]));
  await player.message(MessageType.resync);
  player.snapshot(108, ships([1, { generation: 1, x: 0, y: 0 }]), { keyframe: true });
  await snapshotApplied(match, 108);
  assert.equal(match.stats.resyncs, 1);
  assert.equal(
    player.received.some((m) => m[0] === MessageType.resync),
    false,
  );
});

test("a lost connection comes back to its seat, with what was missed", async () => {
  const { match, player } = await play();
  const [mine] = match.entities<ShipRow>("ship");
  const hits: number[] = [];
  match.onEvent("hit", (event) => hits.push(event.seq));
  player.snapshot(101, ships([0, { generation: 1, x: 1, y: 2, pilot: 2 }]), { events: [[1, 101, 0, 0, 0, 1]] });
  await snapshotApplied(match, 101);
  player.socket.terminate();
  await state(match, "reconnecting");
  assert.equal(match.entities("ship").size, 1, "the picture stays");
  const asked = match.request("emote", [1]);

  const again = await server.welcome(ships([0, { generation: 1, x: 4, y: 2, pilot: 2 }]), 140);
  assert.equal(again.hello.resume, "seat-secret");
  assert.equal(again.hello.token, undefined);
  assert.equal(again.hello.event, 1);
  await state(match, "playing");
  assert.equal(match.entities("ship").get(mine!.id), mine, "the same object");
  again.snapshot(141, ships([0, { generation: 1, x: 4, y: 2, pilot: 2 }]), {
    events: [
      [1, 101, 0, 0, 0, 1],
      [2, 120, 0, 0, 0, 1],
    ],
  });
  await snapshotApplied(match, 141);
  assert.deepEqual(hits, [1, 2], "each event once");
  const [, id] = await again.message(MessageType.command);
  again.send([MessageType.reply, id as number, true, []]);
  assert.deepEqual(await asked, [], "what was asked meanwhile is answered");
});

test("the close code's range decides whether to come back", async () => {
  for (const code of [CloseCode.Draining, CloseCode.Idle, 4499, 1001]) {
    const { match, player } = await play();
    player.close(code);
    await state(match, "reconnecting");
    await server.welcome();
    await state(match, "playing");
  }
  for (const code of [CloseCode.MatchOver, CloseCode.Replaced, 4999]) {
    const { match, player } = await play();
    const closed = next(match, "close");
    player.close(code, "because");
    const [error] = await closed;
    assert.ok(error instanceof TactusError);
    assert.deepEqual([error.code, error.reconnect, error.message, match.state], [code, false, "because", "closed"]);
  }
});

test("a seat that can't be reached within its grace is given up", async () => {
  server.graceMs = 50;
  const { match } = await play();
  const closed = next(match, "close");
  await server.stop();
  const [error] = await closed;
  assert.equal(error.code, ErrorCode.lost);
  assert.equal(match.state, "closed");
  await server.restart();
});

test("a killed server that is back in time is found again", async () => {
  const { match } = await play();
  await server.stop();
  await state(match, "reconnecting");
  await server.restart();
  await server.welcome(ships(), 7);
  await state(match, "playing");
  assert.equal(match.stats.serverTick, 7);
});

test("a saved seat is resumed by another page", async () => {
  const { match } = await play();
  const resuming = client.resume(match.saved);
  const player = await server.welcome(ships([3, { generation: 1, x: 0, y: 0 }]), 300);
  assert.equal(player.hello.resume, "seat-secret");
  open.push(await resuming);
  assert.equal(open[1]!.entities("ship").size, 1);
});

test("a seat that is no longer kept says so", async () => {
  const resuming = client.resume({ url: server.url, resume: "old", game: "fake", mode: "free", queue: "fake/free" });
  (await server.player()).close(CloseCode.UnknownSession);
  await assert.rejects(resuming, {
    code: CloseCode.UnknownSession,
    message: "The connection was closed: UnknownSession.",
  });
});

test("chat is answered, refused, or not sent at all", async () => {
  const { match, player } = await play();
  const answer = async (text: string, ...reply: [boolean, never[], string?]) => {
    const sending = match.chat(text);
    const [, sent, id] = await player.message(MessageType.chat);
    player.send([MessageType.reply, id as number, ...(reply as [boolean, never[]])]);
    return { sent, outcome: await sending };
  };
  assert.deepEqual(await answer("gg", true, []), { sent: "gg", outcome: { sent: true, reason: "" } });
  assert.deepEqual(await answer("a\tb", false, [], "busy"), { sent: "a b", outcome: { sent: false, reason: "busy" } });
  assert.deepEqual(await match.chat("é".repeat(101)), { sent: false, reason: "too_long" });
  assert.deepEqual(await match.chat(" \n "), { sent: false, reason: "bad_text" });

  player.socket.terminate();
  await state(match, "reconnecting");
  const sending = match.chat("back");
  const again = await server.welcome();
  const [, text, id] = await again.message(MessageType.chat);
  assert.equal(text, "back", "said while the line was broken");
  again.send([MessageType.reply, id as number, true, []]);
  assert.equal((await sending).sent, true);

  const unanswered = match.chat("bye");
  match.leave();
  assert.deepEqual(await unanswered, { sent: false, reason: "closed" });
  assert.deepEqual(await match.chat("too late"), { sent: false, reason: "closed" });
});

test("chat to a server that does not answer it counts as sent", async () => {
  server.features = [];
  const { match, player } = await play();
  assert.deepEqual(await match.chat("gg"), { sent: true, reason: "" });
  assert.equal((await player.message(MessageType.chat))[1], "gg");
});

test("chat that nobody answers is not known to be sent", async (t) => {
  const { match, player } = await play();
  const timers = t.mock.method(globalThis, "setTimeout", () => 0);
  const sending = match.chat("gg");
  timers.mock.restore();
  await player.message(MessageType.chat);
  const [expire, ms] = timers.mock.calls[0]!.arguments as unknown as [() => void, number];
  assert.equal(ms, 5000);
  expire();
  assert.deepEqual(await sending, { sent: false, reason: "timeout" });
});

test("a request without a limit waits until the match closes", async () => {
  const { match, player } = await play();
  const asked = match.request("emote", [], { timeoutMs: Infinity });
  const [, id] = await player.message(MessageType.command);
  const again = match.request("emote");
  player.send([MessageType.reply, (await player.message(MessageType.command))[1] as number, true, []]);
  await again;
  player.send([MessageType.reply, id as number, true, [1]]);
  assert.deepEqual(await asked, [1]);
});

test("leaving while the line is broken frees the seat once it is back", async () => {
  const { match, player } = await play();
  player.socket.terminate();
  await state(match, "reconnecting");
  const closed = next(match, "close");
  match.leave();
  assert.equal((await closed)[0].code, CloseCode.Left, "the game is told without delay");
  const again = await server.welcome();
  assert.equal(again.hello.resume, "seat-secret");
  await again.message(MessageType.bye);
  assert.equal(match.state, "closed");
});

test("a keyframe that does not come is asked for again", async (t) => {
  const { match, player } = await play();
  let now = performance.now();
  t.mock.method(performance, "now", () => now);
  player.tick = 105;
  player.snapshot(106, ships());
  await player.message(MessageType.resync);
  player.snapshot(107, ships());
  now += 2001;
  player.snapshot(108, ships());
  await player.message(MessageType.resync);
  while (match.stats.snapshots < 4) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(match.stats.resyncs, 2);
});

test("leaving says goodbye and ends for good", async () => {
  const { match, player } = await play();
  const closed = next(match, "close");
  match.leave();
  assert.equal((await closed)[0].code, CloseCode.Left);
  await player.message(MessageType.bye);
  assert.equal(match.state, "closed");
});

test("bytes that are no message end the match with a number", async () => {
  const { match, player } = await play();
  const closed = next(match, "close");
  player.socket.send(Uint8Array.from([0xc1]));
  assert.equal((await closed)[0].code, ErrorCode.malformed);
});
