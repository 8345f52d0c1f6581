/** The golden vectors that the Go side writes: both sides read the same bytes the same way. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type MessageType as Types, MessageType } from "../src/connection.ts";
import { MalformedError, Reader, type Value, Writer } from "../src/msgpack.ts";
import { Replica } from "../src/replica.ts";
import { parseSchema } from "../src/schema.ts";
import { fromHex, toHex } from "./encode.ts";

function vectors<T>(name: string): T[] {
  return JSON.parse(readFileSync(`../protocol/testdata/vectors/${name}.json`, "utf8")) as T[];
}

/** Without the null prototypes of read maps. */
const plain = (value: Value): unknown => JSON.parse(JSON.stringify(value));

test("integers of every width are read", () => {
  const reader = new Reader();
  for (const { value, hex } of vectors<{ value: number; hex: string }>("integers")) {
    reader.reset(fromHex(hex));
    assert.equal(reader.int(), value, hex);
  }
});

test("integers are written in their shortest form", () => {
  const writer = new Writer();
  for (const { value, hex, shortest } of vectors<{ value: number; hex: string; shortest: boolean }>("integers")) {
    if (!shortest || value > 0xffffffff || value < -0x80000000) continue;
    assert.equal(toHex(writer.begin(1).int(value).done()), `91${hex}`, String(value));
  }
});

test("every message is read as what it says", () => {
  const reader = new Reader();
  for (const { name, hex, value } of vectors<{ name: string; hex: string; value: Value }>("messages")) {
    reader.reset(fromHex(hex));
    assert.deepEqual(plain(reader.value()), value, name);
  }
});

test("inputs are written as the vectors have them", () => {
  const inputs = vectors<{ hex: string; value: number[] }>("messages").filter((v) => v.value[0] === MessageType.input);
  assert.ok(inputs.length > 0);
  for (const { hex, value } of inputs) {
    const writer = new Writer().begin(value.length);
    for (const n of value) writer.int(n);
    assert.equal(toHex(writer.done()), hex);
  }
});

test("broken bytes are refused rather than misread", () => {
  const reader = new Reader();
  for (const hex of ["", "c1", "92ff", "d9ff41", "ddffffffff06", "a5616263", "cd01", "81a161", "c403010203"]) {
    reader.reset(fromHex(hex));
    assert.throws(() => reader.value(), MalformedError, hex);
  }
  reader.reset(Uint8Array.from(Array(1000).fill(0x91)));
  assert.throws(() => reader.value(), MalformedError, "nested a thousand deep");
});

interface Row {
  index: number;
  generation: number;
  words: number[];
}

interface Frame {
  name: string;
  hex: string;
  tick: number;
  gap: number;
  ack: number;
  slack: number;
  percent: number;
  tables: Record<string, Row[]>;
  events: { seq: number; tick: number; table: number; words: number[] }[];
  hash: number;
}

const type: (typeof Types)["snapshot"] = MessageType.snapshot;

function rowsOf(replica: Replica): Record<string, Row[]> {
  const out: Record<string, Row[]> = {};
  for (const t of replica.tables) {
    const { name, stride } = t.schema;
    out[name] = [];
    for (let row = 0; row < t.high; row++) {
      if (!t.alive[row]) continue;
      out[name].push({
        index: row,
        generation: t.generations[row]!,
        words: [...t.words.subarray(row * stride, row * stride + stride)],
      });
    }
  }
  return out;
}

for (const { name, schema, frames } of vectors<{ name: string; schema: Value; frames: Frame[] }>("snapshots")) {
  test(`snapshots: ${name}`, () => {
    const replica = new Replica(parseSchema(schema));
    const reader = new Reader();
    for (const frame of frames) {
      reader.reset(fromHex(frame.hex));
      reader.array();
      assert.equal(reader.int(), type);
      assert.equal(replica.apply(reader), "ok", frame.name);
      const { tick, gap, ack, slack, percent } = replica;
      assert.deepEqual(
        { tick, gap, ack, slack, percent },
        { tick: frame.tick, gap: frame.gap, ack: frame.ack, slack: frame.slack, percent: frame.percent },
        frame.name,
      );
      assert.deepEqual(rowsOf(replica), frame.tables, frame.name);
      const events = replica.events.map((e) => ({ ...e, words: [...e.words] }));
      assert.deepEqual(events, frame.events, frame.name);
      assert.equal(replica.hash(), frame.hash, frame.name);
    }
  });
}
