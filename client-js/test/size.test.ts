/** What a page has to load, compressed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundleOptions } from "../scripts/bundle.mjs";

/** Bytes after gzip. Raise a limit only together with what it buys. */
const limits = { whole: 17_100, withoutPrediction: 14_600, lobby: 2_660 };

async function gzipped(external: string[], entry?: string): Promise<number> {
  const { outputFiles } = await build({
    ...bundleOptions(process.cwd(), entry),
    format: "esm",
    write: false,
    external,
  });
  return gzipSync(outputFiles![0].contents, { level: 9 }).length;
}

function check(bytes: number, limit: number): void {
  assert.ok(bytes <= limit, `${bytes} bytes, at most ${limit}`);
}

test("the client stays small", async () => check(await gzipped([]), limits.whole));

test("what is not prediction stays smaller", async () =>
  check(await gzipped(["./rules.ts", "./prediction.ts"]), limits.withoutPrediction));

test("parties, rooms, queues and ratings are a small file of their own", async () =>
  check(await gzipped([], "lobby"), limits.lobby));
