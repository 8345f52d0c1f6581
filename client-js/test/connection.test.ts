/** One seat's connection, by a clock of the test's own. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Connection, MessageType } from "../src/connection.ts";
import type { TactusError } from "../src/errors.ts";
import { Reader, type Value } from "../src/msgpack.ts";
import type { TransportHandler } from "../src/index.ts";
import { encode, type Encodable } from "./encode.ts";

let now: number;
let beat: () => void;
let timers: (() => void)[];
/** The server's side of each connection, the newest last, and what it was sent. */
let lines: { handler: TransportHandler; sent: Value[][]; closed: boolean }[];
let events: string[];
let connection: Connection;

beforeEach(() => {
  now = 1000;
  timers = [];
  lines = [];
  events = [];
  mock.method(globalThis, "setInterval", (callback: () => void) => (beat = callback));
  mock.method(globalThis, "setTimeout", (callback: () => void) => timers.push(callback));
  mock.method(globalThis, "clearTimeout", () => {});
  mock.method(globalThis, "clearInterval", () => {});
  const handler = {
    welcome: () => events.push("welcome"),
    message: () => {},
    lost: () => events.push("lost"),
    ended: (error: TactusError) => events.push(`ended ${error.code}`),
    roundTrip: () => {},
    seen: () => ({ event: 0, schema: 0 }),
  };
  connection = new Connection({ url: "ws://x", token: "t", connect, now: () => now, random: () => 1 }, handler);
});

afterEach(() => mock.restoreAll());

function connect(_: string, handler: TransportHandler) {
  const line = { handler, sent: [] as Value[][], closed: false };
  lines.push(line);
  const send = (bytes: Uint8Array) => {
    const reader = new Reader();
    reader.reset(bytes);
    line.sent.push(reader.value() as Value[]);
  };
  return { send, close: () => void (line.closed = true), pending: 0 };
}

const line = () => lines[lines.length - 1]!;
const say = (message: Encodable) => line().handler.message(encode(message));

function letIn(): void {
  line().handler.open();
  say([MessageType.welcome, { resume: "seat", grace: 30_000 }]);
  say([MessageType.snapshot]);
}

function pass(ms: number): void {
  for (; ms > 0; ms -= 2000) {
    now += 2000;
    beat();
  }
}

test("a silent server counts as lost after seven seconds", () => {
  letIn();
  pass(6000);
  assert.equal(line().closed, false);
  pass(2000);
  assert.equal(line().closed, true);
  assert.deepEqual(events, ["welcome", "lost"]);
});

test("a page that slept asks before it takes the server for lost", () => {
  letIn();
  const pings = () => line().sent.filter(([type]) => type === MessageType.ping).length;
  for (const hour of [1, 2]) {
    const before = pings();
    now += hour * 3_600_000;
    beat();
    assert.equal(line().closed, false);
    assert.equal(pings(), before + 1);
    say([MessageType.pong, 0, 1]);
    pass(6000);
    say([MessageType.pong, 0, 1]);
  }
  assert.deepEqual(events, ["welcome"]);
  now += 3_600_000;
  beat();
  pass(2000);
  assert.deepEqual(events, ["welcome", "lost"], "no answer");
});

test("the grace does not run while the page sleeps", () => {
  letIn();
  line().handler.close(1006, "");
  now += 3_600_000;
  beat();
  timers.pop()!();
  assert.equal(lines.length, 2, "tried again");
  line().handler.close(1006, "");
  assert.deepEqual(events, ["welcome", "lost"], "not given up");
  pass(32_000);
  timers.pop()!();
  line().handler.close(1006, "");
  assert.deepEqual(events, ["welcome", "lost", "ended 104"]);
});

test("a clock that jumps back harms nothing", () => {
  letIn();
  now -= 3_600_000;
  beat();
  say([MessageType.pong, 0, 1]);
  pass(6000);
  assert.deepEqual(events, ["welcome"]);
});

test("leaving says bye now, or once the line is mended, or never when the seat is gone", () => {
  letIn();
  line().handler.close(1006, "");
  connection.leave();
  assert.equal(events.at(-1), "ended 4514");
  assert.equal(connection.sendReliably(new Uint8Array(1)), false);
  timers.pop()!();
  line().handler.open();
  say([MessageType.welcome, { resume: "seat", grace: 30_000 }]);
  assert.deepEqual(line().sent.at(-1), [MessageType.bye]);
  assert.equal(line().closed, true);
  assert.deepEqual(events, ["welcome", "lost", "ended 4514"], "told once");
});

test("a seat that was left and can't be reached any more is given up in silence", () => {
  letIn();
  line().handler.close(1006, "");
  connection.leave();
  pass(32_000);
  timers.pop()!();
  line().handler.close(1006, "");
  const tried = lines.length;
  assert.deepEqual(events, ["welcome", "lost", "ended 4514"]);
  beat();
  assert.equal(lines.length, tried);
});

test("a welcome without a state is not waited for without end", () => {
  line().handler.open();
  for (let i = 0; i < 8; i++) {
    say([MessageType.welcome, { resume: "seat", grace: 30_000 }]);
    now += 8000;
    timers.pop()!();
    if (events.at(-1)!.startsWith("ended")) break;
    timers.pop()!();
    line().handler.open();
  }
  assert.equal(events.at(-1), "ended 104");
});
