/** The page plays by every name by which it can be reached. */

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { TestProxy } from "./proxy.ts";
import { TactusServer } from "./server.ts";
import { stage } from "./stage.ts";

const { openTab, newContext } = stage({ width: 900, height: 560 });

const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
const hasIPv6 = addresses.some(({ address }) => address === "::1");

/** Plays in the page at a URL, and returns the URLs of the WebSockets that it opened. */
async function playAt(url: string): Promise<string[]> {
  const sockets: string[] = [];
  const pilot = await openTab("about:blank");
  pilot.page.on("websocket", (socket) => sockets.push(socket.url()));
  await pilot.page.goto(url);
  await pilot.page.waitForSelector('#modes input[value="ffa"]', { state: "attached" });
  await pilot.play("ffa");
  return sockets;
}

describe("make run", () => {
  let server: TactusServer;
  let tunnel: TestProxy;

  before(async () => {
    server = await TactusServer.startAt("localhost");
    tunnel = await TestProxy.start(server.port, { tls: true });
  });

  after(async () => {
    await tunnel.stop();
    await server.stop();
  });

  for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
    test(`plays at ${host}`, { skip: host === "[::1]" && !hasIPv6 }, async () => {
      assert.deepEqual(await playAt(`http://${host}:${server.port}/`), [`ws://${host}:${server.port}/play`]);
    });
  }

  test("plays through a tunnel that ends TLS and sets nothing but Host", async () => {
    await newContext({ ignoreHTTPSErrors: true });
    assert.deepEqual(await playAt(`${tunnel.origin}/`), [`${tunnel.origin.replace("https", "wss")}/play`]);
  });

  test("the page can be installed", async () => {
    const { page } = await openTab(server.url);
    const session = await page.context().newCDPSession(page);
    const { url, errors } = await session.send("Page.getAppManifest");
    assert.deepEqual({ url, errors }, { url: `${server.url}arena.webmanifest`, errors: [] });
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
    assert.deepEqual(
      installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"),
      [],
    );
  });
});

describe("make run LAN=1", () => {
  const own = addresses.filter(({ internal, scopeid }) => !internal && !scopeid);
  let server: TactusServer;

  before(async () => {
    server = await TactusServer.startAt("localhost", "--lan");
  });

  after(() => server.stop());

  test("plays at the machine's own addresses", { skip: own.length === 0 }, async () => {
    for (const { address, family } of own) {
      const host = family === "IPv6" ? `[${address}]` : address;
      assert.deepEqual(await playAt(`http://${host}:${server.port}/`), [`ws://${host}:${server.port}/play`]);
    }
  });
});

for (const keepPath of [false, true]) {
  describe(`behind a proxy that ${keepPath ? "keeps" : "takes off"} the path`, () => {
    let server: TactusServer;
    let proxy: TestProxy;

    before(async () => {
      server = await TactusServer.startAt("localhost", "--base-path", "/game");
      proxy = await TestProxy.start(server.port, { path: "/game", keepPath });
    });

    after(async () => {
      await proxy.stop();
      await server.stop();
    });

    test("plays under it", async () => {
      assert.deepEqual(await playAt(`${proxy.origin}/game/`), [`${proxy.origin.replace("http", "ws")}/game/play`]);
    });
  });
}
