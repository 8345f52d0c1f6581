/** Playing with others: parties, acceptance of a found match, ratings. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { TactusServer } from "./server.ts";
import type { Pilot } from "./pilot.ts";
import { stage } from "./stage.ts";

const { openTab } = stage({ width: 900, height: 560 });

describe("a party", () => {
  let server: TactusServer;

  before(async () => {
    server = await TactusServer.startWith(
      [],
      "queue: friends\ngame: arena\nmode: teams\nteams: {count: 2, min: 1, max: 2}\n",
    );
  });

  after(() => server.stop());

  /** Ann's party, with Bob in it by its link. */
  async function party(): Promise<{ ann: Pilot; bob: Pilot }> {
    const ann = await openTab(server.url);
    await ann.page.fill("#name", "Ann");
    await ann.page.click("#create-party");
    await ann.reads("#party-code", /^P-\w+$/);
    const link = ann.page.url();
    assert.match(link, /#party=\w+$/);
    const bob = await openTab(link);
    await bob.page.fill("#name", "Bob");
    await bob.page.locator("#play", { hasText: "Join party" }).click();
    await ann.reads("#party-members", /Ann.*Bob/);
    return { ann, bob };
  }

  test("lands in one match, in one team", async () => {
    const { ann, bob } = await party();
    await bob.reads("#play", /^Ann starts the match$/);
    await ann.search("friends");
    const cy = await openTab(server.url);
    await cy.search("friends");
    const [led, followed, other] = await Promise.all([ann.seated(), bob.seated(), cy.seated()]);
    assert.deepEqual([followed.match, other.match], [led.match, led.match]);
    assert.equal(new Set([led.player, followed.player, other.player]).size, 3);
    assert.equal(await bob.team(), await ann.team());
    assert.notEqual(await cy.team(), await ann.team());
  });

  test("lands in one match by quick play, again and again", async () => {
    const { ann, bob } = await party();
    const seen = new Set<string>();
    for (const mode of ["duel", "ffa"]) {
      const [led, followed] = await Promise.all([ann.play(mode), bob.seated()]);
      assert.equal(followed.match, led.match);
      seen.add(led.match);
      for (const pilot of [ann, bob]) {
        await pilot.page.keyboard.press("Escape");
        await pilot.page.click("#leave-now:enabled");
        await pilot.phase("menu");
      }
    }
    assert.equal(seen.size, 2);
  });

  test("keeps a member who reloads, and goes to the next one when its leader leaves", async () => {
    const { ann, bob } = await party();
    await bob.page.reload();
    await bob.reads("#party-members", /Ann.*Bob/);
    await ann.page.click("#leave-party");
    await ann.page.waitForSelector("#create-party", { state: "visible" });
    await bob.reads("#play", /^Play with your party$/);
    assert.equal(await bob.page.locator("#party-members li").count(), 1);
  });

  test("is joined by its code, said aloud", async () => {
    const { ann } = await party();
    const cy = await openTab(server.url);
    await cy.page.fill("#room-code", ((await ann.page.textContent("#party-code")) ?? "").toLowerCase());
    await cy.page.click("#room-form button");
    await cy.page.waitForFunction(() => document.querySelectorAll("#party-members li").length === 3);
  });

  test("stops to search when one of its members turns away", async () => {
    const { ann, bob } = await party();
    await ann.search("friends");
    await bob.phase("searching");
    await bob.page.click("#search-cancel:enabled");
    await bob.phase("menu");
    await ann.phase("menu");
    await ann.reads("#menu-error", /\(error 202\)/);
    assert.equal(await ann.page.locator("#party-members li").count(), 2);
  });
});

describe("a queue that asks", () => {
  let server: TactusServer;

  before(async () => {
    server = await TactusServer.startWith([], "queue: careful-duel\ngame: arena\nmode: duel\naccept: {within: 20s}\n");
  });

  after(() => server.stop());

  async function found(): Promise<[Pilot, Pilot]> {
    const ann = await openTab(server.url);
    const bob = await openTab(server.url);
    await ann.search("careful-duel");
    await bob.search("careful-duel");
    for (const pilot of [ann, bob]) await pilot.page.waitForSelector("dialog#proposal[open]");
    return [ann, bob];
  }

  test("begins the match when everybody has accepted", async () => {
    const [ann, bob] = await found();
    await ann.page.waitForSelector("#proposal-accept:focus");
    await ann.page.keyboard.press("Enter");
    await ann.reads("#proposal-state", /^Waiting for the others/);
    await bob.reads("#proposal-ready", /^1 of 2/);
    await bob.page.click("#proposal-accept");
    const seats = [await ann.seated(), await bob.seated()];
    assert.equal(seats[0]!.match, seats[1]!.match);
    for (const pilot of [ann, bob]) await pilot.page.waitForSelector("dialog#proposal", { state: "hidden" });
  });

  test("keeps the place of who is there when somebody declines", async () => {
    const [ann, bob] = await found();
    await ann.page.click("#proposal-accept");
    await bob.page.waitForSelector("#proposal-decline:enabled");
    await bob.page.keyboard.press("Escape");
    await bob.phase("menu");
    await ann.reads("#search-state", /You keep your place/);
    assert.equal(await ann.page.locator("dialog#proposal[open]").count(), 0);
    await ann.page.keyboard.press("Escape");
    await ann.phase("menu");
  });
});

test("after a match the result shows the rating, and the leaderboard is a click away", async () => {
  const rules = "queue: ranked-duel\ngame: arena\nmode: duel\nrated: true\n";
  const server = await TactusServer.startWith(["seconds=3", "warmup=0"], rules);
  try {
    const ann = await openTab(server.url);
    const bob = await openTab(server.url);
    await ann.search("ranked-duel");
    await bob.search("ranked-duel");
    for (const pilot of [ann, bob]) {
      await pilot.page.waitForSelector("dialog#result[open]");
      await pilot.reads("#result-rating", /^Rating \d+ \([+\u2212]\d+\)/);
    }
    await ann.page.click("#result-leaderboard");
    await ann.page.waitForSelector("dialog#leaderboard[open]");
    await ann.reads("#leaderboard-state", /Your rating is \d+/);
    await ann.page.waitForSelector("#leaderboard-close:enabled");
    await ann.page.keyboard.press("Escape");
    await ann.page.waitForSelector("dialog#leaderboard", { state: "hidden" });
    await ann.page.click("#to-menu");
    await ann.phase("menu");
    await ann.page.click("#show-leaderboard");
    await ann.reads("#leaderboard-title", /^Ranked duel$/);
  } finally {
    await server.stop();
  }
});
