/** The clocks under a simulated network, in virtual time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../src/clock.ts";

const rate = 30;
const tickMs = 1000 / rate;

/** A repeatable source of chance (mulberry32). */
function chance(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Link {
  /** One way, in ms. */
  delay: number;
  /** Up to so much more. */
  jitter: number;
  percent?: number;
  /** Ticks per snapshot. */
  every?: number;
}

/** A server, a client that draws at 60 Hz, and an ordered link between them. */
class Run {
  readonly clock = new Clock(rate, 1);
  readonly slacks: number[] = [];
  readonly paces: number[] = [];
  readonly renderSteps: number[] = [];
  jumps = 0;
  /** Frames in which the picture wanted a tick that had not come yet. */
  starved = 0;
  frames = 0;
  private readonly random = chance(7);
  private now = 0;
  private serverTick = 1000;
  private serverAt = 0;
  private slack = 0;
  private down: { at: number; tick: number; slack: number }[] = [];
  private up: { at: number; tick: number }[] = [];
  private lastDown = 0;
  private lastUp = 0;
  private newest = 0;
  private sentTick = 0;

  constructor(readonly link: Link) {
    this.clock.roundTrip(2 * link.delay);
  }

  /** Lets time pass, in steps of a millisecond. */
  play(seconds: number): this {
    for (const end = this.now + seconds * 1000; this.now < end; this.now++) {
      this.server();
      this.receive();
      if (this.now % 17 === 0) this.frame();
    }
    return this;
  }

  forget(): this {
    for (const list of [this.slacks, this.paces, this.renderSteps]) list.length = 0;
    this.jumps = this.starved = this.frames = 0;
    return this;
  }

  private delay(): number {
    return this.link.delay + this.link.jitter * this.random();
  }

  private server(): void {
    while (this.up.length > 0 && this.up[0]!.at <= this.now) {
      const { tick } = this.up.shift()!;
      this.slack = tick - this.serverTick;
      this.slacks.push(this.slack);
    }
    if (this.now - this.serverAt < (tickMs * 100) / (this.link.percent ?? 100)) return;
    this.serverAt += (tickMs * 100) / (this.link.percent ?? 100);
    this.serverTick++;
    if (this.serverTick % (this.link.every ?? 1) !== 0) return;
    this.lastDown = Math.max(this.lastDown, this.now + this.delay());
    this.down.push({ at: this.lastDown, tick: this.serverTick, slack: this.slack });
    this.slack = 0;
  }

  private receive(): void {
    while (this.down.length > 0 && this.down[0]!.at <= this.now) {
      const { tick, slack } = this.down.shift()!;
      this.newest = tick;
      this.clock.snapshot(this.now, tick, this.link.percent ?? 100);
      this.clock.slack(tick, slack);
    }
  }

  private frame(): void {
    if (this.newest === 0) return;
    const { predictedTick, renderTick } = this.clock;
    const jumped = this.clock.advance(this.now);
    if (jumped || this.sentTick === 0) this.sentTick = Math.floor(this.clock.predictedTick) - 1;
    if (jumped) this.jumps++;
    else if (predictedTick > 0) {
      this.paces.push((this.clock.predictedTick - predictedTick) / (17 / tickMs));
      this.renderSteps.push(this.clock.renderTick - renderTick);
    }
    this.frames++;
    if (this.clock.renderTick > this.newest) this.starved++;
    while (this.sentTick < Math.floor(this.clock.predictedTick)) {
      this.clock.sent(this.now, ++this.sentTick);
      this.lastUp = Math.max(this.lastUp, this.now + this.delay());
      this.up.push({ at: this.lastUp, tick: this.sentTick });
    }
  }
}

function share(values: number[], good: (v: number) => boolean): number {
  return values.filter(good).length / values.length;
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test("inputs come one to two ticks early on a steady link", () => {
  for (const delay of [1, 30, 80]) {
    const run = new Run({ delay, jitter: 0 }).play(5).forget().play(5);
    assert.equal(
      share(run.slacks, (s) => s >= 1),
      1,
      `delay ${delay}: none is late`,
    );
    assert.ok(share(run.slacks, (s) => s <= 3) === 1, `delay ${delay}: ${run.slacks}`);
    assert.ok(mean(run.slacks) < 2.6, `delay ${delay}: mean slack ${mean(run.slacks)}`);
    assert.equal(run.jumps, 0);
  }
});

test("inputs run further ahead on a link that jitters, so that few are late", () => {
  const run = new Run({ delay: 40, jitter: 60 }).play(6).forget().play(10);
  assert.ok(share(run.slacks, (s) => s >= 1) > 0.97, `in time: ${share(run.slacks, (s) => s >= 1)}`);
  assert.ok(mean(run.slacks) < 4, `mean slack ${mean(run.slacks)}`);
});

test("the input clock is paced by at most five percent", () => {
  const run = new Run({ delay: 30, jitter: 40 }).play(3).forget();
  run.link.delay = 70;
  run.play(10);
  for (const pace of run.paces) assert.ok(pace > 0.9499 && pace < 1.0501, `pace ${pace}`);
  assert.ok(
    run.paces.some((p) => p > 1.02),
    "it did speed up for the slower link",
  );
});

test("inputs are in time again after the link became slower", () => {
  const run = new Run({ delay: 20, jitter: 5 }).play(5);
  run.link.delay = 90;
  run.play(6).forget().play(4);
  assert.equal(
    share(run.slacks, (s) => s >= 1),
    1,
  );
});

test("the lead shrinks again when the link becomes faster", () => {
  const run = new Run({ delay: 120, jitter: 30 }).play(6);
  const before = run.clock.predictedTick - run.clock.renderTick;
  run.link.delay = 20;
  run.link.jitter = 2;
  run.play(15).forget().play(3);
  assert.ok(run.clock.predictedTick - run.clock.renderTick < before - 4);
  assert.ok(mean(run.slacks) < 3, `mean slack ${mean(run.slacks)}`);
  assert.equal(
    share(run.slacks, (s) => s >= 1),
    1,
  );
});

test("the picture's delay is little more than a snapshot on a steady link", () => {
  const run = new Run({ delay: 30, jitter: 1 }).play(10);
  assert.ok(run.clock.delay < 2, `delay ${run.clock.delay} ticks`);
});

test("the picture's delay adapts to jitter, and back", () => {
  const run = new Run({ delay: 30, jitter: 1 }).play(5);
  const calm = run.clock.delay;
  run.link.jitter = 100;
  run.play(6);
  const rough = run.clock.delay;
  assert.ok(rough > calm + 1.5, `${calm} to ${rough} ticks`);
  run.forget().play(10);
  assert.ok(run.starved / run.frames < 0.03, `${run.starved} of ${run.frames} frames had nothing to show`);
  run.link.jitter = 1;
  run.play(20);
  assert.ok(run.clock.delay < calm + 0.5, `back to ${run.clock.delay} ticks`);
});

test("a single stall does not spoil the picture of the seconds after it", () => {
  const clock = new Clock(rate, 1);
  let tick = 100;
  let worst = 0;
  for (let now = 0; now < 14_000; now += 17) {
    const stalled = now > 6000 && now < 6800;
    for (; !stalled && tick - 100 <= now / tickMs; tick++) clock.snapshot(now, tick, 100);
    clock.advance(now);
    if (now > 6000) worst = Math.max(worst, clock.delay);
  }
  assert.ok(worst < 3, `delay up to ${worst} ticks`);
});

test("a page that stutters does not take its own pauses for the network's", () => {
  const clock = new Clock(rate, 1);
  let tick = 100;
  for (let now = 0, frame = 0; now < 8000; frame++) {
    now += frame % 10 === 0 ? 160 : 17;
    // All that came in a pause is read before the frame after it.
    for (; tick - 100 <= now / tickMs; tick++) clock.snapshot(now, tick, 100);
    clock.advance(now);
  }
  assert.ok(clock.delay < 1.6, `delay ${clock.delay} ticks`);
});

test("the picture never runs backwards nor leaps", () => {
  const run = new Run({ delay: 30, jitter: 80 }).play(2).forget().play(10);
  const step = 17 / tickMs;
  for (const s of run.renderSteps) assert.ok(s > step * 0.84 && s < step * 1.16, `step ${s}`);
});

test("a dilated server clock is followed", () => {
  const run = new Run({ delay: 30, jitter: 2, percent: 50 }).play(4).forget().play(6);
  assert.ok(Math.abs(mean(run.paces) - 0.5) < 0.01, `pace ${mean(run.paces)}`);
  assert.equal(
    share(run.slacks, (s) => s >= 1),
    1,
  );
});

test("half of the snapshots: a tick more delay, nothing else, and back", () => {
  const run = new Run({ delay: 30, jitter: 1 }).play(10);
  const calm = run.clock.delay;
  run.link.every = 2;
  run.play(3).forget().play(10);
  const { delay } = run.clock;
  assert.ok(delay > calm + 0.7 && delay < calm + 1.5, `${calm} to ${delay} ticks`);
  assert.ok(run.starved / run.frames < 0.03, `${run.starved} of ${run.frames} frames had nothing to show`);
  assert.equal(run.jumps, 0);
  assert.ok(Math.abs(mean(run.paces) - 1) < 0.01, `pace ${mean(run.paces)}`);
  assert.equal(
    share(run.slacks, (s) => s >= 1),
    1,
    "no input is late",
  );
  assert.ok(run.clock.jitter < tickMs, `jitter ${run.clock.jitter} ms`);
  run.link.every = 1;
  run.play(15);
  assert.ok(run.clock.delay < calm + 0.3, `back to ${run.clock.delay} ticks`);
});

test("a server that stood still is caught up with by a jump", () => {
  const clock = new Clock(rate, 1);
  for (let i = 0; i < 90; i++) clock.snapshot(i * tickMs, 100 + i, 100);
  clock.advance(90 * tickMs);
  const stopped = 90 * tickMs + 5000;
  clock.snapshot(stopped, 190, 100);
  clock.advance(stopped + 1);
  assert.ok(Math.abs(clock.renderTick - 190) < 5, `renderTick ${clock.renderTick}`);
});
