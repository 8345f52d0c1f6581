/** What the arena page shows: rooms, scoreboards, small screens, what a player asked the system for. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Pilot } from "./pilot.ts";
import { TactusServer } from "./server.ts";
import { stage } from "./stage.ts";

const { openTab, newContext } = stage({ width: 900, height: 560 });
const longName = "Wwwwwwwwwwwwwwwwwwwwwwww";

/** Ann's room, with Bob in it by its link. */
async function room(url: string, names: readonly [string, string] = ["Ann", "Bob"]): Promise<[ann: Pilot, bob: Pilot]> {
  const ann = await openTab(url);
  await ann.page.fill("#name", names[0]);
  await ann.page.waitForSelector("#modes input");
  await ann.page.click("#create-room");
  await ann.phase("room");
  const bob = await openTab(ann.page.url());
  await bob.page.fill("#name", names[1]);
  await bob.page.locator("#play", { hasText: "Join room" }).click();
  await bob.phase("room");
  await ann.reads("#room-count", /^2 of/);
  return [ann, bob];
}

test("a room plays one match after another, and nobody types anything", async () => {
  const server = await TactusServer.start("seconds=12", "warmup=0");
  try {
    const [ann, bob] = await room(server.url);
    await ann.page.click("#room-start");
    const seats = await Promise.all([ann.seated(), bob.seated()]);
    assert.equal(seats[1].match, seats[0].match);
    for (const pilot of [ann, bob]) {
      await pilot.page.waitForSelector("dialog#result[open]");
      await pilot.page.click("#again:enabled");
      await pilot.phase("room");
    }
    for (const pilot of [ann, bob]) await pilot.page.click("#room-ready");
    const next = await Promise.all([ann.seated(), bob.seated()]);
    assert.equal(next[1].match, next[0].match);
    assert.notEqual(next[0].match, seats[0].match);
    assert.deepEqual(
      next.map(({ player }) => player),
      seats.map(({ player }) => player),
    );
  } finally {
    await server.stop();
  }
});

