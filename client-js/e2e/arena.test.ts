/** The arena in a real browser against the real server, by the real road. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ProjectileRow, ShipRow } from "../arena/tables.ts";
import { TactusServer } from "./server.ts";
import { stage } from "./stage.ts";

const viewport = { width: 900, height: 560 };

/** Nothing inline, nothing from elsewhere; the rules are WebAssembly. */
const strictPolicy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; manifest-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

const { openTab, newContext } = stage(viewport);

describe("in a running server", () => {
  let server: TactusServer;

  before(async () => {
    server = await TactusServer.start();
  });

  after(() => server.stop());

  test("two tabs meet in one match, see each other move and hear each other", async () => {
    const ann = await openTab(server.url);
    await ann.page.fill("#name", "Ann");
    const annSeat = await ann.play("ffa");
    const bob = await openTab(server.url);
    await bob.page.fill("#name", "Bob");
    const bobSeat = await bob.playByKeyboard("ffa");
    assert.equal(bobSeat.match, annSeat.match);
    assert.notEqual(bobSeat.slot, annSeat.slot);
    assert.notEqual(bobSeat.player, annSeat.player);

    await ann.flyWhile(() => bob.seesFly(annSeat.slot, 3));
    await bob.flyWhile(() => ann.seesFly(bobSeat.slot, 3));
    const names = await bob.page.evaluate((slot) => window.__tactus.match?.roster.get(slot)?.name, annSeat.slot);
    assert.equal(names, "Ann");

    await ann.page.keyboard.press("Enter");
    await ann.page.fill("#chat-text", "on the beat");
    await ann.page.keyboard.press("Enter");
    await bob.page.waitForFunction(() => document.getElementById("chat-lines")?.textContent?.includes("on the beat"));
  });

  test("a reload takes the same seat again", async () => {
    const pilot = await openTab(server.url);
    const seat = await pilot.play("duel");
    await pilot.page.reload();
    assert.deepEqual(await pilot.seated(), seat);
    await pilot.flyWhile(() => pilot.seesFly(seat.slot, 2));
  });

  test("a browser's first tab is the same player when it comes again", async () => {
    const first = await openTab(server.url);
    const { player } = await first.play("ffa");
    const beside = await first.page.context().newPage();
    await beside.goto(`${server.url}tactus.d.ts`);
    await first.page.close();
    await beside.waitForFunction(async () => (await navigator.locks.query()).held?.length === 0);
    const again = await openTab(server.url);
    await again.search("ffa"); // the seat is kept for a while
    await again.page.getByRole("button", { name: "Back to the match" }).click();
    assert.equal((await again.seated()).player, player);
    const refusals = again.complaints.splice(0);
    assert.ok(
      refusals.every((line) => /status of 4\d\d/.test(line)),
      refusals.join("\n"),
    );
  });

  test("friends meet in a private room by its link, and strangers stay out", async () => {
    const host = await openTab(server.url);
    await host.page.waitForSelector("#modes input");
    await host.page.click("#create-room");
    await host.phase("room");
    const link = host.page.url();
    assert.match(link, /[?&]room=[A-Z0-9]+/);

    const friend = await openTab(link);
    await friend.page.locator("#play", { hasText: "Join room" }).click();
    await friend.phase("room");
    await host.page.click("#room-start");
    const seat = await host.seated();
    assert.equal((await friend.seated()).match, seat.match);

    const other = await openTab(server.url);
    await other.page.fill("#room-code", link);
    await other.page.click("#room-form button");
    assert.equal((await other.seated()).match, seat.match, "who comes while it runs goes along");

    const stranger = await openTab(server.url);
    assert.notEqual((await stranger.play(seat.mode)).match, seat.match);
  });

  test("a reload comes back to the room, and to its match", async () => {
    const pilot = await openTab(server.url);
    await pilot.page.waitForSelector("#modes input");
    await pilot.page.click("#create-room");
    await pilot.phase("room");
    const code = await pilot.reads("#room-title", /\w+/);
    await pilot.page.reload();
    await pilot.phase("room");
    await pilot.reads("#room-title", new RegExp(code));
    await pilot.page.click("#room-start");
    const seat = await pilot.seated();
    await pilot.page.reload();
    assert.deepEqual(await pilot.seated(), seat);
  });

  test("a room that does not exist is refused with a numbered sentence", async () => {
    const pilot = await openTab(server.url);
    await pilot.page.fill("#room-code", "ZZZZZZ");
    await pilot.page.click("#room-form button");
    await pilot.page.waitForSelector("#menu-error", { state: "visible" });
    assert.match((await pilot.page.textContent("#menu-error")) ?? "", /^[A-Z].* \(error \d+\)\.$/);
    // The browser complains of the refusal, too: an unknown room is HTTP 404.
    assert.match(pilot.complaints.splice(0).join(), /404 .*\/JoinRoom\)$/);
  });

  test("the own ship is predicted: it answers a key within a few frames", async () => {
    const pilot = await openTab(server.url);
    await pilot.play("ffa");
    await pilot.page.waitForFunction(() => window.__tactus.match?.stats.predicting);
    const key = await pilot.inwardKey();
    const frames = await pilot.page.evaluate(framesUntilMoved, key);
    assert.ok(frames <= 6, `the ship moved after ${frames} frames`);
  });

  test("the page loads under a strict content security policy", async () => {
    const context = await newContext({});
    await context.route(server.url, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": strictPolicy } });
    });
    const pilot = await openTab(server.url);
    await pilot.page.waitForSelector('#modes input[value="ffa"]', { state: "attached" });
  });

  test("on a phone two thumbs fly and shoot", async () => {
    const context = await newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    const pilot = await openTab(server.url);
    const seat = await pilot.play("ffa");
    await pilot.page.waitForSelector("#touch-rail", { state: "visible" });
    const side = (await pilot.inwardKey()) === "KeyD" ? 40 : -40;
    const fingers = await context.newCDPSession(pilot.page);
    const touch = (
      type: "touchStart" | "touchMove" | "touchEnd",
      points: { x: number; y: number; id: number }[],
    ): Promise<unknown> => fingers.send("Input.dispatchTouchEvent", { type, touchPoints: points });
    await touch("touchStart", [
      { x: 90, y: 700, id: 1 },
      { x: 300, y: 700, id: 2 },
    ]);
    await touch("touchMove", [
      { x: 90 + side, y: 700, id: 1 },
      { x: 300, y: 660, id: 2 },
    ]);
    await pilot.seesFly(seat.slot, 2);
    await pilot.page.waitForFunction((slot) => {
      const shots = window.__tactus.match?.entities<ProjectileRow>("projectile") ?? [];
      return [...shots].some((shot) => shot.slot === slot && shot.vel.y < 0);
    }, seat.slot);
    await touch("touchEnd", []);
  });

  test("an emote is shown to others and then rests", async () => {
    const pilot = await openTab(server.url);
    await pilot.play("ffa");
    await pilot.page.keyboard.press("Digit1");
    await pilot.page.waitForSelector("#emotes.cooling");
    await pilot.page.waitForSelector("#emotes:not(.cooling)");
  });
});

