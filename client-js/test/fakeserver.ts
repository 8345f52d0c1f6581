/**
 * A matchmaker and a game server in one small process, on a real loopback
 * socket: it speaks the wire, knows no rules, and does what a test tells it.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { MessageType } from "../src/connection.ts";
import { Reader, type Value } from "../src/msgpack.ts";
import { encode, type Encodable } from "./encode.ts";

const fixed = 65536;

/** Tables of the fake game: ships with public and private words, one clock, and hits as events. */
export const schema = {
  game: "fake",
  version: "1",
  tables: [
    {
      name: "clock",
      capacity: 1,
      stride: 1,
      pos: -1,
      slot: -1,
      side: -1,
      single: true,
      fields: [["left", 1, 0, 0, 1, 0, false, 0, 0]],
    },
    {
      name: "ship",
      capacity: 64,
      stride: 7,
      pos: 0,
      slot: 3,
      side: -1,
      single: false,
      fields: [
        ["pos", 4, 0, 0, 2, 0, true, 0, 0],
        ["angle", 5, 0, 2, 1, 0, true, 0, 0],
        ["hp", 1, 0, 3, 1, 0, false, 0, 0],
        ["pilot", 7, 0, 4, 1, 0, false, 0, 0],
        ["vel", 4, 2, 5, 2, 0, false, 0, 0],
      ],
    },
  ],
  events: [
    {
      name: "hit",
      capacity: 8,
      stride: 3,
      pos: 0,
      slot: -1,
      side: -1,
      single: false,
      fields: [
        ["pos", 4, 0, 0, 2, 0, true, 0, 0],
        ["damage", 1, 0, 2, 1, 0, false, 0, 0],
      ],
    },
  ],
  input: {
    name: "input",
    capacity: 1,
    stride: 4,
    pos: -1,
    slot: -1,
    side: -1,
    single: false,
    fields: [
      ["move", 4, 0, 0, 2, 0, false, -65536, 65536],
      ["aim", 5, 0, 2, 1, 0, false, 0, 65535],
      ["buttons", 2, 0, 3, 1, 0, false, 0, 7],
    ],
  },
};
export const schemaHash = 4711;

export interface Ship {
  generation: number;
  x: number;
  y: number;
  angle?: number;
  hp?: number;
  pilot?: number;
}

type Row = { generation: number; words: number[] };

function shipRow({ generation, x, y, angle = 0, hp = 100, pilot = -1 }: Ship): Row {
  return { generation, words: [Math.round(x * fixed), Math.round(y * fixed), angle, hp, pilot] };
}

/** The game server's side of one connection. */
export class FakePlayer {
  /** Messages as they came, without their types that tell them apart. */
  readonly received: Value[][] = [];
  tick = 0;
  private sent = new Map<string, Row>();
  private waiting: (() => void)[] = [];

  constructor(
    readonly socket: WebSocket,
    readonly hello: Record<string, Value>,
  ) {
    socket.on("message", (data: Buffer) => this.take(data));
  }

  private take(data: Buffer): void {
    const reader = new Reader();
    reader.reset(new Uint8Array(data));
    const message = reader.value() as Value[];
    if (message[0] === MessageType.ping) this.send([MessageType.pong, message[1] as number, this.tick]);
    else this.received.push(message);
    for (const wake of this.waiting.splice(0)) wake();
  }

