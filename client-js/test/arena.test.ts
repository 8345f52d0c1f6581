/** What the arena page works out without a browser. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { identityStore } from "../arena/identity.ts";
import { allegiance } from "../arena/palette.ts";
import {
  busyText,
  cooldownText,
  estimateText,
  lostText,
  noticeText,
  notSentText,
  roomText,
  searchText,
} from "../arena/sentences.ts";
import { Silence } from "../arena/silence.ts";
import { Queues } from "../arena/queues.ts";
import { offersOf } from "../arena/offers.ts";
import { shortened } from "../arena/sprites.ts";
import { type Standing, teamStandings, verdict } from "../arena/standings.ts";
import { type Keeper, Store } from "../arena/storage.ts";
import { type PageEvent, type Part, type Phase, Phases, transitions } from "../arena/transitions.ts";
import { TactusError, type WaitingFor } from "../src/index.ts";
import type { Lobby, ModeInfo } from "../src/lobby.ts";

function line(slot: number, rank: number, score: number, team = -1): Standing {
  return { rank, slot, name: `p${slot}`, team, bot: false, connected: true, score };
}

describe("a result", () => {
  test("of equal ranks is a draw", () => {
    assert.equal(verdict([line(0, 1, 50), line(1, 1, 50)], 0, 0), "A draw");
    assert.equal(verdict([line(0, 1, 50), line(1, 1, 50), line(2, 3, 0)], 0, 0), "You share first place");
    assert.equal(verdict([line(0, 1, 50), line(1, 2, 0)], 0, 0), "You win");
    assert.match(verdict([line(0, 1, 50), line(1, 2, 0)], 1, 0), /p0.* won, you are #2/);
  });

  test("of teams with equal ranks is a draw, too", () => {
    assert.equal(verdict([line(0, 1, 50, 0), line(1, 1, 50, 1)], 0, 2), "A draw");
    assert.equal(verdict([line(0, 1, 50, 0), line(1, 1, 10, 0), line(2, 2, 0, 1)], 1, 2), "Your team wins");
    assert.equal(verdict([line(0, 1, 50, 0), line(2, 2, 0, 1)], 2, 2), "The other team wins");
  });

  test("of nobody, or of others, is no verdict", () => {
    assert.equal(verdict([], 0, 0), "Match over");
    assert.equal(verdict([line(1, 1, 5)], 0, 0), "Match over");
  });
});

describe("teams", () => {
  const list = [line(0, 1, 90, 1), line(1, 2, 60, 0), line(2, 3, 50, 0)];

  test("stand by their totals, the best first", () => {
    const sides = teamStandings(list, 2);
    assert.deepEqual(
      sides.map(({ team, rank, total }) => [team, rank, total]),
      [
        [0, 1, 110],
        [1, 2, 90],
      ],
    );
    assert.deepEqual(
      sides[0]!.lines.map(({ slot }) => slot),
      [1, 2],
    );
  });

  test("keep the points of players who left, and share a rank", () => {
    assert.deepEqual(
      teamStandings(list, 2, [110, 190]).map(({ team, total }) => [team, total]),
      [
        [1, 190],
        [0, 110],
      ],
    );
    assert.deepEqual(
      teamStandings(list, 2, [90, 90]).map(({ rank }) => rank),
      [1, 1],
    );
  });

  test("friend and foe are told by team, and all are foes without teams", () => {
    assert.deepEqual(
      [allegiance(1, 0, 1, 0), allegiance(2, 0, 1, 0), allegiance(3, 1, 1, 0)],
      ["own", "friend", "foe"],
    );
    assert.equal(allegiance(2, -1, 1, -1), "foe");
  });
});

describe("a search", () => {
  const progress = {
    waitedMs: 0,
    estimatedWaitMs: 0,
    estimatedWaitP90Ms: 0,
    searching: 1,
    retryInMs: 0,
    waitingFor: "" as WaitingFor,
    queue: "",
    rulesVersion: "",
  };

  test("says what it waits for, each in its own words", () => {
    const all: WaitingFor[] = ["", "NO_SERVER", "NO_CAPACITY", "NO_OPPONENTS", "RULES", "COOLDOWN"];
    assert.equal(new Set(all.map((waitingFor) => searchText({ state: "searching", waitingFor }))).size, all.length);
    assert.match(searchText({ state: "searching", waitingFor: "NO_CAPACITY" }), /^All seats are taken/);
    assert.match(searchText({ state: "searching", waitingFor: "LATER" as WaitingFor }), /^Looking/);
    assert.match(searchText({ state: "searching", waitingFor: "" }, true), /keep your place/);
  });

  test("never estimates less than was waited", () => {
    assert.equal(estimateText({ ...progress, estimatedWaitMs: 5000, estimatedWaitP90Ms: 9000 }), "5 to 9 s");
    assert.equal(estimateText({ ...progress, estimatedWaitMs: 5000, estimatedWaitP90Ms: 9000 }, 6000), "up to 9 s");
    assert.equal(estimateText({ ...progress, estimatedWaitMs: 5000, estimatedWaitP90Ms: 9000 }, 12_000), "unknown");
    assert.equal(estimateText({ ...progress, estimatedWaitMs: 1000, waitingFor: "NO_CAPACITY" }), "unknown");
    assert.equal(estimateText(progress), "soon");
  });
});

test("what a connection was closed by has a sentence of its own", () => {
  const titles = [4000, 4001, 4002, 4003, 1006].map((code) => lostText(code)[0]);
  assert.equal(new Set(titles).size, titles.length);
  assert.equal(lostText(4003)[0], "The server restarts");
  assert.match(noticeText(4000, "text"), /restarts/);
  assert.equal(noticeText(0, "text"), "text");
});

test("a busy server and a cooldown have sentences with the time that is left", () => {
  assert.equal(busyText(1001), "The server is busy. Trying again in 2 s.");
  const error = new TactusError(309, "Ada has left or declined matches and can search again in 5m0s");
  assert.equal(
    cooldownText(error, 300_000),
    "Ada has left or declined matches and can search again: 5:00 left (error 309).",
  );
  assert.match(cooldownText(error, 59_001), /: 60 s left/);
  assert.match(cooldownText(new TactusError(309, "has to wait"), 1), /^Has to wait: 1 s left/);
});

test("chat that was not sent has a reason, of newer servers too", () => {
  assert.match(notSentText("too_long"), /^not sent: .*long/);
  assert.equal(notSentText("muted_by_mod"), "not sent: muted by mod");
  assert.match(notSentText(""), /refused/);
});

test("a room says what it waits for", () => {
  const ann = { playerName: "Ann", owner: true, ready: false, you: true };
  const bob = { playerName: "Bob", owner: false, ready: true, you: false };
  const room = { matchId: "", owns: true, ready: false, message: "", members: [ann] };
  assert.match(roomText(room), /Send the link/);
  assert.equal(roomText({ ...room, members: [ann, bob] }), "1 of 2 are ready.");
  assert.match(roomText({ ...room, owns: false, members: [ann, bob] }), /^Ann can start/);
  assert.match(roomText({ ...room, matchId: "m" }), /being played/);
  assert.match(roomText({ ...room, matchId: "m" }, "m"), /closes/);
  assert.match(roomText({ ...room, message: "no server" }), /no server$/);
});

test("a name that is too long ends in an ellipsis, behind a whole character", () => {
  const family = "👩‍👩‍👧‍👦";
  assert.equal(
    shortened("Ann", () => true),
    "Ann",
  );
  assert.equal(
    shortened(`ab${family}${family}`, (text) => text.length <= 14),
    `ab${family}…`,
  );
});

describe("a storage", () => {
  const broken = new Store(() => {
    throw new DOMException("denied", "SecurityError");
  });

  function full(): Keeper {
    const refuse = (): never => {
      throw new DOMException("full", "QuotaExceededError");
    };
    return { getItem: () => "old", setItem: refuse, removeItem: () => {} };
  }

  test("that throws, or is not there, keeps things as long as the page", () => {
    for (const store of [broken, new Store(() => undefined), new Store(full)]) {
      store.setItem("a", "b");
      assert.equal(store.getItem("a"), "b");
      store.removeItem("a");
      assert.equal(store.getItem("a") ?? "old", "old");
    }
  });

  test("that holds something else than the page wrote holds nothing", () => {
    assert.equal(new Store(full).getJson("a"), undefined);
  });
});

test("muting and turning chat off work without a storage", () => {
  const silence = new Silence();
  assert.equal(silence.toggle("Bob"), true);
  assert.equal(new Silence().isMuted("Bob"), true, "kept for the session");
  assert.equal(silence.toggle("Bob"), false);
  assert.equal(silence.toggleChat(), false);
  assert.equal(new Silence().chat, false, "kept");
  silence.toggleChat();
});

test("without locks, as on plain http, one tab of several is the player for good", async () => {
  const tabs = ["further", "", ""].map((mark) => {
    const store = new Store(() => undefined);
    if (mark) store.setItem("tactus.tab", mark);
    return store;
  });
  const browser = new Store(() => undefined);
  const locks = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const channels: BroadcastChannel[] = [];
  const Real = globalThis.BroadcastChannel;
  globalThis.BroadcastChannel = class extends Real {
    constructor(name: string) {
      super(name);
      channels.push(this);
    }
  };
  try {
    const stores = await Promise.all(tabs.map((tab) => identityStore(tab, browser)));
    assert.equal(stores[0], tabs[0], "a further tab stays one");
    assert.equal(stores.filter((store) => store === browser).length, 1);
    const late = new Store(() => undefined);
    assert.equal(await identityStore(late, browser), late);
    const first = tabs[stores.indexOf(browser)];
    assert.equal(await identityStore(first, browser), browser, "after a reload");
  } finally {
    for (const channel of channels) channel.close();
    globalThis.BroadcastChannel = Real;
    if (locks) Object.defineProperty(globalThis, "navigator", locks);
  }
});

describe("the page's phases", () => {
  /** The phases that events lead through from a phase on; an event that leads nowhere repeats it. */
  const path = (from: Phase, ...events: PageEvent[]): Phase[] => {
    let phase = from;
    return events.map((event) => (phase = transitions[phase][event] ?? phase));
  };

  test("lead from the menu through a match to its result", () => {
    const phases = path("menu", "search", "join", "disconnect", "reconnect", "finish", "search");
    assert.deepEqual(phases, ["searching", "playing", "reconnecting", "playing", "result", "searching"]);
  });

  test("lead from a lost seat, also one from before a reload, to another match", () => {
    assert.deepEqual(path("playing", "loseSeat", "loseSeat", "join"), ["reconnecting", "reconnecting", "playing"]);
    assert.deepEqual(path("menu", "resume", "loseSeat", "join"), ["resuming", "reconnecting", "playing"]);
  });

  test("lead home from everywhere", () => {
    for (const phase of Object.keys(transitions) as Phase[]) {
      assert.deepEqual([path(phase, "openMenu"), path(phase, "openRoom")], [["menu"], ["room"]]);
    }
  });

  test("do not leave a match for a search of others, nor a result for a lost connection", () => {
    for (const phase of ["playing", "reconnecting", "resuming"] as const)
      assert.deepEqual(path(phase, "search"), [phase]);
    assert.deepEqual(path("result", "disconnect", "reconnect", "loseSeat", "finish"), Array(4).fill("result"));
  });

  test("close what the next one does not show, before it opens", () => {
    const calls: string[] = [];
    const part = (name: string): Part => ({ close: () => void calls.push(`close ${name}`) });
    const [menu, search, lost] = [part("menu"), part("search"), part("lost")];
    const shown = {
      menu: [menu],
      room: [],
      searching: [search],
      resuming: [lost],
      playing: [],
      reconnecting: [lost, search],
      result: [],
    };
    const phases = new Phases(shown, (phase) => calls.push(phase));
    phases.go("resume", () => calls.push("open lost"));
    phases.go("loseSeat", () => calls.push("open lost"));
    phases.go("join");
    phases.go("search", () => calls.push("never"));
    assert.deepEqual(calls, [
      "close menu",
      "resuming",
      "open lost",
      "reconnecting",
      "open lost",
      "close lost",
      "close search",
      "playing",
    ]);
  });
});

