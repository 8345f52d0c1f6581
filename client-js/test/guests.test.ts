/** Who the player is: guests, their tokens, and storages that fail. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { WebSocket } from "ws";
import { Client, type WebSocketClass } from "../src/index.ts";
import { FakeServer } from "./fakeserver.ts";
import { refusal } from "./refusal.ts";

const webSocket: WebSocketClass = WebSocket;

let server: FakeServer;

beforeEach(async () => {
  server = await FakeServer.start();
});

afterEach(() => server.stop());

/** Storage that is a map, with what a Storage needs. */
function memoryStorage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> & Map<string, string> {
  const map = new Map<string, string>();
  return Object.assign(map, {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  });
}

test("a guest stays who he is", async () => {
  const storage = memoryStorage();
  for (const expected of ["", "guest-1"]) {
    const again = new Client(server.origin, { webSocket, storage });
    const joining = again.quickPlay();
    await server.welcome();
    (await joining).leave();
    assert.equal(server.calls.filter((c) => c.method === "CreateTicket").at(-1)?.request.guestToken, expected);
  }
});

/** Plays once with what the storage holds, and tells with which guest tokens it was tried. */
async function playAs(storage: ReturnType<typeof memoryStorage>): Promise<unknown[]> {
  const before = server.calls.length;
  const joining = new Client(server.origin, { webSocket, storage }).quickPlay();
  await server.welcome();
  (await joining).leave();
  const calls = server.calls.slice(before).filter((c) => c.method === "CreateTicket");
  return calls.map((c) => c.request.guestToken);
}

/** Takes the tokens given, and makes new guests "new-1", "new-2" and so on. */
function takeGuests(...taken: string[]): void {
  let made = 0;
  server.answers.CreateTicket = ({ guestToken }) => {
    if (guestToken && !taken.includes(guestToken as string))
      return refusal(401, "unauthenticated", "GUEST_TOKEN_INVALID");
    const kept = (guestToken as string) || `new-${++made}`;
    taken.push(kept);
    return { body: { ticketId: "t1", playerId: `of ${kept}`, guestToken: kept } };
  };
}

test("a guest token that is not valid is replaced, and kept beside", async () => {
  const storage = memoryStorage();
  storage.setItem("tactus.guest", "stale");
  takeGuests();
  assert.deepEqual(await playAs(storage), ["stale", ""]);
  assert.equal(storage.getItem("tactus.guest"), "new-1");
  assert.equal(storage.getItem("tactus.guest.before"), "stale");
  assert.deepEqual(await playAs(storage), ["new-1"], "not tried each time");
});

test("the guest token from before is tried again once a day", async (t) => {
  const storage = memoryStorage();
  storage.setItem("tactus.guest", "old");
  takeGuests();
  await playAs(storage);
  let now = Date.now() + 25 * 3_600_000;
  t.mock.method(Date, "now", () => now);
  assert.deepEqual(await playAs(storage), ["old", "new-1"], "still refused");
  assert.equal(storage.getItem("tactus.guest"), "new-1");
  assert.deepEqual(await playAs(storage), ["new-1"], "once a day");
  takeGuests("old", "new-1");
  now += 25 * 3_600_000;
  assert.deepEqual(await playAs(storage), ["old"], "the key is back");
  assert.equal(storage.getItem("tactus.guest"), "old");
  assert.equal(storage.getItem("tactus.guest.before"), null);
});

test("two replicas that do not know each other's keys make two guests, not more", async () => {
  const storage = memoryStorage();
  storage.setItem("tactus.guest", "a");
  storage.setItem("tactus.guest.before", "b");
  storage.setItem("tactus.guest.tried", `${Date.now()}`);
  takeGuests("b");
  assert.deepEqual(await playAs(storage), ["a", "b"]);
  takeGuests("a");
  assert.deepEqual(await playAs(storage), ["b", "a"]);
});

test("what an answer does not carry changes nothing that is kept", async () => {
  const storage = memoryStorage();
  storage.setItem("tactus.guest", "mine");
  storage.setItem("tactus.player", "g-1");
  server.answers.CreateTicket = () => ({ body: { ticketId: "t1" } });
  const guest = new Client(server.origin, { webSocket, storage });
  const joining = guest.findMatch({ party: "member-secret" });
  await server.welcome();
  (await joining).leave();
  assert.equal(storage.getItem("tactus.guest"), "mine");
  assert.equal(guest.playerId, "g-1");
});

test("an id of the issuer that an earlier release kept is forgotten", () => {
  const storage = memoryStorage();
  storage.setItem("tactus.player", "u-ada@example.com");
  assert.equal(new Client(server.origin, { webSocket, storage }).playerId, "");
  storage.setItem("tactus.player", "p-ehebnyl7euh5w4f7hffhm24o");
  assert.equal(new Client(server.origin, { webSocket, storage }).playerId, "p-ehebnyl7euh5w4f7hffhm24o");
});

test("no other refusal makes a new guest", async () => {
  const refusals: [number, string, string][] = [
    [401, "unauthenticated", ""],
    [401, "unauthenticated", "IDENTITY_TOKEN_INVALID"],
    [403, "permission_denied", "GUEST_REVOKED"],
    [403, "permission_denied", "BANNED"],
  ];
  for (const [status, code, reason] of refusals) {
    const storage = memoryStorage();
    storage.setItem("tactus.guest", "mine");
    server.answers.CreateTicket = () => refusal(status, code, reason);
    await assert.rejects(new Client(server.origin, { webSocket, storage }).quickPlay(), { reason });
    assert.equal(storage.getItem("tactus.guest"), "mine", reason);
  }
});

test("a storage that fails is no storage", async () => {
  const fail = () => {
    throw new DOMException("no storage here", "SecurityError");
  };
  const broken = [
    { getItem: fail, setItem: fail, removeItem: fail },
    { getItem: () => null, setItem: fail, removeItem: fail },
    { getItem: () => "stale", setItem: fail, removeItem: fail },
    {} as Storage,
  ];
  for (const storage of broken) {
    takeGuests();
    const joining = new Client(server.origin, { webSocket, storage }).quickPlay();
    await server.welcome();
    (await joining).leave();
  }
});

test("a page whose storage may not even be named plays", async (t) => {
  const forbidden = () => {
    throw new DOMException("denied", "SecurityError");
  };
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get: forbidden });
  t.after(() => Reflect.deleteProperty(globalThis, "localStorage"));
  const joining = new Client(server.origin, { webSocket }).quickPlay();
  await server.welcome();
  (await joining).leave();
});
