// W1 on Colyseus as its best-informed users write it: schema state of the smallest
// types, inputs as raw bytes, and a patch after each step instead of a timer for it.
//
//   node colyseus.mjs PORT RATE PER_MATCH

import { createServer } from "node:http";
import { Room, Server } from "@colyseus/core";
import { schema, t } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { every, Match, STEPS } from "./match.mjs";

const [port, rate, perMatch] = process.argv.slice(2).map(Number);

const Row = schema({ x: t.int16(), y: t.int16(), angle: t.uint8(), hp: t.uint8(), score: t.uint16() }, "Row");
const State = schema({ players: t.map(Row) }, "State");

class Rooms extends Room {
  maxClients = perMatch;
  patchRate = null;
  maxMessagesPerSecond = Infinity;

  onCreate() {
    this.state = new State();
    this.match = new Match(rate);
    this.seats = new Map();
    this.onMessageBytes("i", (client, bytes) => this.seats.get(client.sessionId).player.input(bytes));
    this.stop = every(rate, () => this.tick());
  }

  tick() {
    this.match.step();
    for (const { player, row } of this.seats.values()) {
      row.x = Math.round(player.x * STEPS);
      row.y = Math.round(player.y * STEPS);
      row.angle = player.angle >> 8;
      row.hp = player.hp;
      row.score = player.score;
    }
    this.broadcastPatch();
  }

  onJoin(client) {
    const player = this.match.join();
    const row = new Row();
    this.seats.set(client.sessionId, { player, row });
    this.state.players.set(String(client.sessionId), row);
  }

  onLeave(client) {
    const seat = this.seats.get(client.sessionId);
    this.match.leave(seat.player);
    this.seats.delete(client.sessionId);
    this.state.players.delete(client.sessionId);
  }

  onDispose() {
    this.stop();
  }
}

const server = new Server({
  transport: new WebSocketTransport({ server: createServer(), pingInterval: 0 }),
  greet: false,
});
server.define("rooms", Rooms);
await server.listen(port, "127.0.0.1");
