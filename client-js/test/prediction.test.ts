/** The player's own ship, ahead of the server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { entityTables } from "../src/entity.ts";
import { Prediction } from "../src/prediction.ts";
import { Replica } from "../src/replica.ts";
import { parseSchema } from "../src/schema.ts";
import type { Rules } from "../src/index.ts";
import { schema, schemaHash } from "./fakeserver.ts";

const one = 65536;
const slot = 2;
const ship = { table: 1, stride: 7, x: 0, hp: 3, pilot: 4 };

/** Rules by which a ship moves each tick by what its input says; the hp counts the ticks. */
class FakeRules implements Rules {
  readonly schemaHash = schemaHash;
  readonly tables = [new Int32Array(1), new Int32Array(64 * ship.stride)];
  readonly alive = new Set<number>();
  calls = 0;
  broken = false;

  words(table: number): Int32Array {
    return this.tables[table]!;
  }

  put(table: number, row: number): void {
    if (table === ship.table) this.alive.add(row);
  }

  remove(table: number, row: number): void {
    if (table === ship.table) this.alive.delete(row);
  }

  clear(): void {
    this.alive.clear();
  }

  predict(_tick: number, player: number, inputs: Int32Array, count: number): boolean {
    this.calls++;
    if (this.broken) return false;
    for (let i = 0; i < count; i++) {
      for (const row of this.alive) {
        const at = row * ship.stride;
        if (this.tables[1]![at + ship.pilot] !== player) continue;
        this.tables[1]![at + ship.x]! += inputs[i * 5 + 1]!;
        this.tables[1]![at + ship.hp]!++;
      }
    }
    return true;
  }
}

/** A match of one own ship (row 0) and one of another player (row 1). */
class Scene {
  readonly rules = new FakeRules();
  readonly replica = new Replica(parseSchema(schema));
  readonly views = entityTables(this.replica);
  readonly prediction: Prediction;
  private now = 0;

  /** moving: the own ship was seen to move by the rules already. */
  constructor(moving = true) {
    this.snapshot(100, 0);
    this.prediction = new Prediction(this.rules, this.replica, this.views, slot);
    this.views[1]!.commit(slot);
    if (moving) this.x(0, 1);
  }

  /** A snapshot in which the own ship is at x, in world units. */
  snapshot(tick: number, x: number, generation = 1): void {
    const table = this.replica.tables[1]!;
    table.endSnapshot();
    for (const [row, pilot] of [
      [0, slot],
      [1, 5],
    ] as const) {
      if (table.generations[row] !== generation) table.put(row, generation);
      table.touch(row);
      table.words[row * ship.stride + ship.x] = x * one;
      table.words[row * ship.stride + ship.hp] = 0;
      table.words[row * ship.stride + ship.pilot] = pilot;
    }
    this.replica.tick = tick;
    this.prediction?.snapshot();
    this.views[1]!.commit(slot);
  }

  /** Predicts up to a tick, moving by so many world units in each. */
  steps(to: number, move: number): void {
    while (this.prediction.tick < to) {
      this.prediction.remember(this.prediction.tick + 1, 0, input(move));
      this.prediction.step();
    }
  }

  /** What is drawn at a part of the tick under way. */
  x(part: number, move: number, ms = 0): number {
    this.now += ms;
    this.prediction.draw(this.now, part, 0, input(move));
    return this.views[1]!.picture[ship.x]! / one;
  }
}

function input(move: number): Int32Array {
  return Int32Array.from([move * one, 0, 0, 0]);
}

test("own rows are ahead of the server, others are not", () => {
  const scene = new Scene();
  scene.steps(105, 1);
  assert.equal(scene.x(0, 1), 5);
  assert.equal(scene.views[1]!.picture[ship.stride]! / one, 0);
  assert.equal(scene.prediction.active, true);
});

test("an input shows in the very frame it is made", () => {
  const scene = new Scene();
  scene.steps(105, 0);
  assert.equal(scene.x(0.5, 0), 0);
  assert.equal(scene.x(0.5, 2), 1, "half of the tick under way");
  assert.equal(scene.x(0.5, 0), 0, "and is taken back as long as the tick is not over");
});