describe("in a running server", () => {
  let server: TactusServer;

  before(async () => {
    server = await TactusServer.start();
  });

  after(() => server.stop());

  test("a room's owner says what is played, the others see it", async () => {
    const [ann, bob] = await room(server.url);
    assert.equal(await bob.page.isDisabled("#room-mode"), true);
    await bob.page.click("#room-ready");
    await ann.reads("#room-members", /Bob.*ready/);
    await ann.page.selectOption("#room-mode", "duel");
    await ann.page.selectOption("#room-minutes", "600");
    await ann.page.selectOption("#room-bots", "0");
    await bob.page.waitForFunction(
      () => (document.getElementById("room-minutes") as HTMLSelectElement).value === "600",
    );
    await ann.page.waitForFunction(() => !document.querySelector("#room-members .ready"));
    await ann.page.click("#room-start");
    await Promise.all([ann.seated(), bob.seated()]);
    const options = await bob.page.evaluate(() => window.__tactus.match?.mode);
    assert.deepEqual([options?.name, options?.options.seconds, options?.options.bots], ["duel", 600, 0]);
  });

  test("a muted player is not read, and what everybody says with chat turned off is not either", async () => {
    const [ann, bob] = await room(server.url);
    await ann.page.click("#room-start");
    await Promise.all([ann.seated(), bob.seated()]);
    const say = async (pilot: Pilot, text: string): Promise<void> => {
      await pilot.page.keyboard.press("Enter");
      await pilot.page.fill("#chat-text", text);
      await pilot.page.keyboard.press("Enter");
    };
    await say(bob, "one");
    await ann.reads("#chat-lines", /Bob one/);
    await ann.page.click("#show-scores");
    await ann.page.click('#scores button[aria-label="Mute Bob"]');
    await say(bob, "two");
    await bob.reads("#chat-lines", /two/);
    await say(ann, "three");
    await ann.reads("#chat-lines", /three/);
    assert.doesNotMatch((await ann.page.textContent("#chat-lines")) ?? "", /two/);
    await ann.page.click("#chat-toggle");
    await ann.page.waitForSelector("#chat", { state: "hidden" });
    await ann.page.reload();
    await ann.seated();
    assert.equal(await ann.page.isVisible("#chat"), false, "the setting is kept");
  });

  test("a line that was not sent is shown so, with the reason", async () => {
    const pilot = await openTab(server.url);
    await pilot.play("ffa");
    await pilot.page.keyboard.press("Enter");
    await pilot.page.fill("#chat-text", "\u{1f680}".repeat(60));
    await pilot.page.keyboard.press("Enter");
    await pilot.reads("#chat-lines .failed", /not sent: it is too long/);
  });

  test("teams stand together with their totals, and all lines are seen while Tab is held", async () => {
    const pilot = await openTab(server.url);
    await pilot.play("teams8");
    await pilot.page.waitForFunction(() => (window.__tactus.match?.roster.size ?? 0) === 16);
    await pilot.page.keyboard.down("Tab");
    await pilot.page.waitForFunction(() => document.querySelectorAll("#scores tbody tr").length === 16);
    const seen = await pilot.page.evaluate(() => {
      const board = document.getElementById("scoreboard")!.getBoundingClientRect();
      const within = (row: Element): boolean =>
        row.getBoundingClientRect().bottom <= Math.min(board.bottom, innerHeight);
      return {
        lines: [...document.querySelectorAll("#scores tbody")].map((body) => body.children.length),
        titles: [...document.querySelectorAll("#scores th.team")].map((title) => title.textContent),
        totals: [...document.querySelectorAll("#scores th.total")].map((total) => Number(total.textContent)),
        visible: [...document.querySelectorAll("#scores tbody tr")].filter(within).length,
      };
    });
    assert.deepEqual(seen.lines, [8, 8]);
    assert.equal(seen.visible, 16);
    assert.equal(seen.titles.filter((title) => title?.endsWith(", your team")).length, 1);
    assert.ok(seen.totals[0]! >= seen.totals[1]!);
    await pilot.page.keyboard.up("Tab");
    await pilot.page.waitForSelector("#scoreboard", { state: "hidden" });
  });

  for (const [width, height] of [
    [390, 844],
    [360, 640],
  ] as const) {
    test(`nothing lies over something else at ${width} x ${height}, with long names`, async () => {
      await newContext({ viewport: { width, height }, hasTouch: true, isMobile: true });
      const [ann, bob] = await room(server.url, [
        longName,
        "\u0645\u0631\u062d\u0628\u0627 \u{1f680}\u{1f680}\u{1f680}\u{1f680}\u{1f680}\u{1f680}\u{1f680}\u{1f680}",
      ]);
      await ann.page.selectOption("#room-mode", "teams");
      await ann.page.click("#room-start");
      await Promise.all([ann.seated(), bob.seated()]);
      await ann.page.click("#touch-chat");
      await ann.page.fill("#chat-text", "here I am");
      await ann.page.keyboard.press("Enter");
      await ann.reads("#chat-lines", /here I am/);
      await ann.page.evaluate(longFeed, longName);
      await ann.page.waitForFunction(() => document.getElementById("sides")?.children.length === 2);
      assert.deepEqual(await ann.page.evaluate(overlaps), []);
      await ann.page.click("#show-scores");
      await ann.page.waitForSelector("#scores tbody tr");
      assert.ok(await ann.page.evaluate(() => document.getElementById("scoreboard")!.scrollWidth <= innerWidth));
      assert.ok(await ann.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    });
  }

  test("the chosen mode is seen in forced colours", async () => {
    await newContext({ forcedColors: "active" });
    const { page } = await openTab(server.url);
    await page.waitForSelector("#modes input", { state: "attached" });
    const backgrounds = await page.evaluate(() =>
      [":checked", ":not(:checked)"].map(
        (state) => getComputedStyle(document.querySelector(`#modes input${state} + span`)!).backgroundColor,
      ),
    );
    assert.notEqual(backgrounds[0], backgrounds[1]);
  });

  test("the battle behind the menu stands still for who wants little motion", async () => {
    for (const [reducedMotion, moves] of [
      ["reduce", false],
      ["no-preference", true],
    ] as const) {
      const context = await newContext({ reducedMotion });
      const { page } = await openTab(server.url);
      await page.waitForSelector("#modes input", { state: "attached" });
      const picture = (): Promise<string> => page.evaluate(pictureAfterFrames, 30);
      const before = await picture();
      assert.equal((await picture()) !== before, moves, reducedMotion);
      await context.close();
    }
  });

  test("the rules are there before the first match is searched for", async () => {
    const { page } = await openTab(server.url);
    await page.waitForFunction(() =>
      performance.getEntriesByType("resource").some(({ name }) => name.endsWith(".wasm")),
    );
  });

  test("a link that can't be copied is shown selected in a field", async () => {
    const context = await newContext({});
    await context.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    const pilot = await openTab(server.url);
    await pilot.page.waitForSelector("#modes input", { state: "attached" });
    await pilot.page.click("#create-room");
    await pilot.phase("room");
    await pilot.page.click("#room-copy");
    await pilot.page.waitForSelector("dialog#share[open]");
    assert.equal(
      await pilot.page.evaluate(() => getSelection()?.toString() || (document.activeElement as HTMLInputElement).value),
      pilot.page.url(),
    );
  });

  test("a page that stores nothing, and has no locks, plays all the same", async () => {
    const context = await newContext({});
    await context.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, {
          get: () => {
            throw new DOMException("denied", "SecurityError");
          },
        });
      }
      Object.defineProperty(navigator, "locks", { value: undefined });
    });
    const pilot = await openTab(server.url);
    await pilot.play("ffa");
  });
});

