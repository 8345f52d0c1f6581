/** What a page has to load, compressed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { sizes } from "../scripts/bundle.mjs";

/** Bytes after gzip. Raise a limit only together with what it buys. */
const limits = { whole: 17_420, withoutPrediction: 15_010, lobby: 2_850 };

test("the client, the client without prediction, and the lobby stay small", async () => {
  const bytes = await sizes(process.cwd());
  for (const name of Object.keys(limits) as (keyof typeof limits)[]) {
    assert.ok(bytes[name] <= limits[name], `${name}: ${bytes[name]} bytes, at most ${limits[name]}`);
  }
});
