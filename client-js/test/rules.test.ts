/** The arena's real rules in WebAssembly, behind the client's own WASI shim. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { loadRules } from "../src/rules.ts";
import type { Rules } from "../src/index.ts";

const file = join("node_modules", ".cache", "tactus", "test.wasm");
const rows = 16;

let module: WebAssembly.Module;

before(async () => {
  mkdirSync(dirname(file), { recursive: true });
  execFileSync(
    "go",
    ["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", `client-js/${file}`, "./cmd/arenawasm"],
    {
      cwd: "..",
      env: { ...process.env, GOOS: "wasip1", GOARCH: "wasm", GOFLAGS: "" },
    },
  );
  module = await WebAssembly.compile(readFileSync(file));
});

function load(mode = "duel", game = "arena"): Promise<Rules> {
  return loadRules(module, { game, mode, options: { seconds: 60 }, tableWords: Array(8).fill(rows) });
}

test("rules start and know their schema", async () => {
  const rules = await load();
  assert.ok(rules.schemaHash > 0);
  assert.equal((await load("ffa")).schemaHash > 0, true);
});

test("what the rules refuse is said in their words", async () => {
  await assert.rejects(load("duel", "chess"), { code: 105, message: /the rules refused the match: .*chess/ });
  await assert.rejects(load("solitaire"), { code: 105, message: /solitaire/ });
});

test("rows that are put are there, zeroed, and go again", async () => {
  const rules = await load();
  const words = rules.words(0);
  words.fill(7);
  rules.put(0, 0, 3);
  assert.equal(rules.words(0)[0], 0);
  rules.words(0)[0] = 42;
  rules.remove(0, 0);
  assert.equal(rules.words(0)[0], 0);
  rules.put(0, 0, 4);
  rules.words(0)[0] = 42;
  rules.clear();
  assert.equal(rules.words(0)[0], 0);
});

test("predicting is the same each time, and of no memory", async () => {
  const rules = await load();
  const inputs = new Int32Array(5 * 10).fill(1);
  assert.equal(rules.predict(100, 0, inputs, 10), true);
  const before = (rules.words(0) as Int32Array).buffer;
  for (let i = 0; i < 1000; i++) rules.predict(100 + i, 0, inputs, 10);
  assert.equal(rules.words(0).buffer, before, "the memory did not grow");
});

test("a table that the rules don't have is an error, not the start of memory", async () => {
  const rules = await load();
  assert.throws(() => rules.words(31), { code: 105 });
});
