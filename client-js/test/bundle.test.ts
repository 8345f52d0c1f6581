/** The bundle as pages load it, minified and with short names of internal members, plays a match. */

import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { WebSocket } from "ws";
import { bundleOptions } from "../scripts/bundle.mjs";
import { MessageType } from "../src/connection.ts";
import type * as tactus from "../src/index.ts";
import { FakeServer, type Ship } from "./fakeserver.ts";

interface ShipRow {
  pos: { x: number; y: number };
  hp: number;
}

const fleet = (...ships: Ship[]) => new Map(ships.map((ship, index) => [index, ship]));

test("the bundle plays a match", async () => {
  const outfile = join(resolve("node_modules", ".cache", "tactus-bundle"), "tactus.mjs");
  await build({ ...bundleOptions(resolve(".")), format: "esm", outfile });
  const { Client } = (await import(pathToFileURL(outfile).href)) as typeof tactus;
  const server = await FakeServer.start();
  try {
    const joining = new Client(server.origin, { webSocket: WebSocket, storage: null }).findMatch({ game: "fake" });
    const player = await server.welcome(fleet({ generation: 1, x: 1, y: 2, pilot: 2 }, { generation: 1, x: 5, y: 5 }));
    const match = await joining;
    const ships = match.entities<ShipRow>("ship");
    const events: string[] = [];
    ships.onChange((ship) => events.push(`changed ${ship.index} ${ship.hp}`));
    const gone = new Promise<void>((done) =>
      ships.onRemove((ship) => {
        events.push(`gone ${ship.index}`);
        done();
      }),
    );
    match.setInput({ buttons: 1 });
    match.frame(performance.now());
    const [, , tick, , ...words] = await player.message(MessageType.input);
    assert.deepEqual([Number(tick) > 100, words], [true, [0, 0, 0, 1]]);
    player.snapshot(101, fleet({ generation: 1, x: 1, y: 2, hp: 60, pilot: 2 }));
    await gone;
    assert.deepEqual(events, ["changed 0 60", "gone 1"]);
    assert.equal(ships.size, 1);
    const sending = match.chat("gg");
    const [, text, id] = await player.message(MessageType.chat);
    assert.equal(text, "gg");
    player.send([MessageType.reply, Number(id), true, [], ""]);
    assert.equal((await sending).sent, true);
    match.leave();
  } finally {
    await server.stop();
  }
});
