// W1 on Socket.IO as its best-informed users write it: WebSocket only, no compression,
// the MessagePack parser, and a room per match. Each tick has one packed binary state,
// which the adapter encodes once for the whole room.
//
//   node socketio.mjs PORT RATE PER_MATCH

import { createServer } from "node:http";
import { Server } from "socket.io";
import parser from "socket.io-msgpack-parser";
import { every, Match, STEPS } from "./match.mjs";

const [port, rate, perMatch] = process.argv.slice(2).map(Number);
const ROW = 9; // bytes of a player

const http = createServer();
const io = new Server(http, {
  parser,
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});

let open; // the room that new players join

class Room {
  match = new Match(rate);
  seats = 0;

  constructor(name) {
    this.name = name;
    this.stop = every(rate, () => {
      this.match.step();
      io.to(name).emit("s", this.pack());
    });
  }

  // A new buffer each tick, since the last one may not be sent yet.
  pack() {
    const { players } = this.match;
    const state = Buffer.allocUnsafe(players.length * ROW);
    let at = 0;
    for (const p of players) {
      state.writeInt16LE(Math.round(p.x * STEPS), at);
      state.writeInt16LE(Math.round(p.y * STEPS), at + 2);
      state[at + 4] = p.angle >> 8;
      state[at + 5] = p.hp;
      state.writeUInt16LE(p.score, at + 6);
      state[at + 8] = p.ack;
      at += ROW;
    }
    return state;
  }
}

let rooms = 0;
io.on("connection", (socket) => {
  if (open === undefined || open.seats === perMatch) open = new Room(`m${++rooms}`);
  const room = open;
  room.seats++;
  const player = room.match.join();
  socket.join(room.name);
  socket.emit("w", room.match.players.length - 1);
  socket.on("i", (bytes) => player.input(bytes));
  socket.on("disconnect", () => {
    room.match.leave(player);
    if (room.match.players.length === 0) room.stop();
  });
});

http.listen(port, "127.0.0.1");
