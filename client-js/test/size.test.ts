/** What a page has to load, compressed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundleOptions } from "../scripts/bundle.mjs";

/** Bytes after gzip. Raise a limit only together with what it buys. */
const limits = { whole: 17_000, withoutPrediction: 14_500 };

async function gzipped(external: string[]): Promise<number> {
  const { outputFiles } = await build({ ...bundleOptions(process.cwd()), format: "esm", write: false, external });
  return gzipSync(outputFiles![0].contents, { level: 9 }).length;
}

test("the client stays small", async () => {
  const whole = await gzipped([]);
  assert.ok(whole <= limits.whole, `${whole} bytes, at most ${limits.whole}`);
});

test("what is not prediction stays smaller", async () => {
  const core = await gzipped(["./rules.ts", "./prediction.ts"]);
  assert.ok(core <= limits.withoutPrediction, `${core} bytes, at most ${limits.withoutPrediction}`);
});
