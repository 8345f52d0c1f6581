/** Names and texts are cleaned as the server does it: both read the same vectors. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cleanName, cleaned } from "../src/text.ts";

interface Row {
  what: string;
  in: string;
  out: string;
  maxBytes: number;
}

const { names, texts } = JSON.parse(readFileSync("../internal/text/testdata/vectors.json", "utf8")) as {
  names: Row[];
  texts: Row[];
};

test("names become what the server makes of them", () => {
  for (const row of names) assert.equal(JSON.stringify(cleanName(row.in)), JSON.stringify(row.out), row.what);
});

test("texts become what the server makes of them", () => {
  const whole = texts.filter((row) => new TextEncoder().encode(cleaned(row.in)).length <= row.maxBytes);
  assert.ok(whole.length > 5);
  for (const row of whole) assert.equal(JSON.stringify(cleaned(row.in)), JSON.stringify(row.out), row.what);
});

test("what is clean stays as it is", () => {
  for (const { out, what } of names) assert.equal(cleanName(out), out, what);
  for (const { out, what } of texts) assert.equal(cleaned(out), out, what);
});

test("a name of any length is cut", () => {
  assert.equal(cleanName("a\u0301".repeat(100_000)), "á".repeat(24));
  assert.equal(cleanName("\u0301\u200d".repeat(100_000)), "");
});