test("modes whose servers are away can still be chosen", async () => {
  const mode = (name: string, away: boolean): ModeInfo => {
    return { name, title: name, minPlayers: 1, maxPlayers: 8, teams: 0, away, options: [] };
  };
  const modes = [mode("ffa", false), mode("siege", true), mode("duel", true)];
  const ruled = { name: "ladder", title: "Ladder", game: "arena", mode: "duel", teams: 2, teamMax: 1, rated: true };
  const lobby = {
    listGames: async () => ({ games: [{ name: "arena", modes }] }),
    queues: async () => [ruled],
  } as unknown as Lobby;
  const queues = new Queues(lobby, "arena");
  const choices = queues.choices(await queues.modes());
  assert.deepEqual(
    choices.map(({ value, away }) => [value, away]),
    [
      ["ffa", false],
      ["siege", true],
      ["ladder", true],
    ],
  );
});

test("the page offers what players may choose", () => {
  const offers = offersOf([
    { name: "seconds", value: 180, min: 10, max: 600 },
    { name: "kills", value: 0, min: 0, max: 0 },
  ]);
  assert.deepEqual(
    [offers("seconds", 600), offers("seconds", 601), offers("kills", 0), offers("bots", 0)],
    [true, false, false, false],
  );
  assert.equal(offersOf([])("bots", 0), true, "a server that does not say");
});
