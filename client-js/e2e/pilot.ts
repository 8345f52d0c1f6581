/** A person at the arena page, in real Chromium. */

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Phase } from "../arena/transitions.ts";
import type { ShipRow } from "../arena/tables.ts";

/** Long enough for a loaded machine; every wait ends with the event it is for. */
const patienceMs = 25_000;

/** Chromium says this by itself whenever a server is down, or just coming up; no page can keep it from doing so. */
const serverDown =
  /net::ERR_CONNECTION_(REFUSED|RESET|CLOSED)|net::ERR_INCOMPLETE_CHUNKED_ENCODING|WebSocket connection to .* failed|status of 503/;

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath))
    throw new Error(`there is no ${executablePath}: install Debian's package chromium, or set CHROMIUM`);
  return chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What a test asks of the match in a page. */
export interface Seat {
  match: string;
  slot: number;
  player: string;
  mode: string;
}

export class Pilot {
  /** Console errors and warnings, and uncaught errors. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {}

  /** Opens the page in a new tab of the context. */
  static async open(context: BrowserContext, url: string, options: { serverMayBeDown?: boolean } = {}): Promise<Pilot> {
    const page = await context.newPage();
    page.setDefaultTimeout(patienceMs);
    const pilot = new Pilot(page);
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (options.serverMayBeDown && serverDown.test(message.text())) return;
      pilot.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => pilot.complaints.push(`uncaught: ${error.stack ?? error.message}`));
    await page.goto(url);
    return pilot;
  }

  /** Chooses a mode and plays. */
  async play(mode: string): Promise<Seat> {
    await this.search(mode);
    return this.seated();
  }

  /** Chooses a mode, or a queue, and lets the search begin. */
  async search(mode: string): Promise<void> {
    await this.page.locator(`#modes input[value="${mode}"]`).check({ force: true });
    await this.page.click("#play");
  }

  /** Waits until an element's text fits. */
  async reads(selector: string, fits: RegExp): Promise<string> {
    const text = this.page.locator(selector).filter({ hasText: fits });
    await text.waitFor();
    return (await text.textContent()) ?? "";
  }

  /** The team of the own seat. */
  async team(): Promise<number | undefined> {
    return this.page.evaluate(() => window.__tactus.match?.roster.get(window.__tactus.match.slot)?.team);
  }

  /** The same without a pointer: from the name's field through the modes to the button. */
  async playByKeyboard(mode: string): Promise<Seat> {
    const { keyboard } = this.page;
    await this.page.waitForSelector("#modes input");
    await this.page.focus("#name");
    await keyboard.press("Tab");
    while ((await this.page.evaluate(() => (document.activeElement as HTMLInputElement).value)) !== mode)
      await keyboard.press("ArrowRight");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    return this.seated();
  }

  async phase(phase: Phase): Promise<void> {
    await this.page.waitForFunction((wanted) => window.__tactus.phase === wanted, phase);
  }

  /** Waits until the player has a ship that flies. */
  async seated(): Promise<Seat> {
    await this.page.waitForFunction(() => {
      const { phase, match } = window.__tactus;
      if (phase !== "playing" || !match) return false;
      return [...match.entities<ShipRow>("ship")].some((ship) => ship.slot === match.slot && ship.hp > 0);
    });
    return this.seat();
  }

  async seat(): Promise<Seat> {
    return this.page.evaluate(() => {
      const match = window.__tactus.match;
      if (!match) throw new Error("not in a match");
      return { match: match.id, slot: match.slot, player: match.player, mode: match.mode.name };
    });
  }

  /** The key that leads away from the nearest edge of the map, where there is room to fly. */
  async inwardKey(): Promise<"KeyA" | "KeyD"> {
    return this.page.evaluate(() => {
      const match = window.__tactus.match;
      const own = [...(match?.entities<ShipRow>("ship") ?? [])].find((ship) => ship.slot === match?.slot);
      const size = match?.single<{ size: { x: number } }>("match")?.size;
      return own && size && own.pos.x > size.x / 2 ? "KeyA" : "KeyD";
    });
  }

  /** Waits until this page has seen the ship in a slot fly so many metres, counted along its way. */
  async seesFly(slot: number, metres: number): Promise<void> {
    await this.page.evaluate(() => {
      delete document.body.dataset.flown;
      delete document.body.dataset.from;
    });
    await this.page.waitForFunction(
      ([watched, enough]) => {
        const ships = window.__tactus.match?.entities<ShipRow>("ship") ?? [];
        const ship = [...ships].find((candidate) => candidate.slot === watched && candidate.hp > 0);
        if (!ship) return false;
        const { dataset } = document.body;
        const [x, y] = (dataset.from ?? `${ship.pos.x} ${ship.pos.y}`).split(" ").map(Number) as [number, number];
        const step = Math.hypot(ship.pos.x - x, ship.pos.y - y);
        dataset.flown = String(Number(dataset.flown ?? 0) + (step < 2 ? step : 0));
        dataset.from = `${ship.pos.x} ${ship.pos.y}`;
        return Number(dataset.flown) >= enough;
      },
      [slot, metres] as const,
    );
  }

  /** Flies while the others watch. */
  async flyWhile(watch: () => Promise<void>): Promise<void> {
    const key = await this.inwardKey();
    await this.page.keyboard.down(key);
    try {
      await watch();
    } finally {
      await this.page.keyboard.up(key);
    }
  }
}
