/** The picture of others between two snapshots. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { difference, History } from "../src/history.ts";
import { TableState } from "../src/replica.ts";
import { parseSchema } from "../src/schema.ts";
import { schema } from "./fakeserver.ts";

const one = 65536;
const stride = 7;

/** A table of ships, and the picture that is made of it. */
class Ships {
  readonly table = new TableState(parseSchema(schema).tables[1]!, 1);
  readonly history = new History(this.table, 0);
  readonly picture = new Int32Array(64 * stride);
  private tick = 0;
  private known = new Map<number, number>();

  /** A snapshot in which the rows given changed; sparse: as rows of a far part of the map. */
  snapshot(
    tick: number,
    rows: Record<number, { x: number; angle?: number; generation?: number; sparse?: boolean }>,
  ): this {
    this.table.endSnapshot();
    for (const [key, { x, angle = 0, generation = 1, sparse = false }] of Object.entries(rows)) {
      const row = Number(key);
      if (this.table.entity(row) >>> 16 !== generation) this.table.put(row, generation);
      this.table.touch(row);
      this.table.sparse[row] = sparse ? 1 : 0;
      this.table.words[row * stride] = Math.round(x * one);
      this.table.words[row * stride + 2] = angle;
    }
    this.history.record(tick, this.tick, false, (row) => this.known.get(row) ?? 0);
    for (const key of Object.keys(rows)) this.known.set(Number(key), this.table.entity(Number(key)));
    this.tick = tick;
    return this;
  }

  x(tick: number, row = 0): number {
    this.history.sample(tick, this.picture, undefined);
    return this.picture[row * stride]! / one;
  }

  angle(tick: number, row = 0): number {
    this.history.sample(tick, this.picture, undefined);
    return this.picture[row * stride + 2]!;
  }
}

test("a row is shown between its two snapshots", () => {
  const ships = new Ships()
    .snapshot(1, { 0: { x: 0 } })
    .snapshot(2, { 0: { x: 1 } })
    .snapshot(3, { 0: { x: 3 } });
  assert.equal(ships.x(1.25), 0.25);
  assert.equal(ships.x(2), 1);
  assert.equal(ships.x(2.5), 2);
});

test("a row waits where it was seen last, and starts from there", () => {
  const ships = new Ships().snapshot(1, { 0: { x: 0 } }).snapshot(2, { 0: { x: 1 } });
  ships.snapshot(8, {}).snapshot(9, { 0: { x: 2 } });
  assert.equal(ships.x(5), 1, "at rest until the snapshot before it moved");
  assert.equal(ships.x(8.5), 1.5);
  assert.equal(ships.x(12), 2, "no guess beyond the newest");
});

test("angles turn the short way", () => {
  const ships = new Ships().snapshot(1, { 0: { x: 0, angle: 65000 } }).snapshot(2, { 0: { x: 0, angle: 464 } });
  assert.equal(ships.angle(1.5) & 65535, 65500);
  assert.equal(difference(0, 32767, true), 32767);
  assert.equal(difference(0, 40000, true), -25536);
});

test("a row born in another's place does not glide there", () => {
  const ships = new Ships().snapshot(1, { 0: { x: 0 } }).snapshot(2, { 0: { x: 1 } });
  ships.snapshot(3, { 0: { x: 40, generation: 2 } });
  assert.equal(ships.x(2.5), 40);
});

test("a teleport is a jump at its tick", () => {
  const ships = new Ships();
  for (let tick = 1; tick <= 20; tick++) ships.snapshot(tick, { 0: { x: tick * 0.3 } });
  ships.snapshot(21, { 0: { x: 90 } }).snapshot(22, { 0: { x: 90.3 } });
  assert.ok(Math.abs(ships.x(20.9) - 6) < 0.001, "stays");
  assert.equal(ships.x(21), 90, "and is there");
  assert.ok(Math.abs(ships.x(21.5) - 90.15) < 0.001, "and glides on");
});

test("a wild but possible turn of speed is no teleport", () => {
  const ships = new Ships();
  for (let tick = 1; tick <= 20; tick++) ships.snapshot(tick, { 0: { x: tick * 0.3 } });
  ships.snapshot(21, { 0: { x: 7 } });
  assert.ok(Math.abs(ships.x(20.5) - 6.5) < 0.001);
});

test("rows that are drawn otherwise are left alone", () => {
  const ships = new Ships().snapshot(1, { 0: { x: 0 }, 1: { x: 0 } }).snapshot(2, { 0: { x: 1 }, 1: { x: 1 } });
  ships.history.sample(1.5, ships.picture, Uint8Array.from([0, 1]));
  assert.deepEqual([ships.picture[0]! / one, ships.picture[stride]! / one], [0.5, 0]);
});

test("a long run at any rate finds its place in the ring", () => {
  const ships = new Ships();
  for (let tick = 1; tick <= 500; tick++) {
    ships.snapshot(tick, { 0: { x: tick } });
    assert.equal(ships.x(tick - 4.5), Math.max(1, tick - 4.5));
  }
});

test("a far row that is told every fourth tick moves evenly, and settles when it comes near", () => {
  const ships = new Ships();
  const steps: number[] = [];
  const pictures: number[] = [0];
  for (let tick = 1; tick <= 120; tick++) {
    const far = tick < 80;
    ships.snapshot(tick, !far || tick % 4 === 0 ? { 0: { x: tick, sparse: far && tick > 4 } } : {});
    pictures.push(ships.x(tick - 1.5));
    steps.push(pictures[tick]! - pictures[tick - 1]!);
  }
  for (const step of steps.slice(50, 79)) assert.ok(Math.abs(step - 1) < 0.01, `a step of ${step} far away`);
  for (const step of steps.slice(79, 100)) assert.ok(step > 0.9 && step < 1.6, `a step of ${step} on its way near`);
  for (const step of steps.slice(100)) assert.equal(step, 1);
  assert.equal(pictures[120], 118.5);
});
