/** What a game sees of rows that come, stay and go, however sections are cut into blocks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type EntityTable, entityTables } from "../src/entity.ts";
import { History } from "../src/history.ts";
import { MalformedError, Reader } from "../src/msgpack.ts";
import { Replica } from "../src/replica.ts";
import { parseSchema } from "../src/schema.ts";
import { encode } from "./encode.ts";

const keyframe = 1;
const diff = 2;
const absolute = 32;
const all = { min: -0x80000000, max: 0x7fffffff };

/** Two tables: orbs have a position that everyone sees and a charge for the owner; gates are one word. */
const schema = {
  game: "test",
  version: "1",
  tables: [
    {
      name: "orb",
      capacity: 40,
      stride: 4,
      pos: 0,
      slot: 1,
      side: -1,
      single: false,
      fields: [
        ["pos", 4, 0, 0, 2, 0, true, all.min, all.max],
        ["holder", 7, 0, 2, 1, 0, false, all.min, all.max],
        ["charge", 1, 2, 3, 1, 0, false, all.min, all.max],
      ],
    },
    {
      name: "gate",
      capacity: 4,
      stride: 1,
      pos: -1,
      slot: -1,
      side: -1,
      single: false,
      fields: [["open", 1, 0, 0, 1, 0, false, all.min, all.max]],
    },
  ],
  events: [],
  input: { name: "input", capacity: 1, stride: 1, fields: [["key", 2, 0, 0, 1, 0, false, 0, 3]] },
};

const orb = 0;
const gate = 1;

class Scene {
  readonly replica = new Replica(parseSchema(schema));
  readonly views: EntityTable[] = entityTables(this.replica);
  readonly history = new History(this.replica.tables[orb], 0);
  told: string[] = [];
  #tick = 10;

  constructor() {
    this.views.forEach((view, i) => {
      const name = ["orb", "gate"][i];
      view.onAdd((e) => this.told.push(`+${name}${e.index}`));
      view.onChange((e) => this.told.push(`~${name}${e.index}`));
      view.onRemove((e) => this.told.push(`-${name}${e.index}`));
    });
  }

  /** Applies a snapshot of one tick later and returns what the game was told, in order of names. */
  apply(flags: number, publicInts: number[], own: number[] = []): string[] {
    const previous = this.replica.tick;
    const reader = new Reader();
    reader.reset(encode([17, ++this.#tick, flags & keyframe ? 0 : 1, 0, 0, flags, publicInts, null, own, null]));
    const length = reader.array();
    reader.int();
    assert.equal(this.replica.apply(reader, length), "ok");
    this.history.record(this.replica.tick, previous, false, (row) => this.views[orb].at(row)?.id ?? 0);
    this.told = [];
    for (const view of this.views) view.commit(3);
    for (const view of this.views) view.notify();
    for (const view of this.views) view.bury();
    return this.told.sort();
  }

  words(table: number, row: number): number[] {
    const t = this.replica.tables[table];
    return [...t.words.subarray(row * t.schema.stride, (row + 1) * t.schema.stride)];
  }

  /** The x that the picture has of an orb at a tick. */
  pictureX(row: number, tick: number): number {
    this.history.sample(tick, this.views[orb].picture, undefined);
    return this.views[orb].picture[row * 4];
  }
}

test("a table comes in as many blocks as there are, in any order", () => {
  const scene = new Scene();
  const told = scene.apply(keyframe, [gate, 0, 1, 1, 1, 7, 0, orb, 0, 1, 5, 1, 10, 20, 3, 0, gate, 0, 1, 0, 1, 8, 0, orb, 0, 1, 2, 1, 30, 40, 4, 0]);
  assert.deepEqual(told, ["+gate0", "+gate1", "+orb2", "+orb5"]);
  assert.deepEqual(scene.words(orb, 5), [10, 20, 3, 0]);
  assert.deepEqual(scene.words(orb, 2), [30, 40, 4, 0]);
  assert.deepEqual(scene.words(gate, 0), [8]);
});

test("a block of values stands among differences", () => {
  const scene = new Scene();
  scene.apply(keyframe, [orb, 0, 2, 0, 1, 10, 20, 3, 0, 1, 10, 20, 4, 0]);
  scene.apply(diff, [orb + absolute, 0, 0, 1, 1, 1, 0, 5, 6, orb, 0, 0, 1, 1, 1, 1, 5, 6]);
  assert.deepEqual(scene.words(orb, 0), [5, 6, 3, 0]);
  assert.deepEqual(scene.words(orb, 1), [15, 26, 4, 0]);
});

test("a row born again in its generation changes: it neither goes nor comes", () => {
  const scene = new Scene();
  scene.apply(keyframe, [orb, 0, 1, 0, 9, 100, 20, 3, 0], [orb, 0, 0, 1, 1, 1, 0, 50]);
  const [entity] = scene.views[orb];
  assert.deepEqual(scene.words(orb, 0), [100, 20, 3, 50]);

  const told = scene.apply(diff, [orb, 0, 1, 0, 9, 200, 20, 4, 0]);
  assert.deepEqual(told, ["~orb0"]);
  assert.equal(scene.views[orb].at(0), entity);
  assert.deepEqual(scene.words(orb, 0), [200, 20, 4, 0], "what was private is forgotten");
  assert.equal((entity as unknown as { holder: number }).holder, 4);
  assert.equal(scene.pictureX(0, 11.5), 150, "the picture glides on");
});

test("a row that goes and comes in its generation within a snapshot changes, too", () => {
  const scene = new Scene();
  scene.apply(keyframe, [orb, 0, 1, 0, 9, 100, 20, 3, 0]);
  assert.deepEqual(scene.apply(diff, [orb, 1, 0, 0, 0, orb, 0, 1, 0, 9, 200, 20, 3, 0]), ["~orb0"]);
  assert.equal(scene.pictureX(0, 11.5), 150);
});

test("a row born in another generation is another entity", () => {
  const scene = new Scene();
  scene.apply(keyframe, [orb, 0, 1, 0, 9, 100, 20, 3, 0]);
  const [entity] = scene.views[orb];
  const told = scene.apply(diff, [orb, 0, 1, 0, 10, 200, 20, 4, 0]);
  assert.deepEqual(told, ["+orb0", "-orb0"]);
  assert.notEqual(scene.views[orb].at(0), entity);
  assert.equal((entity as unknown as { holder: number }).holder, 3, "the old one keeps its words");
  assert.equal(scene.pictureX(0, 11.5), 200, "the new one does not glide in from the old one's place");
});

test("a keyframe that brings the same entities takes none away", () => {
  const scene = new Scene();
  scene.apply(keyframe, [orb, 0, 2, 0, 9, 100, 20, 3, 0, 9, 1, 2, 4, 0]);
  assert.deepEqual(scene.apply(keyframe, [orb, 0, 1, 1, 9, 1, 2, 4, 0]), ["-orb0", "~orb1"]);
});

test("heads of blocks that name no table are refused", () => {
  for (const head of [2, 31, absolute + 2, 2 * absolute, -1]) {
    assert.throws(() => new Scene().apply(keyframe, [head, 0, 0, 0]), MalformedError, String(head));
  }
});