test("a killed server shows the overlay, and play goes on when it is back", async () => {
  const server = await TactusServer.start();
  try {
    const pilot = await openTab(server.url, { serverMayBeDown: true });
    const seat = await pilot.play("ffa");
    await server.kill();
    await pilot.page.waitForSelector("dialog#reconnect[open]");
    await pilot.phase("reconnecting");
    await server.run();
    const next = await pilot.seated();
    assert.notEqual(next.match, seat.match);
    assert.equal(next.mode, seat.mode);
    assert.match((await pilot.page.textContent("#toasts")) ?? "", /new match/);
    await pilot.page.waitForSelector("dialog#reconnect", { state: "hidden" });
    await pilot.flyWhile(() => pilot.seesFly(next.slot, 2));
  } finally {
    await server.stop();
  }
});

test("a page opened after the server was restarted plays on in the same mode", async () => {
  const server = await TactusServer.start();
  try {
    const pilot = await openTab(server.url);
    const seat = await pilot.play("teams");
    await pilot.page.goto("about:blank");
    await server.kill();
    await server.run();
    await pilot.page.goto(server.url);
    const next = await pilot.seated();
    assert.equal(next.mode, seat.mode);
    assert.notEqual(next.match, seat.match);
    assert.match((await pilot.page.textContent("#toasts")) ?? "", /restarted/);
  } finally {
    await server.stop();
  }
});

test("a match ends with a result, and play again finds the next one", async () => {
  const server = await TactusServer.start("seconds=3", "warmup=0");
  try {
    const pilot = await openTab(server.url);
    const seat = await pilot.play("ffa");
    await pilot.page.waitForSelector("dialog#result[open]");
    assert.equal(await pilot.page.locator("#result-table tr.own").count(), 1);
    assert.ok((await pilot.page.locator("#result-table tbody tr").count()) > 1);
    await pilot.page.click("#again");
    const next = await pilot.seated();
    assert.notEqual(next.match, seat.match);
    assert.equal(next.mode, seat.mode);
  } finally {
    await server.stop();
  }
});

/** Runs in the page: animation frames from a key going down to the ship being elsewhere. */
function framesUntilMoved(code: string): Promise<number> {
  const own = (): ShipRow | undefined => {
    const match = window.__tactus.match;
    return [...(match?.entities<ShipRow>("ship") ?? [])].find((ship) => ship.slot === match?.slot && ship.hp > 0);
  };
  const press = (type: string): boolean => window.dispatchEvent(new KeyboardEvent(type, { code }));
  return new Promise((resolve, reject) => {
    let frames = -1;
    let from = { x: 0, y: 0 };
    const frame = (): void => {
      const ship = own();
      if (!ship) return reject(new Error("the ship is gone"));
      if (frames < 0 && Math.hypot(ship.vel.x, ship.vel.y) < 0.01) {
        frames = 0;
        from = { ...ship.pos };
        press("keydown");
      } else if (frames >= 0) {
        frames++;
        if (Math.hypot(ship.pos.x - from.x, ship.pos.y - from.y) > 0.005) {
          press("keyup");
          return resolve(frames);
        }
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}