test("a page that can't start says why", async () => {
  const server = await TactusServer.start();
  try {
    const context = await newContext({});
    await context.addInitScript(() => {
      HTMLCanvasElement.prototype.getContext = () => null;
    });
    const pilot = await openTab(server.url);
    await pilot.reads("#starting", /can't start in this browser: This browser has no 2D canvas/);
    while (pilot.complaints.length === 0) await pilot.page.waitForEvent("pageerror");
    assert.match(pilot.complaints.splice(0).join(), /no 2D canvas/);
  } finally {
    await server.stop();
  }
});

/** Runs in the page: puts lines with a long name into the list of kills. */
function longFeed(name: string): void {
  const line = document.createElement("li");
  for (let i = 0; i < 2; i++) {
    const tag = document.createElement("bdi");
    tag.className = "name";
    tag.textContent = name;
    line.append(tag);
  }
  document.getElementById("feed")?.append(line);
}

/** Runs in the page: pairs of its plates and buttons whose boxes overlap, and those that leave the window. */
function overlaps(): string[] {
  const ids = [
    "standing",
    "clock",
    "room-chip",
    "show-scores",
    "mute",
    "leave",
    "feed",
    "chat-lines",
    "touch-chat",
    "touch-emote",
    "touch-rail",
    "touch-dash",
    "notice",
  ];
  const boxes = ids
    .map((id) => ({ id, box: document.getElementById(id)!.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0);
  const found = boxes
    .filter(({ box }) => box.left < 0 || box.right > innerWidth + 0.5)
    .map(({ id }) => `${id} leaves the window`);
  boxes.forEach((a, i) =>
    boxes.slice(i + 1).forEach((b) => {
      const apart =
        a.box.right <= b.box.left + 0.5 ||
        b.box.right <= a.box.left + 0.5 ||
        a.box.bottom <= b.box.top + 0.5 ||
        b.box.bottom <= a.box.top + 0.5;
      if (!apart) found.push(`${a.id} and ${b.id}`);
    }),
  );
  return found;
}

/** Runs in the page: what its canvas shows some frames later. */
function pictureAfterFrames(frames: number): Promise<string> {
  return new Promise((resolve) => {
    const next = (left: number): void => {
      if (left === 0) resolve((document.getElementById("scene") as HTMLCanvasElement).toDataURL());
      else requestAnimationFrame(() => next(left - 1));
    };
    next(frames);
  });
}
