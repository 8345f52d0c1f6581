/** Snapshots that no honest server sends. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageType } from "../src/connection.ts";
import { MalformedError, Reader } from "../src/msgpack.ts";
import { Replica } from "../src/replica.ts";
import { parseSchema } from "../src/schema.ts";
import { encode, type Encodable } from "./encode.ts";
import { schema } from "./fakeserver.ts";

function apply(replica: Replica, bytes: Uint8Array): string {
  const reader = new Reader();
  reader.reset(bytes);
  reader.array();
  reader.int();
  return replica.apply(reader);
}

const keyframe = (section: Encodable, events: Encodable = null) =>
  encode([MessageType.snapshot, 7, 0, 0, 0, 1, section, null, null, events]);

const fresh = () => new Replica(parseSchema(schema));

test("a section that leaves its bounds is refused", () => {
  const bad: Record<string, Encodable> = {
    "a table that is not there": [9, 0, 0, 0],
    "a negative table": [-1, 0, 0, 0],
    "more removed rows than the section has": [1, 1_000_000, 0, 0],
    "more born rows than the section has": [1, 0, 4_000_000_000, 0, 1],
    "more groups than the section has": [1, 0, 0, 4_000_000_000],
    "a row beyond the table": [1, 0, 1, 64, 1, 0, 0, 0, 0, 0, 0],
    "a row before the first": [1, 0, 1, -3, 1, 0, 0, 0, 0, 0, 0],
    "a block cut short": [1, 0],
  };
  for (const [name, section] of Object.entries(bad)) {
    assert.throws(() => apply(fresh(), keyframe(section)), MalformedError, name);
  }
  assert.throws(() => apply(fresh(), keyframe(null, [[1, 7, 5, 0]])), MalformedError, "an event that is not there");
});

test("what a newer server adds is passed over", () => {
  const replica = fresh();
  assert.equal(
    apply(replica, encode([MessageType.snapshot, 7, 0, 0, 0, 1, null, null, null, [[1, 7, 0, 1, 2, 3, 4, 5]], 99, 98])),
    "ok",
  );
  assert.deepEqual([...replica.events[0]!.words], [1, 2, 3]);
});

test("rows that are not known are removed and changed without effect", () => {
  const replica = fresh();
  apply(replica, keyframe([0, 0, 1, 0, 1, 42, 0]));
  const change = [1, 1, 5, 0, 1, 8, 1, 9, 77];
  assert.equal(apply(replica, encode([MessageType.snapshot, 8, 1, 0, 0, 0, change, null, null, null])), "ok");
  assert.equal(replica.tables[1]!.high, 0);
});

test("any bytes are read, or refused, in no time", () => {
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 3000; i++) {
    const bytes = keyframe(Array.from({ length: random(60) }, () => random(12) - 1));
    for (let flips = random(4); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    try {
      apply(fresh(), bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedError, String(error));
    }
  }
});
