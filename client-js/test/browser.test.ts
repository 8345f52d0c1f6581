/** What the browser says about the network and the page. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, type ConnectionHandler, MessageType } from "../src/connection.ts";
import { TactusError } from "../src/errors.ts";
import type { Transport, TransportHandler } from "../src/index.ts";
import { encode } from "./encode.ts";

/** Sockets that a connection opened, and the page's events. */
class Page {
  readonly sockets: { handler: TransportHandler; sent: number; closed: boolean }[] = [];
  readonly events = new EventTarget();
  readonly reports: string[] = [];
  now = 1000;
  readonly connection: Connection;
  private readonly restore: (() => void)[] = [];

  constructor(globals: Record<string, unknown> = {}) {
    const { events } = this;
    const all = {
      addEventListener: events.addEventListener.bind(events),
      removeEventListener: events.removeEventListener.bind(events),
      ...globals,
    };
    for (const [name, value] of Object.entries(all)) {
      const old = Object.getOwnPropertyDescriptor(globalThis, name);
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
      this.restore.push(() =>
        old ? Object.defineProperty(globalThis, name, old) : Reflect.deleteProperty(globalThis, name),
      );
    }
    const handler: ConnectionHandler = {
      welcome: () => this.reports.push("welcome"),
      message: () => {},
      lost: () => this.reports.push("lost"),
      ended: (error) => this.reports.push(`ended ${error.code}`),
      roundTrip: () => {},
      seen: () => ({ event: 0, schema: 0 }),
    };
    const config = { url: "ws://nowhere", token: "t", random: () => 1, now: () => this.now };
    this.connection = new Connection({ ...config, connect: (_url, handler) => this.connect(handler) }, handler);
  }

  private connect(handler: TransportHandler): Transport {
    const socket = { handler, sent: 0, closed: false };
    this.sockets.push(socket);
    return { send: () => socket.sent++, close: () => (socket.closed = true), pending: 0 };
  }

  /** The newest socket's server says welcome. */
  welcome(): this {
    const { handler } = this.sockets.at(-1)!;
    handler.open();
    handler.message(encode([MessageType.welcome, { resume: "r", grace: 30_000 }]));
    return this;
  }

  end(): void {
    this.connection.leave();
    // A seat that was left while the line is broken is freed when it is mended: not here.
    this.connection.end(new TactusError(0, ""));
    for (const restore of this.restore) restore();
  }
}

test("the connection is tried at once when the network is back", () => {
  const page = new Page().welcome();
  page.sockets[0]!.handler.close(1006, "");
  assert.equal(page.sockets.length, 1, "it waits");
  page.events.dispatchEvent(new Event("online"));
  assert.equal(page.sockets.length, 2);
  page.welcome();
  assert.deepEqual(page.reports, ["welcome", "lost", "welcome"]);
  page.end();
});

test("looking at the page again finds out that the line is dead", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const page = new Page({ document }).welcome();
  for (let s = 0; s < 3; s++) {
    page.now += 2000;
    t.mock.timers.tick(2000);
  }
  page.now += 1500;
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(page.sockets[0]!.closed, true);
  assert.equal(page.sockets.length, 2, "and mends it at once");
  page.end();
});

test("a page that is hidden does not hurry", () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const page = new Page({ document }).welcome();
  page.sockets[0]!.handler.close(1006, "");
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(page.sockets.length, 1);
  page.end();
});

test("pauses between attempts grow, are jittered, and none is made without a network", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const page = new Page({ navigator: { onLine: true } }).welcome();
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    page.sockets.at(-1)!.handler.close(1006, "");
    const before = page.sockets.length;
    let ms = 0;
    for (; page.sockets.length === before; ms += 50) t.mock.timers.tick(50);
    pauses.push(ms);
  }
  // They grow until the state is there: a welcome alone may be all that gets through.
  assert.deepEqual(pauses, [200, 400, 800, 1600, 3200, 4000]);
  Object.assign(globalThis.navigator, { onLine: false });
  const before = page.sockets.length;
  page.sockets.at(-1)!.handler.close(1006, "");
  t.mock.timers.tick(8000);
  assert.equal(page.sockets.length, before);
  page.end();
  assert.deepEqual(page.reports.at(-1), "ended 4514");
});

test("a server that says nothing for long counts as lost", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const page = new Page().welcome();
  for (let s = 0; s < 5; s++) {
    page.now += 2000;
    t.mock.timers.tick(2000);
  }
  assert.equal(page.sockets[0]!.closed, true);
  assert.deepEqual(page.reports, ["welcome", "lost"]);
  page.end();
});

test("a connection without a welcome is given up", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const page = new Page();
  page.sockets[0]!.handler.open();
  t.mock.timers.tick(9000);
  assert.deepEqual(page.reports, ["ended 100"]);
  page.end();
});