  send(message: Encodable): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(encode(message));
  }

  /** The first message of a type that is there or comes. */
  async message(type: number): Promise<Value[]> {
    for (;;) {
      const at = this.received.findIndex((m) => m[0] === type);
      if (at >= 0) return this.received.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** Sends the state after a tick: a keyframe first, then what differs. */
  snapshot(
    tick: number,
    ships: Map<number, Ship>,
    more: { events?: Encodable[]; hash?: number; keyframe?: boolean; slack?: number } = {},
  ): void {
    const keyframe = more.keyframe ?? this.tick === 0;
    if (keyframe) this.sent = new Map();
    const rows = new Map<string, Row>([["0", { generation: 1, words: [tick] }]]);
    for (const [index, ship] of ships) rows.set(`1 ${index}`, shipRow(ship));
    const section: number[] = [];
    this.block(section, 0, [], new Map([[0, rows.get("0")!]]), "0");
    const shipRows = new Map([...ships.keys()].sort((a, b) => a - b).map((i) => [i, rows.get(`1 ${i}`)!]));
    this.block(
      section,
      1,
      [...this.sent.keys()].filter((k) => k.startsWith("1 ") && !rows.has(k)).map((k) => Number(k.slice(2))),
      shipRows,
      "1",
    );
    this.sent = rows;
    const flags = (keyframe ? 1 : 0) | (more.hash === undefined ? 0 : 4);
    const gap = keyframe ? 0 : tick - this.tick;
    const head = [MessageType.snapshot, tick, gap, 0, more.slack ?? 0, flags];
    const message: Encodable[] = [...head, section, null, null, more.events ?? null];
    if (more.hash !== undefined) message.push(more.hash);
    this.tick = tick;
    this.send(message);
  }

  private block(out: number[], table: number, removed: number[], rows: Map<number, Row>, prefix: string): void {
    const key = (index: number) => (prefix === "0" ? "0" : `${prefix} ${index}`);
    const born: number[] = [];
    const changed: number[] = [];
    for (const [index, row] of rows) {
      const old = this.sent.get(key(index));
      if (!old || old.generation !== row.generation) born.push(index);
      else if (old.words.some((w, i) => w !== row.words[i])) changed.push(index);
    }
    if (removed.length + born.length + changed.length === 0) return;
    out.push(table, removed.length, ...gaps(removed.sort((a, b) => a - b)).map(([gap]) => gap));
    out.push(born.length);
    for (const [gap, index] of gaps(born)) out.push(gap, rows.get(index)!.generation, ...rows.get(index)!.words);
    out.push(changed.length > 0 ? 1 : 0);
    if (changed.length === 0) return;
    // All public columns of a changed row, since a smaller mask is not what these tests are about.
    out.push(table === 0 ? 1 : 15, changed.length);
    for (const [gap, index] of gaps(changed)) out.push(gap, ...rows.get(index)!.words);
  }

  close(code: number, reason = ""): void {
    this.socket.close(code, reason);
  }
}

function gaps(indices: number[]): [number, number][] {
  return indices.map((index, i) => [index - (i === 0 ? -1 : indices[i - 1]!) - 1, index]);
}

type Answer = { status?: number; body: object; headers?: Record<string, string> };

/** A watch, as the matchmaker sees it. */
export class FakeStream {
  constructor(
    readonly method: string,
    readonly request: Record<string, unknown>,
    private readonly response: ServerResponse,
  ) {}

  send(message: object): void {
    this.response.write(envelope(0, message));
  }

  /** Ends it as the protocol wants. */
  end(error?: object): void {
    this.response.end(envelope(2, error ? { error } : {}));
  }

  /** The server, or what is between, is gone. */
  break(): void {
    this.response.destroy();
  }
}

export class FakeServer {
  origin = "";
  url = "";
  /** What each RPC was asked, in order. */
  readonly calls: { method: string; request: Record<string, unknown> }[] = [];
  /** Updates that a watched ticket gets; without an end the stream stays open. */
  updates: object[] = [];
  /** Answers of unary calls, where a test wants another one. */
  readonly answers: Record<string, (request: Record<string, unknown>) => Answer> = {};
  /** Streams that are open and were not asked for by a test yet. */
  private streams: FakeStream[] = [];
  /** Streams begin to say something when a test does; until then not even their headers get through. */
  heldBack = false;
  /** HTTP status of new streams, other than 200. */
  refuse = 0;
  /** Headers of answers, besides the usual ones. */
  headers: Record<string, string> = {};
  /** Called when a connection has said hello. */
  onPlayer: () => void = () => {};
  /** Streams that watchers closed before their end. */
  abandoned = 0;
  graceMs = 30_000;
  resumed = false;
  rate = 50;
  /** Those of the wire's features that a welcome lists. */
  features = ["reply"];
  private readonly http: Server;
  private readonly sockets: WebSocketServer;
  private players: FakePlayer[] = [];
  private waiting: (() => void)[] = [];

  private constructor() {
    this.http = createServer((request, response) => void this.handle(request, response));
    this.sockets = new WebSocketServer({
      server: this.http,
      path: "/play",
      handleProtocols: (all) => [...all][0] ?? false,
    });
    this.sockets.on("connection", (socket) => void this.connection(socket));
  }

  static async start(): Promise<FakeServer> {
    const server = new FakeServer();
    server.http.listen(0, "127.0.0.1");
    await once(server.http, "listening");
    const { port } = server.http.address() as AddressInfo;
    server.origin = `http://127.0.0.1:${port}`;
    server.url = `ws://127.0.0.1:${port}/play`;
    server.updates = [server.assigned()];
    return server;
  }

  assigned(token = "join-1"): object {
    const assignment = { matchId: "m1", url: this.url, joinToken: token, game: "fake", mode: "free" };
    Object.assign(assignment, { queue: "fake/free", rulesVersion: "r1", team: 1 });
    return { state: "STATE_ASSIGNED", assignment };
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  /** Listens again on the same port, after a stop. */
  async restart(): Promise<void> {
    this.http.listen(Number(new URL(this.origin).port), "127.0.0.1");
    await once(this.http, "listening");
  }

  /** The next connection that has said hello. */
  async player(): Promise<FakePlayer> {
    while (this.players.length === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.players.shift()!;
  }

  private async connection(socket: WebSocket): Promise<void> {
    socket.on("error", () => {});
    const [data] = (await once(socket, "message")) as [Buffer];
    const reader = new Reader();
    reader.reset(new Uint8Array(data));
    const [, hello] = reader.value() as [number, Record<string, Value>];
    this.players.push(new FakePlayer(socket, hello));
    this.onPlayer();
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Lets the next connection in, and sends its first state. */
  async welcome(ships: Map<number, Ship> = new Map(), tick = 100): Promise<FakePlayer> {
    const player = await this.player();
    player.send([
      MessageType.welcome,
      {
        match: "m1",
        slot: 2,
        player: "p1",
        resume: "seat-secret",
        tick,
        rate: this.rate,
        game: "fake",
        version: "1",
        mode: { name: "free", title: "Free for all", teams: 0, max: 16, options: [["seconds", 180]] },
        schema,
        hash: schemaHash,
        grace: this.graceMs,
        resumed: player.hello.resume !== undefined,
        every: 1,
        features: this.features,
      },
    ]);
    player.snapshot(tick, ships);
    return player;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const method = (request.url ?? "").replace("/tactus.matchmaker.v1.MatchmakerService/", "");
    if (method.startsWith("Watch")) return this.watch(method, body, response);
    const asked = JSON.parse(body.toString()) as Record<string, unknown>;
    this.calls.push({ method, request: asked });
    for (const wake of this.waiting.splice(0)) wake();
    const standard: Answer = { body: { ticketId: "t1", playerId: "p1", guestToken: "guest-1", playerName: "Ada" } };
    const { status = 200, body: answer, headers } = this.answers[method]?.(asked) ?? standard;
    response
      .writeHead(status, { "Content-Type": "application/json", ...this.headers, ...headers })
      .end(JSON.stringify(answer));
  }

  private watch(method: string, body: Buffer, response: ServerResponse): void {
    const request = JSON.parse(body.subarray(5).toString()) as Record<string, unknown>;
    this.calls.push({ method, request });
    const wake = () => this.waiting.splice(0).forEach((waiting) => waiting());
    if (this.refuse) {
      response.writeHead(this.refuse).end();
      return wake();
    }
    response.writeHead(200, { "Content-Type": "application/connect+json" });
    if (!this.heldBack) response.flushHeaders();
    const stream = new FakeStream(method, request, response);
    let ended = false;
    for (const update of method === "WatchTicket" ? this.updates : []) {
      if ("error" in update) {
        stream.end(update.error as object);
        return wake();
      }
      stream.send(update);
      ended ||= "assignment" in update || "reason" in update;
    }
    if (ended) {
      stream.end();
      return wake();
    }
    this.streams.push(stream);
    response.on("close", () => {
      if (response.writableEnded) return;
      this.abandoned++;
      wake();
    });
    wake();
  }

  /** The next watch that stays open. */
  async stream(): Promise<FakeStream> {
    await this.until(() => this.streams.length > 0);
    return this.streams.shift()!;
  }

  /** Waits until a condition holds, looking at it whenever something reached the server. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

/** An envelope of the Connect protocol, in two writes' worth of bytes. */
function envelope(flags: number, message: object): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, text]);
}
