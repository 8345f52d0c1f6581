/** Names and texts are cleaned as the server does it: both read the same vectors. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cleanName, cleanText } from "../src/text.ts";

interface Row {
  what: string;
  in: string;
  out: string;
  maxBytes: number;
}

const { names, texts } = JSON.parse(readFileSync("../internal/text/testdata/vectors.json", "utf8")) as { names: Row[]; texts: Row[] };

test("names become what the server makes of them", () => {
  for (const row of names) assert.equal(JSON.stringify(cleanName(row.in)), JSON.stringify(row.out), row.what);
});

test("texts become what the server makes of them", () => {
  for (const row of texts) assert.equal(JSON.stringify(cleanText(row.in, row.maxBytes)), JSON.stringify(row.out), row.what);
});

test("what is clean stays as it is", () => {
  for (const { out, what } of names) assert.equal(cleanName(out), out, what);
  for (const { out, maxBytes, what } of texts) assert.equal(cleanText(out, maxBytes), out, what);
});

test("a text of any length is cut", () => {
  assert.equal(cleanText("a\u0301".repeat(100_000), 512), "á".repeat(256));
  assert.equal(cleanText("\u0301\u200d".repeat(100_000), 512), "");
});
