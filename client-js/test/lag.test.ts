/**
 * What an honest client claims as the lag of its inputs, under networks that
 * jitter: the traces against which the server's bound is tested
 * (server/internal/session/lag_test.go).
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Clock } from "../src/clock.ts";

const rate = 30;
const tickMs = 1000 / rate;
const seconds = 40;

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

/** The link of a trace, in ms. */
interface Link {
  rtt: number;
  /** Each way, up to so much more. */
  jitter: (at: number) => number;
  every?: number;
}

/** One line for each input: when it came in ms, its tick, the lag in 1/16 ticks, and the round trip that an acknowledgement took then. */
function trace({ rtt, jitter, every = 1 }: Link): string {
  const random = chance(7);
  const clock = new Clock(rate, every);
  clock.roundTrip(rtt);
  const down: { at: number; tick: number; slack: number; took: number }[] = [];
  const up: { at: number; tick: number; lag: number; took: number }[] = [];
  const lines: string[] = [];
  let serverTick = 1000;
  let stepAt = 0;
  let slack = 0;
  let lastDown = 0;
  let lastUp = 0;
  let newest = 0;
  let sentTick = 0;
  let took = 0;
  for (let now = 0; now < seconds * 1000; now++) {
    const delay = () => rtt / 2 + jitter(now) * random();
    // A server reads at its ticks.
    if (now >= stepAt) {
      stepAt += tickMs;
      while (up.length > 0 && up[0]!.at <= now) {
        const input = up.shift()!;
        slack = input.tick - serverTick;
        lines.push(`${now} ${input.tick - serverTick} ${input.lag} ${Math.round(input.took)}`);
      }
      serverTick++;
      if (serverTick % every === 0) {
        const at = Math.max(lastDown, now + delay());
        lastDown = at;
        down.push({ at, tick: serverTick, slack, took: at - now });
        slack = 0;
      }
    }
    while (down.length > 0 && down[0]!.at <= now) {
      const snapshot = down.shift()!;
      newest = snapshot.tick;
      took = snapshot.took;
      clock.snapshot(now, snapshot.tick, 100);
      clock.slack(snapshot.tick, snapshot.slack);
    }
    if (now % 17 !== 0 || newest === 0) continue;
    const jumped = clock.advance(now);
    const due = Math.floor(clock.predictedTick);
    if (jumped || sentTick === 0 || due - sentTick > 8) sentTick = due - 1;
    while (sentTick < due) {
      clock.sent(now, ++sentTick);
      const lag = Math.min(255, Math.max(0, Math.round((sentTick - clock.renderTick) * 16)));
      lastUp = Math.max(lastUp, now + delay());
      up.push({ at: lastUp, tick: sentTick, lag, took: took + lastUp - now });
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Calm, but for a bad second in every eight. */
const bursts = (at: number) => (at % 8000 < 1000 ? 60 : 4);

const links: Record<string, Link> = {
  "50": { rtt: 50, jitter: () => 60 },
  "100": { rtt: 100, jitter: () => 60 },
  "200": { rtt: 200, jitter: () => 60 },
  calm: { rtt: 50, jitter: () => 0 },
  wild: { rtt: 100, jitter: () => 100 },
  bursts: { rtt: 100, jitter: bursts },
  "half-rate": { rtt: 100, jitter: () => 60, every: 2 },
};

const folder = join(process.cwd(), "..", "server", "internal", "session", "testdata", "lag");

test("the traces of honest inputs are those that the server is tested with", () => {
  for (const [name, link] of Object.entries(links)) {
    const path = join(folder, `${name}.txt`);
    const made = trace(link);
    if (process.env.UPDATE_TRACES) writeFileSync(path, made);
    assert.ok(
      readFileSync(path, "utf8") === made,
      `${path} is not what the clock does: run the test with UPDATE_TRACES=1`,
    );
  }
});
