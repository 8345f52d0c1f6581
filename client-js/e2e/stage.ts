/** A browser for a file of tests, and its tabs for each of them. */

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { launch, Pilot } from "./pilot.ts";

export interface Stage {
  /** Opens a page in a tab of the test's context. */
  openTab(url: string, options?: { serverMayBeDown?: boolean }): Promise<Pilot>;
  /** Makes a context of its own for the test. */
  newContext(options: BrowserContextOptions): Promise<BrowserContext>;
}

/** Sets a browser up. Every test ends by asking whether any of its pages had something to complain about. */
export function stage(viewport: { width: number; height: number }): Stage {
  let browser: Browser;
  let context: BrowserContext | undefined;
  const pilots: Pilot[] = [];

  before(async () => {
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
  });

  afterEach(async () => {
    const complaints = pilots.splice(0).flatMap((pilot) => pilot.complaints);
    await context?.close();
    context = undefined;
    assert.deepEqual(complaints, []);
  });

  const newContext = async (options: BrowserContextOptions): Promise<BrowserContext> => {
    context = await browser.newContext({ viewport, ...options });
    return context;
  };
  return {
    newContext,
    openTab: async (url, options = {}) => {
      const pilot = await Pilot.open(context ?? (await newContext({})), url, options);
      pilots.push(pilot);
      return pilot;
    },
  };
}