test("own counters are those of the tick under way", () => {
  const scene = new Scene();
  scene.steps(103, 0);
  scene.x(0.5, 0);
  const [mine] = scene.views[1] as Iterable<{ hp?: number }>;
  assert.equal(mine?.hp, 4);
});

test("a snapshot that agrees changes nothing", () => {
  const scene = new Scene();
  scene.steps(106, 1);
  scene.x(0, 1);
  scene.snapshot(103, 3);
  assert.equal(scene.x(0, 1), 6);
  assert.equal(scene.prediction.error, 0);
});

test("only inputs that the server does not know yet are replayed", () => {
  const scene = new Scene();
  scene.steps(103, 1);
  scene.steps(106, 2);
  scene.snapshot(103, 3);
  scene.x(0, 0);
  assert.equal(scene.x(0, 0), 9);
});

test("a wrong prediction is corrected at once, and its picture smoothly", () => {
  const scene = new Scene();
  scene.steps(106, 1);
  assert.equal(scene.x(0, 1), 6);
  scene.snapshot(103, 2.5);
  assert.ok(Math.abs(scene.prediction.error - 0.5) < 1e-4);
  assert.equal(scene.rules.tables[1]![ship.x]! / one, 5.5, "the state has no trace of it");
  assert.ok(Math.abs(scene.x(0, 1, 0) - 6) < 1e-3, "no jump");
  const later = scene.x(0, 1, 50);
  assert.ok(later < 5.8 && later > 5.5, `half of it is gone: ${later}`);
  assert.ok(Math.abs(scene.x(0, 1, 1000) - 5.5) < 1e-3, "and soon all");
});

test("a ship that is put elsewhere is not drawn on its way there", () => {
  const scene = new Scene();
  scene.steps(106, 0.3);
  scene.x(0, 0.3);
  scene.snapshot(104, 200);
  assert.ok(Math.abs(scene.x(0, 0.3) - 200.6) < 0.01);
});

test("a ship reborn in the same place starts without a past", () => {
  const scene = new Scene();
  scene.steps(106, 1);
  scene.x(0, 1);
  scene.snapshot(104, 4.5, 2);
  assert.equal(scene.x(0, 1), 6.5);
});

test("a missing input is the last one before it", () => {
  const scene = new Scene();
  scene.steps(102, 1);
  scene.prediction.jump(106);
  assert.equal(scene.prediction.tick, 106);
  assert.equal(scene.x(0, 0), 6);
});

test("after a long silence of the server the own ship waits", () => {
  const scene = new Scene();
  scene.prediction.remember(101, 0, input(1));
  for (let i = 0; i < 100; i++) scene.prediction.step();
  assert.ok(scene.prediction.tick <= 140, `at tick ${scene.prediction.tick}`);
});

test("rules that can't predict leave the picture to interpolation", () => {
  const scene = new Scene();
  scene.steps(102, 1);
  assert.notEqual(scene.prediction.skips(1), undefined);
  scene.rules.broken = true;
  scene.steps(103, 1);
  assert.equal(scene.prediction.active, false);
  assert.equal(scene.prediction.skips(1), undefined);
});

test("a frame costs one call into the rules, a snapshot another", () => {
  const scene = new Scene();
  scene.steps(110, 1);
  scene.rules.calls = 0;
  scene.x(0.1, 1, 16);
  assert.equal(scene.rules.calls, 1);
  scene.snapshot(103, 3);
  assert.equal(scene.rules.calls, 2);
});

test("rules that arrive in the middle of a match take over without a jump", () => {
  const scene = new Scene(false);
  scene.steps(105, 1);
  assert.equal(scene.x(0, 1), 0, "where it was shown");
  assert.ok(scene.x(0, 1, 100) > 3);
  assert.ok(Math.abs(scene.x(0, 1, 1000) - 5) < 1e-3, "where it is");
});

test("rows that the rules never move are drawn from the past", () => {
  const scene = new Scene(false);
  scene.steps(105, 0);
  scene.x(0.5, 0);
  assert.equal(scene.prediction.skips(1), undefined);
  scene.x(0.5, 1);
  assert.equal(scene.prediction.skips(1)?.[0], 1, "until they are seen to");
  assert.equal(scene.prediction.skips(1)?.[1], 0, "and others' never");
});
